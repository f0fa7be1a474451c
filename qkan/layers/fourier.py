"""KAN layer with Fourier series on its edges: the classical twin of a quantum KAN layer."""

from __future__ import annotations

import copy
import math
from typing import Any, Literal, Unpack, get_args

import torch
from torch import Tensor, nn

from circuits.errors import check_integer, check_real, unknown_name
from qkan.layers.input_map import input_map_name
from qkan.layers.kan_layer import Common, EdgeSeries, KANLayer
from qkan.layers.series_sum import harmonics, phases, series_sum

__all__ = ["FourierKANLayer", "Frequencies"]

Frequencies = Literal["fixed", "per-input", "per-edge"]
"""Which edges share a frequency."""


class FourierKANLayer(KANLayer):
    r"""A KAN layer whose edge functions are Fourier series.

    .. math::
        y_o = b_o + \sum_i \sum_{k=1}^{d}
            \bigl( c_{i,2k-1,o} \cos(k s a_{io} x_i) + c_{i,2k,o} \sin(k s a_{io} x_i) \bigr)

    An expectation value of a circuit that uploads x in d Pauli rotations of scale s is exactly such a series, with
    coefficients that the ansatz ties together. Here they are free: whatever a quantum edge of this degree can fit, this
    layer can, which makes it the control that a claim about quantum edges needs; :meth:`twin_of` makes it. The constant
    of all edges is the bias.

    Shape:
        - Input: :math:`(*, \text{in\_features})`.
        - Output: :math:`(*, \text{out\_features})`.

    Args:
        degree: The highest harmonic d; a circuit's number of uploads.
        domain: The range of mapped inputs that the initial weights and plots assume; by default one
            period, :math:`(-\pi / s, \pi / s)`.
        scale: The angular frequency s of the first harmonic.
        frequencies: Which edges share a trainable a: ``"per-input"``, ``"per-edge"``, or ``"fixed"``, a = 1. They start
            at 1. With frequencies of their own, edges share no basis: the product is then made for each output.
        in_features, out_features, base, bias, ...: As every :class:`qkan.layers.KANLayer`;
            ``input_map="tanh"`` maps into (-pi, pi).

    Raises:
        UsageError: If an argument is out of range, or an input has the wrong shape or dtype.

    Example:
        >>> layer = FourierKANLayer(2, 3, degree=4)
        >>> x = torch.zeros(5, 2)
        >>> torch.allclose(layer(x), layer(x + 2 * math.pi), atol=1e-5)
        True

    Source: M. Schuld, R. Sweke, J. J. Meyer, arXiv:2008.08605, eq. 5; F. J. Schreiber, J. Eisert, J. J. Meyer,
    "Classical surrogates for quantum learning models", arXiv:2206.11740.
    """

    feature_axes = KANLayer.feature_axes | {"frequency": (0, 1)}
    is_series = True
    reach = math.pi

    frequency: nn.Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        degree: int = 4,
        domain: tuple[float, float] | None = None,
        base: str | None = None,
        *,
        scale: float = 1.0,
        frequencies: Frequencies = "fixed",
        bias: bool = True,
        **common: Unpack[Common],
    ) -> None:
        scale = check_real("scale", scale, above=0)
        if frequencies not in get_args(Frequencies):
            raise unknown_name("frequencies", str(frequencies), get_args(Frequencies))
        if domain is None:
            domain = -math.pi / scale, math.pi / scale
        super().__init__(
            in_features,
            out_features,
            2 * check_integer("degree", degree),
            domain,
            base,
            bias=bias,
            **common,
        )
        self.scale, self.frequencies = scale, frequencies
        shape = [self.in_features, self.out_features][: 2 if frequencies == "per-edge" else 1]
        start = self._like.new_ones(shape)
        self.frequency = None if frequencies == "fixed" else nn.Parameter(start)
        self.reset_parameters(common.get("generator"))

    @property
    def degree(self) -> int:
        """The highest harmonic d."""
        return self.num_basis // 2

    def basis(self, x: Tensor) -> Tensor:
        """Return cos, sin, cos 2, ..., (N, in) -> (N, in, 2 degree), or (N, in, 2 degree, out) for own frequencies."""
        own = self.frequency is not None and self.frequency.ndim == 2
        angles = phases(x.unsqueeze(-1) if own else x, self.frequency, scale=self.scale)
        return harmonics(angles, self.degree, dim=2)

    def sum_of_edges(self, x: Tensor) -> Tensor:
        """Return the sums at mapped inputs, (N, in) -> (N, out)."""
        waves = self.masked(self.coefficients().movedim(1, 0))
        y = self.plus_base(series_sum(x, self.frequency, None, waves, self.scale), x)
        return y if self.bias is None else y + self.bias

    def series(self) -> EdgeSeries:
        """Return the edges as Fourier series of mapped inputs, pruned ones too; their constants are 0."""
        waves = self.coefficients().movedim(1, 0)
        a = self._like.new_ones(1, 1) if self.frequency is None else self.frequency
        rate = self.scale * (a if a.ndim == 2 else a.unsqueeze(-1))
        constant = torch.zeros_like(waves[:1])
        phase = torch.zeros_like(rate)
        return EdgeSeries(torch.cat([constant, waves]), rate, phase, self.scale, self.frequencies)

    @classmethod
    @torch.no_grad()
    def twin_of(cls, layer: KANLayer) -> FourierKANLayer:
        r"""Return the Fourier layer that is the same function as a layer of Fourier series, trainable as it is.

        No circuit is left, and no value changes: with :math:`\omega x + \delta` for the angle of an edge and
        :math:`A_k, B_k` for its coefficients of cos and sin,

        .. math::
            \alpha_k = A_k \cos k \delta + B_k \sin k \delta, \qquad \beta_k = B_k \cos k \delta - A_k \sin k \delta

        are those of :math:`\cos k \omega x` and :math:`\sin k \omega x`. On a backend with shots it is made from one
        sample of the nodes.

        Raises:
            UsageError: If the edges of the layer are no Fourier series.
        """
        series = copy.deepcopy(layer).double().series()
        coefficients, phase = series.coefficients, series.phase
        twin = cls(
            layer.in_features,
            layer.out_features,
            len(coefficients) // 2,
            base=layer.base,
            scale=series.scale,
            frequencies=series.frequencies,  # type: ignore[arg-type]  # it is one of them
            input_map=input_map_name(layer.input_map),
            generator=torch.Generator().manual_seed(0),  # overwritten
            device=coefficients.device,
            dtype=layer.dtype,
        )
        order = torch.arange(1, twin.degree + 1).to(coefficients)[:, None, None]
        cos, sin = torch.cos(order * phase), torch.sin(order * phase)
        a, b = coefficients[1::2], coefficients[2::2]
        waves = torch.stack([a * cos + b * sin, b * cos - a * sin], dim=1).flatten(0, 1)
        twin.coefficients().copy_(waves.movedim(0, 1))
        if twin.frequency is not None:
            twin.frequency.copy_((series.frequency / series.scale).view(twin.frequency.shape))
        if twin.base_weight is not None and layer.base_weight is not None:
            twin.base_weight.copy_(layer.base_weight)
        constants = layer.masked(coefficients[0]).sum(0)
        for more in (layer.bias, layer.offset):
            constants = constants if more is None else constants + more
        assert twin.bias is not None  # it was made with one
        twin.bias.copy_(constants)
        twin.mask = None if layer.mask is None else layer.mask.clone()
        if twin.input_map is not None and layer.input_map is not None:
            twin.input_map.load_state_dict(layer.input_map.state_dict())
        return twin.train(layer.training)

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw new coefficients as every :class:`KANLayer` does; put the frequencies back to 1."""
        if self.frequency is not None:
            self.frequency.fill_(1.0)
        super().reset_parameters(generator)

    def _initial_basis(self, x: Tensor) -> Tensor:
        return harmonics(self.scale * x, self.degree, dim=2)  # at frequencies of 1 edges share it

    def _draw(self, shape: tuple[int, ...], generator: torch.Generator | None) -> Tensor:
        return self._interleaved(super()._draw(shape, generator))

    def _interleaved(self, values: Tensor) -> Tensor:
        """Return values that stand for all cosines and then all sines (and then the base) in today's order."""
        order = torch.arange(2 * self.degree).view(2, -1).T.flatten()
        rest = torch.arange(2 * self.degree, values.shape[1])
        return values[:, torch.cat([order, rest]).to(values.device)]

    def _from_first_house(self, name: str, value: Any) -> Any:
        if name != "weight" or value.shape != getattr(self.edge_weight, "shape", None):
            return value
        size = self.in_features * self.num_basis
        waves = self._interleaved(value[:size].view(self.in_features, -1, self.out_features))
        return torch.cat([waves.flatten(0, 1), value[size:]])
