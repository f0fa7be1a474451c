"""Classical and quantum Kolmogorov-Arnold networks, and quanvolution, for PyTorch.

The public names are imported when they are first used: ``import qkan`` loads neither torch nor
PennyLane.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qkan._guard import require_own_circuits
from qkan._version import __version__

require_own_circuits()

from circuits._lazy import lazy_exports  # noqa: E402  (only once the guard has passed)

if TYPE_CHECKING:
    from circuits import CircuitError, MissingExtraError, UsageError
    from qkan import analysis, cache, data, estimators, layers, models, plotting, training
    from qkan.analysis import plot
    from qkan.data import mnist
    from qkan.layers.bspline import BSplineKANLayer
    from qkan.layers.chebyshev import ChebyshevKANLayer
    from qkan.layers.fourier_kan import FourierKANLayer
    from qkan.layers.preprocess import preprocess
    from qkan.layers.qkan import QuantumKANLayer
    from qkan.layers.qkan.scaled_fourier import ScaledFourierKANLayer
    from qkan.layers.quantum import QuantumLayer
    from qkan.layers.quanvolution import Quanvolution2d
    from qkan.layers.rbf import RBFKANLayer
    from qkan.layers.sine import SineKANLayer
    from qkan.layers.spectral import SpectralPenalty
    from qkan.models import (
        CNN,
        KAN,
        MLP,
        QKAN,
        CNNConfig,
        HybridKAN,
        HybridKANConfig,
        KANConfig,
        MLPConfig,
        QKANConfig,
        QuanvolutionNet,
        QuanvolutionNetConfig,
        SineKAN,
        SineKANConfig,
    )
    from qkan.training import History, TrainingConfig, fit

__all__ = [
    "CNN",
    "KAN",
    "MLP",
    "QKAN",
    "BSplineKANLayer",
    "CNNConfig",
    "ChebyshevKANLayer",
    "CircuitError",
    "FourierKANLayer",
    "History",
    "HybridKAN",
    "HybridKANConfig",
    "KANConfig",
    "MLPConfig",
    "MissingExtraError",
    "QKANConfig",
    "QuantumKANLayer",
    "QuantumLayer",
    "Quanvolution2d",
    "QuanvolutionNet",
    "QuanvolutionNetConfig",
    "RBFKANLayer",
    "ScaledFourierKANLayer",
    "SineKAN",
    "SineKANConfig",
    "SineKANLayer",
    "SpectralPenalty",
    "TrainingConfig",
    "UsageError",
    "__version__",
    "analysis",
    "cache",
    "data",
    "estimators",
    "fit",
    "layers",
    "mnist",
    "models",
    "plot",
    "plotting",
    "preprocess",
    "training",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "BSplineKANLayer": "qkan.layers.bspline",
        "SineKANLayer": "qkan.layers.sine",
        "ChebyshevKANLayer": "qkan.layers.chebyshev",
        "FourierKANLayer": "qkan.layers.fourier_kan",
        "RBFKANLayer": "qkan.layers.rbf",
        "QuantumKANLayer": "qkan.layers.qkan",
        "ScaledFourierKANLayer": "qkan.layers.qkan.scaled_fourier",
        "SpectralPenalty": "qkan.layers.spectral",
        "CNN": "qkan.models",
        "KAN": "qkan.models",
        "MLP": "qkan.models",
        "QKAN": "qkan.models",
        "CNNConfig": "qkan.models",
        "HybridKAN": "qkan.models",
        "HybridKANConfig": "qkan.models",
        "KANConfig": "qkan.models",
        "MLPConfig": "qkan.models",
        "QKANConfig": "qkan.models",
        "QuanvolutionNet": "qkan.models",
        "QuanvolutionNetConfig": "qkan.models",
        "SineKAN": "qkan.models",
        "SineKANConfig": "qkan.models",
        "History": "qkan.training",
        "TrainingConfig": "qkan.training",
        "fit": "qkan.training",
        "models": "qkan.models",
        "training": "qkan.training",
        "estimators": "qkan.estimators",
        "CircuitError": "circuits.errors",
        "MissingExtraError": "circuits.errors",
        "QuantumLayer": "qkan.layers.quantum",
        "Quanvolution2d": "qkan.layers.quanvolution",
        "UsageError": "circuits.errors",
        "cache": "qkan.cache",
        "data": "qkan.data",
        "layers": "qkan.layers",
        "plotting": "qkan.plotting",
        "plot": "qkan.analysis",
        "analysis": "qkan.analysis",
        "mnist": "qkan.data",
        "preprocess": "qkan.layers.preprocess",
    },
)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
