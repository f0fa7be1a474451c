"""The models by their names: made from settings, and read from files."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from circuits.errors import UsageError, unknown_name
from qkan.models import files
from qkan.models.base import Model
from qkan.models.image import HEADS, QuanvolutionNet

__all__ = ["MODELS", "load", "make"]

MODELS: dict[str, type[Model]] = {**HEADS, "quanvolution": QuanvolutionNet}
"""The models by the names that :func:`make` and files know. A new model is a new class and a line here."""


def make(model: str | Mapping[str, Any], **options: Any) -> Model:
    """Return a new model.

    Args:
        model: A name; or settings, with the name as ``kind``.
        options: More settings, and ``generator``, ``device``, ``dtype``.

    Raises:
        UsageError: If a name or a setting is unknown or wrong.

    Example:
        >>> make("kan", sizes=[2, 5, 1], grid=3)[0].grid
        3
        >>> make({"kind": "mlp", "sizes": [2, 8, 1]})
        MLP(...)
    """
    if not isinstance(model, str | Mapping):
        raise UsageError(f"a model is a name or settings with a kind, got {model!r}")
    settings = {"kind": model} if isinstance(model, str) else dict(model)
    if "kind" not in settings:
        raise UsageError(f"a model's settings need a kind, one of: {', '.join(MODELS)}")
    cls = _find(str(settings.pop("kind")))
    settings |= options
    known = inspect.signature(cls).parameters
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values()):
        for name in settings:
            if name not in known:
                raise unknown_name("setting", name, known)
    for name, parameter in known.items():
        needed = (
            parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
        )
        if needed and name not in settings:
            raise UsageError(f"the setting {name!r} is missing; {cls.__name__} needs it")
    return cls(**settings)


def load(path: str | Path, **options: Any) -> Model:
    """Read a model of any kind from the file that its ``save`` wrote.

    Args:
        path: The file.
        options: See :meth:`qkan.models.base.Model.load`.

    Raises:
        UsageError: If the file is damaged or another program's, or a circuit is another.
    """
    file = files.read(path)
    return files.build(_find(file.facts["spec"]["kind"]), file, path, **options)


def _find(name: str) -> type[Model]:
    if name.lower() not in MODELS:
        raise unknown_name("model", name, MODELS)
    return MODELS[name.lower()]
