"""KAN layer with Gaussian radial basis functions on its edges."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor

from circuits.errors import check_integer
from qkan.layers.kan_layer import Common, KANLayer

__all__ = ["RBFKANLayer"]


class RBFKANLayer(KANLayer):
    r"""A KAN layer whose edge functions are sums of Gaussians.

    .. math::
        y_o = \sum_i \Bigl( \sum_{g} c_{igo} \exp\bigl( -(x_i - \mu_g)^2 / h^2 \bigr)
            + v_{io} \, b(x_i) \Bigr)

    with ``grid`` centres :math:`\mu_g` spread evenly over the domain, both ends included, at the
    distance h. A Gaussian of this width is close to a cubic B-spline; there is no boundary, but
    far from the domain only the base is left.

    Shape:
        - Input: :math:`(*, \text{in\_features})`.
        - Output: :math:`(*, \text{out\_features})`.

    Args:
        grid: The number of centres, at least two.
        domain: The range of the centres.
        in_features, out_features, base, bias, ...: As every :class:`qkan.layers.KANLayer`.

    Raises:
        UsageError: If an argument is out of range, or an input has the wrong shape or dtype.

    Example:
        >>> RBFKANLayer(2, 3, grid=5)(torch.zeros(5, 2)).shape
        torch.Size([5, 3])

    Source: Li, Kolmogorov-Arnold Networks are Radial Basis Function Networks, arXiv:2405.06721;
    its layer normalisation is our ``input_map="layer"``.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        grid: int = 8,
        domain: tuple[float, float] = (-2.0, 2.0),
        base: str | None = "silu",
        *,
        bias: bool = True,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(
            in_features,
            out_features,
            check_integer("grid", grid, 2),
            domain,
            base,
            bias=bias,
            **common,
        )
        self.reset_parameters(common.get("generator"))

    @property
    def grid(self) -> int:
        """The number of centres."""
        return self.num_basis

    def basis(self, x: Tensor) -> Tensor:
        """Return the Gaussians at ``x``, (N, in_features) -> (N, in_features, grid)."""
        lower, upper = self.domain
        centres = torch.linspace(lower, upper, self.num_basis, device=x.device, dtype=x.dtype)
        width = (upper - lower) / (self.num_basis - 1)
        return torch.exp(-(((x.unsqueeze(-1) - centres) / width) ** 2))
