"""Fourier KAN layer whose frequencies are trained: the exact classical form of a quantum KAN layer."""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from circuits.errors import UsageError, unknown_name
from qkan.layers.fourier import FourierKANLayer
from qkan.layers.input_map import make_input_map
from qkan.layers.precision import without_autocast
from qkan.layers.prunable import axes_with
from qkan.layers.qkan.product import per_edge_sum

__all__ = ["Frequencies", "ScaledFourierKANLayer"]

Frequencies = Literal["per-input", "per-edge", "fixed"]


class ScaledFourierKANLayer(FourierKANLayer):
    r"""A Fourier KAN layer with a trainable frequency for each input or each edge.

    .. math::
        y_o = b_o + \sum_i \Bigl[ v_{io} B(x_i) + \sum_{k=1}^{d}
            c_{iko} \cos(k s a_{io} x_i) + c_{i,d+k,o} \sin(k s a_{io} x_i) \Bigr]

    Every quantum KAN layer is such a layer, whatever its circuits: phases and factors go into the coefficients, see
    :meth:`qkan.QuantumKANLayer.to_classical`. The coefficients are free here, and no circuit is left.

    Shape:
        - Input: :math:`(*, \text{in\_features})`.
        - Output: :math:`(*, \text{out\_features})`.

    Args:
        in_features: Size of each input sample.
        out_features: Size of each output sample.
        degree: The highest harmonic d.
        domain: The range of inputs that the initial weights and plots assume; by default one period.
        base: A fixed function that every edge adds with a weight of its own: ``"silu"``, ``"tanh"``, ``"identity"`` or
            None.
        frequencies: Which edges share a: ``"per-input"``, ``"per-edge"``, or ``"fixed"``, a = 1. They start at 1. With
            frequencies of their own, edges share no basis: the product is then made for each output.
        scale: The angular frequency s of the first harmonic at a = 1.
        bias: Whether a constant is added to each output.
        input_map: What is done to the inputs first, as in :class:`qkan.QuantumKANLayer`: ``"none"``, ``"tanh"``,
            ``"standardise"`` or ``"arccos"``.
        generator: Where the initial weights are drawn from; by default torch's own generator.
        device: The device of the parameters.
        dtype: The type of the parameters.

    Raises:
        UsageError: If an argument is out of range, or an input has the wrong shape or dtype.

    Example:
        >>> layer = ScaledFourierKANLayer(2, 3, degree=4, frequencies="per-edge")
        >>> layer(torch.zeros(5, 2)).shape
        torch.Size([5, 3])

    Source: F. J. Schreiber, J. Eisert, J. J. Meyer, "Classical surrogates for quantum learning models",
    arXiv:2206.11740; M. Schuld, R. Sweke, J. J. Meyer, arXiv:2008.08605.
    """

    feature_axes = axes_with(FourierKANLayer, frequency=(0, 1))

    frequency: nn.Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        degree: int = 3,
        domain: tuple[float, float] | None = None,
        base: str | None = "silu",
        *,
        frequencies: Frequencies = "per-input",
        scale: float = 1.0,
        bias: bool = True,
        input_map: str = "none",
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if frequencies not in get_args(Frequencies):
            raise unknown_name("frequencies", str(frequencies), get_args(Frequencies))
        super().__init__(
            in_features,
            out_features,
            degree,
            domain,
            base,
            scale=scale,
            bias=bias,
            generator=generator,
            device=device,
            dtype=dtype,
        )
        self.frequencies = frequencies
        self.input_map = make_input_map(
            input_map, in_features, reach=math.pi, device=device, dtype=dtype
        )
        shape = (in_features, out_features) if frequencies == "per-edge" else (in_features,)
        start = torch.ones(shape, device=device, dtype=dtype)
        self.frequency = None if frequencies == "fixed" else nn.Parameter(start)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw new coefficients as :class:`FourierKANLayer` does; put the frequencies back to 1."""
        frequency = getattr(self, "frequency", None)  # not there yet while the layer is made
        if frequency is not None:
            nn.init.ones_(frequency)
        super().reset_parameters(generator)

    def basis(self, x: Tensor) -> Tensor:
        """Return cosines, then sines, (N, in_features) -> (N, in_features, 2 degree).

        Raises:
            UsageError: If edges have frequencies of their own: then they share no basis.
        """
        frequency = getattr(self, "frequency", None)
        if frequency is None:
            return super().basis(x)
        if frequency.ndim > 1 and bool((frequency != 1).any()):
            raise UsageError("edges with frequencies of their own have no common basis")
        return super().basis(x * (frequency if frequency.ndim == 1 else 1))

    @without_autocast
    def forward(self, input: Tensor) -> Tensor:
        """Return the sums over the edges, ``(*, in_features) -> (*, out_features)``."""
        if self.frequency is None or self.frequency.ndim == 1:
            return super().forward(input)
        x = self._samples(input)
        shape = (self.in_features, 2, self.degree, self.out_features)
        waves = self.masked(self.coefficients().view(shape).movedim((2, 1), (0, 1)))
        rate = self.scale * self.frequency
        y = per_edge_sum(x, rate, torch.zeros_like(rate), waves.flatten(0, 1))
        if self.base_weight is not None:
            y = torch.addmm(y, self.base_function(x), self.masked(self.base_weight))
        y = y if self.bias is None else y + self.bias
        return self.with_offset(y).reshape(*input.shape[:-1], self.out_features)

    def edge_values(self, x: Tensor) -> Tensor:
        """Return the edge functions at points behind the input map, (N, in) -> (N, in, out)."""
        if self.frequency is None or self.frequency.ndim == 1:
            return super().edge_values(x)
        values = [
            super(ScaledFourierKANLayer, self).basis(column)
            for column in (x.unsqueeze(-1) * self.frequency).unbind(-1)
        ]
        edges = torch.einsum("nigo,igo->nio", torch.stack(values, dim=-1), self.coefficients())
        if self.base_weight is not None:
            edges = edges + self.base_function(x).unsqueeze(-1) * self.base_weight
        return self.masked(edges)

    def extra_repr(self) -> str:
        """Return the arguments that ``print(layer)`` shows."""
        return f"{super().extra_repr()}, frequencies={self.frequencies!r}"
