"""Layers for torch models, one a file; ``LAYERS`` is the list of the KAN layers, which share one base class."""

from __future__ import annotations

from qkan.layers.bspline import BSplineKANLayer
from qkan.layers.chebyshev import ChebyshevKANLayer
from qkan.layers.fourier import FourierKANLayer
from qkan.layers.kan_layer import KANLayer
from qkan.layers.quantum import QuantumLayer
from qkan.layers.quantum_kan import QuantumKANLayer
from qkan.layers.quanvolution import Quanvolution2d
from qkan.layers.rbf import RBFKANLayer
from qkan.layers.regularization import SpectralPenalty
from qkan.layers.sine import SineKANLayer
from qkan.layers.wavelet import WaveletKANLayer

__all__ = [
    "LAYERS",
    "BSplineKANLayer",
    "ChebyshevKANLayer",
    "FourierKANLayer",
    "KANLayer",
    "QuantumKANLayer",
    "QuantumLayer",
    "Quanvolution2d",
    "RBFKANLayer",
    "SineKANLayer",
    "SpectralPenalty",
    "WaveletKANLayer",
]

LAYERS: dict[str, type[KANLayer]] = {
    "bspline": BSplineKANLayer,
    "sine": SineKANLayer,
    "chebyshev": ChebyshevKANLayer,
    "fourier": FourierKANLayer,
    "rbf": RBFKANLayer,
    "quantum": QuantumKANLayer,
    "wavelet": WaveletKANLayer,
}
"""The KAN layers by the names that specs of models give them."""


def __dir__() -> list[str]:
    return __all__
