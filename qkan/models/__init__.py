"""Models made of this library's layers, each from words and numbers, saved and loaded whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qkan.models.base import Model as Model
    from qkan.models.conversions import refine as refine, to_classical as to_classical
    from qkan.models.files import save as save
    from qkan.models.image import CNN as CNN, MLP as MLP, QuanvolutionNet as QuanvolutionNet
    from qkan.models.kan import KAN as KAN, QKAN as QKAN, SineKAN as SineKAN, from_kan as from_kan
    from qkan.models.pruning import prune as prune
    from qkan.models.registry import MODELS as MODELS, load as load, make as make
    from qkan.models.overview import summary as summary
else:
    from circuits._lazy import lazy_exports

    __getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
