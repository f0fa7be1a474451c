"""KAN layer with wavelets on its edges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Unpack

import torch
from torch import Tensor, nn

from circuits.errors import check_integer, unknown_name
from qkan.layers.kan_layer import Common, KANLayer

__all__ = ["WAVELETS", "WaveletKANLayer"]

WAVELETS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "mexican-hat": lambda t: 2 / (3**0.5 * torch.pi**0.25) * (1 - t**2) * torch.exp(-(t**2) / 2),
    "morlet": lambda t: torch.cos(5 * t) * torch.exp(-(t**2) / 2),
    "dog": lambda t: -t * torch.exp(-(t**2) / 2),
}
"""The mother wavelets; ``"dog"`` is the derivative of a Gaussian."""


class WaveletKANLayer(KANLayer):
    r"""A KAN layer whose edge functions are sums of a wavelet's translates.

    .. math::
        y_o = b_o + \sum_i \sum_{g} c_{igo} \, \psi\Bigl( \frac{x_i - \tau_{ig}}{s_{ig}} \Bigr)

    The translations :math:`\tau` start spread evenly over the domain and the scales s at their distance; both are
    trained, for each input.

    Shape:
        - Input: :math:`(*, \text{in\_features})`.
        - Output: :math:`(*, \text{out\_features})`.

    Args:
        grid: The number of wavelets an edge, at least two.
        domain: The range of the translations at first.
        wavelet: The mother wavelet: ``"mexican-hat"``, ``"morlet"`` or ``"dog"``.
        in_features, out_features, base, bias, ...: As every :class:`qkan.layers.KANLayer`.

    Raises:
        UsageError: If an argument is out of range, or an input has the wrong shape or dtype.

    Example:
        >>> WaveletKANLayer(2, 3, wavelet="morlet")(torch.zeros(5, 2)).shape
        torch.Size([5, 3])

    Source: Bozorgasl and Chen, Wav-KAN: Wavelet Kolmogorov-Arnold Networks, arXiv:2405.12832. There each edge has one
    wavelet with a translation and a scale of its own; here the edges of an input share a few, so that a layer is one
    matrix product.
    """

    feature_axes = KANLayer.feature_axes | {"translation": (0, None), "log_scale": (0, None)}

    def __init__(
        self,
        in_features: int,
        out_features: int,
        grid: int = 8,
        domain: tuple[float, float] = (-2.0, 2.0),
        base: str | None = "silu",
        *,
        wavelet: str = "mexican-hat",
        bias: bool = True,
        **common: Unpack[Common],
    ) -> None:
        if wavelet not in tuple(WAVELETS):
            raise unknown_name("wavelet", wavelet, WAVELETS)
        super().__init__(
            in_features,
            out_features,
            check_integer("grid", grid, 2),
            domain,
            base,
            bias=bias,
            **common,
        )
        self.wavelet, self.grid = wavelet, check_integer("grid", grid)
        blank = self._like.new_empty(self.in_features, self.grid)
        self.translation, self.log_scale = nn.Parameter(blank), nn.Parameter(blank.clone())
        self.reset_parameters(common.get("generator"))

    def basis(self, x: Tensor) -> Tensor:
        """Return the wavelets at ``x``, (N, in_features) -> (N, in_features, grid)."""
        t = (x.unsqueeze(-1) - self.translation) * torch.exp(-self.log_scale)
        return WAVELETS[self.wavelet](t.clamp(-1e4, 1e4))  # zero there; beyond, 0 times infinity

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Put translations and scales back, and draw new coefficients as every :class:`KANLayer` does."""
        lower, upper = self.domain
        self.translation.copy_(torch.linspace(lower, upper, self.grid, dtype=torch.float64))
        self.log_scale.fill_((upper - lower) / (self.grid - 1)).log_()
        super().reset_parameters(generator)
