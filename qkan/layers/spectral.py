r"""Sizes of edges that are Fourier series, from their coefficients alone, and penalties on them.

An edge :math:`w (a_0 + \sum_k a_k \cos k t + b_k \sin k t)` has, over a period of its angle, by Parseval's theorem the
variance :math:`\sum_k P_k` with :math:`P_k = w^2 (a_k^2 + b_k^2) / 2`. No data are needed, and every weight of a
circuit gets its gradient.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from math import isfinite

import torch
from torch import Tensor, nn

from circuits.errors import UsageError
from qkan.layers.fourier import FourierKANLayer
from qkan.layers.qkan.layer import QuantumKANLayer
from qkan.layers.regularization import entropy_penalty

__all__ = ["SpectralPenalty", "amplitudes", "harmonic_power", "parseval_norms", "spectral_layers"]

SpectralLayer = QuantumKANLayer | FourierKANLayer


def amplitudes(layer: SpectralLayer) -> Tensor:
    """Return what multiplies the cosines and the sines on each edge, ``(2, degree, in, out)``; 0 where pruned."""
    if isinstance(layer, FourierKANLayer):
        shape = (layer.in_features, 2, layer.degree, layer.out_features)
        return layer.masked(layer.coefficients().view(shape).movedim(0, 2))
    flat = layer.circuit_coefficients()[1:]
    waves = flat.reshape(-1, 2, *flat.shape[1:]).movedim(1, 0)
    factor = layer.factor
    return waves if factor is None else waves * factor


def harmonic_power(layer: SpectralLayer) -> Tensor:
    r"""Return the variance that each harmonic gives an edge over a period, :math:`P_k`.

    Shape:
        Result: ``(degree, in_features, out_features)``, the harmonics from 1.

    Example:
        >>> layer = FourierKANLayer(1, 1, degree=2)
        >>> _ = layer.coefficients().data.copy_(torch.tensor([[[3.0], [0], [4], [2]]]))
        >>> harmonic_power(layer).flatten().tolist()
        [12.5, 2.0]
    """
    return amplitudes(layer).square().sum(0) / 2


def parseval_norms(layer: SpectralLayer) -> Tensor:
    r"""Return each edge's standard deviation over a period, :math:`\sqrt{\sum_k P_k}`, without its base function.

    An edge of size 0 has the gradient 0.

    Shape:
        Result: ``(in_features, out_features)``.
    """
    flat = amplitudes(layer).flatten(0, 1)
    norms: Tensor = torch.linalg.vector_norm(flat, dim=0) / 2**0.5
    return norms


@dataclass(frozen=True)
class SpectralPenalty:
    r"""A penalty on all Fourier edges of a model, to be added to its loss.

    .. math::
        \lambda_1 \sum_{io} n_{io} + \lambda_S \sum_{layers} S(n) + \lambda_f \sum_{io} \sum_k k^2 P_{k,io}, \qquad
        n_{io} = \sqrt{\textstyle\sum_k P_{k,io}} + |v_{io}| .

    The first term leaves few edges; the entropy S of the shares :math:`n / \sum n` makes edges of a layer unequal; the
    third, the mean squared slope over a period, prefers low harmonics. The base function has no period, so its weight
    v is counted as it is.

    Attributes:
        l1: The factor of the norms' sum.
        entropy: The factor of the entropy.
        high_frequency: The factor of the mean squared slopes.

    Raises:
        UsageError: If a factor is negative or not finite, or a model has no such edges.

    Example:
        >>> penalty = SpectralPenalty(l1=1e-3, high_frequency=1e-4)
        >>> model = nn.Sequential(QuantumKANLayer(2, 3), QuantumKANLayer(3, 1))
        >>> penalty(model).backward()
        >>> bool((model[0].edges.weights()[0].grad != 0).any())
        True

    Source: Parseval's theorem; Liu et al., arXiv:2404.19756, eq. 2.17 to 2.20, for the norms and their entropy, there
    by means over the data (:func:`qkan.layers.regularization.edge_norms`).
    """

    l1: float = 0.0
    entropy: float = 0.0
    high_frequency: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, int | float) or not isfinite(value) or value < 0:
                raise UsageError(f"{field.name} must be a finite number >= 0, got {value!r}")

    def __call__(self, model: nn.Module) -> Tensor:
        """Return the penalty of a model, a scalar."""
        total: Tensor = sum(  # type: ignore[assignment]  # there is at least one layer
            self._layer(layer) for layer in spectral_layers(model)
        )
        return total

    def _layer(self, layer: SpectralLayer) -> Tensor:
        flat = amplitudes(layer)
        norms = torch.linalg.vector_norm(flat.flatten(0, 1), dim=0) / 2**0.5
        if layer.base_weight is not None:
            norms = norms + layer.masked(layer.base_weight).abs()
        order = torch.arange(1, flat.shape[1] + 1, device=flat.device, dtype=flat.dtype)
        slopes = (flat * order[:, None, None]).square().sum() / 2
        total: Tensor = self.l1 * norms.sum() + self.high_frequency * slopes
        return total + self.entropy * entropy_penalty(norms)


def spectral_layers(model: nn.Module) -> Iterator[SpectralLayer]:
    """Yield the layers of a model whose edges are Fourier series.

    Raises:
        UsageError: If there are none.
    """
    found = [m for m in model.modules() if isinstance(m, QuantumKANLayer | FourierKANLayer)]
    if not found:
        raise UsageError(
            f"{type(model).__name__} has no edges that are Fourier series (QuantumKANLayer, FourierKANLayer); "
            "for other KAN layers take qkan.layers.regularization.edge_norms"
        )
    yield from found
