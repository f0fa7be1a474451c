"""Models made of this library's layers, each from a plain configuration, saved and loaded whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuits._lazy import lazy_exports

if TYPE_CHECKING:
    from qkan.models.base import Model
    from qkan.models.cnn import CNN, CNNConfig
    from qkan.models.hybrid_kan import HybridKAN, HybridKANConfig
    from qkan.models.kan import KAN, KANConfig
    from qkan.models.mlp import MLP, MLPConfig
    from qkan.models.qkan import QKAN, QKANConfig
    from qkan.models.quanvolution_net import QuanvolutionNet, QuanvolutionNetConfig
    from qkan.models.registry import MODELS, load, make
    from qkan.models.sine_kan import SineKAN, SineKANConfig

__all__ = [
    "CNN",
    "KAN",
    "MLP",
    "MODELS",
    "QKAN",
    "CNNConfig",
    "HybridKAN",
    "HybridKANConfig",
    "KANConfig",
    "MLPConfig",
    "Model",
    "QKANConfig",
    "QuanvolutionNet",
    "QuanvolutionNetConfig",
    "SineKAN",
    "SineKANConfig",
    "load",
    "make",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "CNN": "qkan.models.cnn",
        "CNNConfig": "qkan.models.cnn",
        "HybridKAN": "qkan.models.hybrid_kan",
        "HybridKANConfig": "qkan.models.hybrid_kan",
        "KAN": "qkan.models.kan",
        "KANConfig": "qkan.models.kan",
        "MLP": "qkan.models.mlp",
        "MLPConfig": "qkan.models.mlp",
        "MODELS": "qkan.models.registry",
        "Model": "qkan.models.base",
        "QKAN": "qkan.models.qkan",
        "QKANConfig": "qkan.models.qkan",
        "QuanvolutionNet": "qkan.models.quanvolution_net",
        "QuanvolutionNetConfig": "qkan.models.quanvolution_net",
        "SineKAN": "qkan.models.sine_kan",
        "SineKANConfig": "qkan.models.sine_kan",
        "load": "qkan.models.registry",
        "make": "qkan.models.registry",
    },
)
