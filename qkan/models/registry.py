"""The models and their names. A new model is a new file here and a line below."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circuits.errors import UsageError, unknown_name
from qkan.config import from_mapping
from qkan.models import checkpoint
from qkan.models.base import Model
from qkan.models.cnn import CNN
from qkan.models.hybrid_kan import HybridKAN
from qkan.models.kan import KAN
from qkan.models.mlp import MLP
from qkan.models.qkan import QKAN
from qkan.models.quanvolution_net import QuanvolutionNet
from qkan.models.sine_kan import SineKAN

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["MODELS", "load", "make"]

MODELS: dict[str, type[Model]] = {
    "kan": KAN,
    "sinekan": SineKAN,
    "qkan": QKAN,
    "hybridkan": HybridKAN,
    "mlp": MLP,
    "cnn": CNN,
    "quanvolution": QuanvolutionNet,
}


def make(model: str | DataclassInstance | Mapping[str, Any], **options: Any) -> Model:
    """Return a new model.

    Args:
        model: A name; or a configuration, as a dataclass or as a mapping with its ``kind``.
        options: Of the constructor: ``generator``, ``device``, ``dtype``, settings.

    Raises:
        UsageError: If a name or a setting is unknown or wrong.

    Example:
        >>> make("kan", sizes=[2, 5, 1], grid=3).config.grid
        3
        >>> make({"kind": "mlp", "sizes": [2, 8, 1]})
        MLP(...)
    """
    if isinstance(model, str):
        cls = _find(model)
        names = {field for field in cls.Config.__dataclass_fields__ if field != "kind"}
        settings = {k: options.pop(k) for k in names & options.keys()}
        return _build(cls, from_mapping(cls.Config, settings), options)
    if isinstance(model, Mapping):
        if "kind" not in model:
            raise UsageError(f"a model's settings need a kind, one of: {', '.join(MODELS)}")
        cls = _find(str(model["kind"]))
        return _build(cls, from_mapping(cls.Config, model), options)
    return _build(_find(str(getattr(model, "kind", type(model).__name__))), model, options)


def load(path: str | Path, **options: Any) -> Model:
    """Read a model of any kind from the file that its ``save`` wrote.

    Args:
        path: The file.
        options: See :meth:`qkan.models.base.Model.load`.

    Raises:
        UsageError: If the file is damaged or another program's, or a circuit is another.
    """
    return _find(checkpoint.kind_of(checkpoint.read(path))).load(path, **options)


def _find(name: str) -> type[Model]:
    if name.lower() not in MODELS:
        raise unknown_name("model", name, MODELS)
    return MODELS[name.lower()]


def _build(cls: type[Model], config: DataclassInstance, options: dict[str, Any]) -> Model:
    return cls(config, **options)
