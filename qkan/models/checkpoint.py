"""Models in files: the configuration, the circuits' fingerprints and the weights."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from circuits.errors import UsageError
from qkan.config import as_mapping, from_mapping
from qkan.models.base import Model
from qkan.store import TensorFile, read_tensors, write_tensors

__all__ = ["kind_of", "load_as", "read", "save"]

_RENAMED = {"normalization": "input_map", "input_range": "input_map", "scale": "frequencies"}
_FORMAT = "hybrid-qkan model 1"

M = TypeVar("M", bound=Model)


def save(model: Model, path: str | Path) -> None:
    """Write a model; see :meth:`qkan.models.base.Model.save`."""
    facts = {
        "config": as_mapping(model.config, nulls=True),
        "dtype": str(model.dtype).removeprefix("torch."),
        "circuits": _circuits(model),
    }
    write_tensors(path, _FORMAT, facts, model.state_dict())


def read(path: str | Path) -> TensorFile:
    """Return what a model's file holds.

    Raises:
        UsageError: If it is not there, damaged, or holds no model.
    """
    try:
        return read_tensors(path, _FORMAT)
    except FileNotFoundError as error:
        raise UsageError(f"there is no model to load: {path} does not exist") from error


def kind_of(file: TensorFile) -> str:
    """Return the kind of model that a file holds."""
    return str(file.facts["config"].get("kind"))


def load_as(cls: type[M], path: str | Path, **options: Any) -> M:
    """Read a model of a known class; see :meth:`qkan.models.base.Model.load`."""
    file = read(path)
    expected = getattr(cls.Config, "kind", None)
    if kind_of(file) != expected:
        raise UsageError(
            f"{path} holds a {kind_of(file)!r}, not a {expected!r}; qkan.models.load finds the class"
        )
    try:
        config = from_mapping(cls.Config, _present_names(file.facts["config"]))
    except UsageError as error:
        raise UsageError(f"the configuration in {path} is not of this version: {error}") from error
    options["dtype"] = getattr(torch, file.facts["dtype"])
    # The first weights are overwritten; drawn from a generator of their own, they disturb no other.
    options["generator"] = torch.Generator().manual_seed(0)
    try:
        model = cls(config, **options)
    except UsageError as error:
        raise UsageError(
            f"the model in {path} cannot be built: {error}\nIts circuits: "
            f"{_names(file.facts['circuits'])}. Pass those of your own, as edge= or filters="
        ) from error
    _require_same_circuits(file.facts["circuits"], _circuits(model), path)
    try:
        model.load_state_dict(file.tensors)
    except RuntimeError as error:
        raise UsageError(f"the weights in {path} do not fit its configuration: {error}") from error
    return model


def _present_names(config: Any) -> Any:
    """Return a configuration with the names of today: files of the first house have those before."""
    if isinstance(config, str):
        return re.sub(
            r"\b(normalization|input_range|scale)(?==)(?!=[\d.])",
            lambda m: _RENAMED[m[0]],
            config,
        )
    if isinstance(config, list | tuple):
        return [_present_names(value) for value in config]
    if isinstance(config, dict):
        renamed = {
            name: _RENAMED.get(name, name) if isinstance(value, str) else name
            for name, value in config.items()
        }
        return {renamed[name]: _present_names(value) for name, value in config.items()}
    return config


def _circuits(model: nn.Module) -> dict[str, dict[str, str]]:
    """Return name and fingerprint of the circuit in every quantum layer, by the layer's place."""
    found: dict[str, dict[str, str]] = {}
    for place, module in model.named_modules():
        circuit = getattr(module, "circuit", None)
        inside = any(place.startswith(f"{outer}." if outer else "") for outer in found)
        if place and circuit is not None and not inside:
            found[place] = {"name": circuit.name, "fingerprint": circuit.fingerprint}
    return found


def _names(circuits: dict[str, dict[str, str]]) -> str:
    return ", ".join(sorted({circuit["name"] for circuit in circuits.values()})) or "none"


def _require_same_circuits(
    then: dict[str, dict[str, str]], now: dict[str, dict[str, str]], path: str | Path
) -> None:
    for place, circuit in then.items():
        given = now.get(place, {"name": "nothing", "fingerprint": ""})
        if given["fingerprint"] != circuit["fingerprint"]:
            raise UsageError(
                f"{path} was trained with the circuit {circuit['name']!r} in layer {place}, which is "
                f"another circuit than {given['name']!r}; pass the one it was made with as edge="
            )
