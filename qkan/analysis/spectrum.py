"""The Fourier spectrum of edge functions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from circuits.fourier import basis
from qkan.layers.kan_layer import KANLayer

__all__ = ["EdgeSpectrum", "edge_spectrum"]


@dataclass(frozen=True, eq=False)
class EdgeSpectrum:
    r"""The Fourier series of every edge.

    .. math:: \sum_k C_{kio}\, \phi_k(\omega_{io} x + b_{io}), \qquad \phi = (1, \cos t, \sin t, \cos 2t, \dots)

    Attributes:
        coefficients: :math:`C`, with the factor and the offset of the edge, ``(2 degree + 1, in, out)``.
        frequency: :math:`\omega`, in radian per unit of the input, ``(in, out)``.
        shift: :math:`b`, ``(in, out)``.
    """

    coefficients: NDArray[np.float64]
    frequency: NDArray[np.float64]
    shift: NDArray[np.float64]

    @property
    def degree(self) -> int:
        """The highest harmonic."""
        return len(self.coefficients) // 2

    @property
    def amplitudes(self) -> NDArray[np.float64]:
        r"""The height of each wave, :math:`A_k = (C_{2k-1}^2 + C_{2k}^2)^{1/2}`, ``(degree + 1, in, out)``."""
        c = self.coefficients
        return np.concatenate([np.abs(c[:1]), np.hypot(c[1::2], c[2::2])])

    def harmonics(self, edge: tuple[int, int], x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the constant and each harmonic's wave of one edge along ``x``; they add up to the edge.

        Shape:
            - x: ``(P,)``
            - result: ``(degree + 1, P)``
        """
        angle = self.frequency[edge] * np.asarray(x) + self.shift[edge]
        parts = self.coefficients[(slice(None), *edge)][:, None] * basis(angle, self.degree, 1.0)
        return np.concatenate([parts[:1], parts[1::2] + parts[2::2]])


def edge_spectrum(layer: KANLayer) -> EdgeSpectrum:
    """Return the exact spectrum of every edge of a quantum layer or its classical twin, without the base function.

    It is a function of the input behind the layer's input map.

    Raises:
        UsageError: If the edges of the layer are no Fourier series.
        CircuitError: If its circuit has none.

    Example:
        >>> import qkan
        >>> edge_spectrum(qkan.QuantumKANLayer(2, 3, "pz(depth=4)")).amplitudes.shape
        (5, 2, 3)

    Source:
        M. Schuld, R. Sweke, J. J. Meyer, Phys. Rev. A 103, 032430 (2021), arXiv:2008.08605.
    """
    with torch.no_grad():
        series = layer.series()
        edges = (layer.in_features, layer.out_features)
        parts = layer.masked(series.coefficients), *(p.expand(edges) for p in series[1:3])
    return EdgeSpectrum(*(np.asarray(part.double().cpu()) for part in parts))
