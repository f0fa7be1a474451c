"""KAN layer with Chebyshev polynomials on its edges."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor

from circuits.errors import check_integer, unknown_name
from qkan.layers.checks import inclusive_clamp
from qkan.layers.kan_layer import Common, KANLayer

__all__ = ["ChebyshevKANLayer"]

_SQUASHES = ("tanh", "clamp")


class ChebyshevKANLayer(KANLayer):
    r"""A KAN layer whose edge functions are Chebyshev series.

    .. math::
        y_o = b_o + \sum_i \sum_{k=1}^{d} c_{iko} T_k(s(x_i)), \qquad
        T_{k+1}(z) = 2 z T_k(z) - T_{k-1}(z)

    where s brings the inputs into [-1, 1], because the polynomials explode outside. The recursion
    is stable there, and unlike :math:`\cos(k \arccos z)` it has a gradient at both ends. The
    constant :math:`T_0` of all edges is the bias.

    Shape:
        - Input: :math:`(*, \text{in\_features})`.
        - Output: :math:`(*, \text{out\_features})`.

    Args:
        degree: The highest degree d.
        domain: The range of inputs that is mapped to (-1, 1) before s.
        squash: What s is: ``"tanh"``, smooth, but never quite at the ends; or ``"clamp"``, exact
            inside the domain and constant outside.
        in_features, out_features, base, bias, ...: As every :class:`qkan.layers.KANLayer`.

    Raises:
        UsageError: If an argument is out of range, or an input has the wrong shape or dtype.

    Example:
        >>> ChebyshevKANLayer(2, 3, degree=4)(torch.zeros(5, 2)).shape
        torch.Size([5, 3])

    Source: SS et al., Chebyshev Polynomial-Based Kolmogorov-Arnold Networks, arXiv:2405.07200;
    the squashing by clamp and the initial weights are ours.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        degree: int = 4,
        domain: tuple[float, float] = (-1.0, 1.0),
        base: str | None = None,
        *,
        squash: str = "tanh",
        bias: bool = True,
        **common: Unpack[Common],
    ) -> None:
        if squash not in _SQUASHES:
            raise unknown_name("squash", squash, _SQUASHES)
        super().__init__(
            in_features,
            out_features,
            check_integer("degree", degree),
            domain,
            base,
            bias=bias,
            **common,
        )
        self.squash = squash
        self.reset_parameters(common.get("generator"))

    @property
    def degree(self) -> int:
        """The highest degree d."""
        return self.num_basis

    def basis(self, x: Tensor) -> Tensor:
        """Return T_1 to T_degree at ``x``, (N, in_features) -> (N, in_features, degree)."""
        lower, upper = self.domain
        z = (x - (lower + upper) / 2) * (2 / (upper - lower))
        z = torch.tanh(z) if self.squash == "tanh" else inclusive_clamp(z, -1.0, 1.0)
        terms = [torch.ones_like(z), z]
        for _ in range(1, self.num_basis):
            terms.append(2 * z * terms[-1] - terms[-2])
        return torch.stack(terms[1:], dim=-1)
