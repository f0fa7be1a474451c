"""Models made of this library's layers, each from a plain configuration, saved and loaded whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qkan.models.base import Model as Model
    from qkan.models.cnn import CNN as CNN, CNNConfig as CNNConfig
    from qkan.models.hybrid_kan import HybridKAN as HybridKAN, HybridKANConfig as HybridKANConfig
    from qkan.models.kan import KAN as KAN, KANConfig as KANConfig
    from qkan.models.mlp import MLP as MLP, MLPConfig as MLPConfig
    from qkan.models.qkan import QKAN as QKAN, QKANConfig as QKANConfig
    from qkan.models.quanvolution_net import (
        QuanvolutionNet as QuanvolutionNet,
        QuanvolutionNetConfig as QuanvolutionNetConfig,
    )
    from qkan.models.registry import MODELS as MODELS, load as load, make as make
    from qkan.models.sine_kan import SineKAN as SineKAN, SineKANConfig as SineKANConfig
else:
    from circuits._lazy import lazy_exports

    __getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
