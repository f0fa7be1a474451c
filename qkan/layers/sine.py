"""SineKAN: edge functions that are sums of sines with learnable frequencies."""

from __future__ import annotations

import math
from typing import Unpack

import torch
from torch import Tensor, nn

from circuits.errors import check_integer, unknown_name
from qkan.layers.kan_layer import Common, KANLayer

__all__ = ["SineKANLayer"]

# The authors' fit of the phase ratio from grid i to grid i + 1: R(i) = A i^(-K) + C.
_A, _K, _C = 0.9724108095811765, 0.9884401790754128, 0.999449553483052
_INITIALIZATIONS = ("paper", "variance")


class SineKANLayer(KANLayer):
    r"""The layer of SineKAN.

    .. math::
        y_o = b_o + \sum_{i} \sum_{k=1}^{g} A_{iko} \sin(\omega_k x_i + \varphi_{ik}), \qquad
        \varphi_{ik} = \Bigl( \frac{k}{g + 1} + \pi \frac{i}{n - 1} \Bigr)
            \prod_{j=1}^{g-1} \bigl( A j^{-K} + C \bigr)

    for the inputs :math:`i = 0, \dots, n - 1`, with A = 0.9724108095811765,
    K = 0.9884401790754128 and C = 0.999449553483052. Amplitudes, frequencies and bias are
    learnable, the phases are fixed. The frequencies start at :math:`\omega_k = k` in a network's
    first layer and at :math:`k / (g + 1)` elsewhere.

    Shape:
        - Input: :math:`(*, \text{in\_features})`.
        - Output: :math:`(*, \text{out\_features})`.

    Args:
        grid: The number of sines, g.
        domain: The range of inputs that ``init="variance"`` and plots assume.
        first: Whether this is the first layer: the paper's rule for frequencies and amplitudes.
        init: ``"paper"``: amplitudes :math:`u / (k \, \text{out\_features})`, one u per edge,
            from N(0, 0.4²) in the first layer and uniform on (-1, 1) elsewhere, biases
            1 / out_features; or ``"variance"``: :func:`qkan.layers.initialization.variance_preserving`.
        in_features, out_features, base, bias, ...: As every :class:`qkan.layers.KANLayer`.

    Raises:
        UsageError: If an argument is out of range, or an input has the wrong shape or dtype.

    Example:
        >>> layer = SineKANLayer(4, 2, grid=3, first=True)
        >>> layer.frequencies.tolist()
        [1.0, 2.0, 3.0]
        >>> layer(torch.zeros(5, 4)).shape
        torch.Size([5, 2])

    Source: Reinhardt, Dinesh and Gleyzer, SineKAN: Kolmogorov-Arnold Networks Using Sinusoidal
    Activation Functions, arXiv:2407.04149 (section 2 gives the sum and the idea of the phase
    ratio; the constants and initial values are those of the authors' published code).
    """

    feature_axes = KANLayer.feature_axes | {"phases": (0, None)}

    phases: Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        grid: int = 8,
        domain: tuple[float, float] = (-math.pi, math.pi),
        base: str | None = None,
        *,
        first: bool = False,
        init: str = "paper",
        bias: bool = True,
        **common: Unpack[Common],
    ) -> None:
        if init not in _INITIALIZATIONS:
            raise unknown_name("init", init, _INITIALIZATIONS)
        super().__init__(
            in_features,
            out_features,
            check_integer("grid", grid),
            domain,
            base,
            bias=bias,
            **common,
        )
        self.first, self.init = first, init
        like = self._like
        self.frequencies = nn.Parameter(like.new_empty(self.grid))
        self.register_buffer("phases", _phases(self.in_features, self.grid).to(like))
        self.reset_parameters(common.get("generator"))

    @property
    def grid(self) -> int:
        """The number of sines."""
        return self.num_basis

    def basis(self, x: Tensor) -> Tensor:
        """Return the sines at ``x``, (N, in_features) -> (N, in_features, grid)."""
        # An outer product by matmul: its backward pass is one, too, instead of a slow reduction.
        angles = x.reshape(-1, 1) @ self.frequencies.unsqueeze(0)
        return torch.sin(angles.view(*x.shape, self.num_basis) + self.phases)

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw new weights by the rule ``init``, and put the frequencies back."""
        order = torch.arange(1, self.num_basis + 1).to(self.frequencies)
        self.frequencies.copy_(order if self.first else order / (self.num_basis + 1))
        if self.init == "variance":
            super().reset_parameters(generator)
            return
        edge = torch.empty(
            self.in_features, 1, self.out_features, device=generator.device if generator else None
        )
        if self.first:
            edge.normal_(0, 0.4, generator=generator)
        else:
            edge.uniform_(-1, 1, generator=generator)
        edge = edge.to(self._like) / self.out_features
        self.coefficients().copy_(edge / order.unsqueeze(-1))
        if self.base_weight is not None:
            self.base_weight.zero_()
        if self.bias is not None:
            self.bias.fill_(1 / self.out_features)


def _phases(in_features: int, grid: int) -> Tensor:
    """Return the fixed phases, (in_features, grid), in float64."""
    order = torch.arange(1, grid + 1, dtype=torch.float64)
    inputs = torch.linspace(0, math.pi, in_features, dtype=torch.float64)
    phases: Tensor = order / (grid + 1) + inputs.unsqueeze(-1)
    for j in range(1, grid):
        phases = phases * (_A * j**-_K + _C)
    return phases
