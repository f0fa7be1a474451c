"""Configurations that follow their models: what was refined or pruned is loaded as it is."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from torch import nn

from circuits.naming import parse_call
from qkan.models.base import Chain, Model

__all__ = ["update_settings", "write_call"]


def update_settings(model: nn.Module) -> None:
    """Bring the widths and the edges of a model's configuration up to date, in place."""
    for part in reversed(list(model.modules())):  # a head before the net that holds it
        if isinstance(part, Chain):
            _update_chain(part)
        elif isinstance(part, Model):
            head = getattr(part, "head", None)
            if isinstance(head, Model) and not isinstance(getattr(part.config, "head", ""), str):
                part.config = replace(part.config, head=head.config)


def _update_chain(chain: Chain) -> None:
    layers: list[Any] = list(chain)
    changes: dict[str, Any] = {}
    names = {field.name for field in fields(chain.config)}
    if "sizes" in names and all(hasattr(layer, "out_features") for layer in layers):
        changes["sizes"] = (layers[0].in_features, *(layer.out_features for layer in layers))
    circuits = [getattr(layer, "circuit", None) for layer in layers]
    if "edge" in names and circuits[0] is not None:
        changes["edge"] = circuits[0].name
    if "layers" in names:
        old = chain.config.layers  # type: ignore[attr-defined]
        changes["layers"] = tuple(map(_renamed, old, circuits))
    chain.config = replace(chain.config, **changes)


def _renamed(layer: str, circuit: Any) -> str:
    """Return the name of a layer with the present options of its circuit."""
    name, options = parse_call("layer", layer)
    if circuit is None or name == "own":
        return layer
    return write_call(name, options | parse_call("edge", circuit.name)[1])


def write_call(name: str, options: dict[str, Any]) -> str:
    """Return a name with its options, as :func:`circuits.naming.parse_call` reads it."""
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in options.items())})"
