"""Models in files: what they are, the circuits' fingerprints, and the weights."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from circuits import Circuit
from circuits.errors import UsageError
from circuits.naming import parse_call
from qkan.store import Sealed, read_tensors, write_tensors

__all__ = ["load_as", "read", "save", "write_call"]

_FORMAT, _FIRST = "hybrid-qkan model 2", "hybrid-qkan model 1"

M = TypeVar("M", bound=nn.Module)


def save(model: nn.Module, path: str | Path) -> None:
    """Write a model to a safetensors file, which holds no code.

    Raises:
        UsageError: If it cannot be written; what was there before is still there.
    """
    described: Any = model  # a qkan.models.base.Model, which stands above this file
    facts = {
        "spec": described.spec(),
        "dtype": str(described.dtype).removeprefix("torch."),
        "circuits": _circuits(model),
    }
    write_tensors(path, _FORMAT, facts, model.state_dict())


def read(path: str | Path) -> Sealed:
    """Return what a model's file holds; its facts are ``spec``, ``dtype`` and ``circuits``.

    Raises:
        UsageError: If it is not there, damaged, or holds no model.
    """
    try:
        file = read_tensors(path, _FORMAT, _FIRST)
    except FileNotFoundError as error:
        raise UsageError(f"there is no model to load: {path} does not exist") from error
    if file.format == _FIRST:
        file.facts["spec"] = _spec_of_first(file.facts["config"])
    return file


def load_as(cls: Callable[..., M], expected: str, path: str | Path, **options: Any) -> M:
    """Read a model of a known class and kind; see :meth:`qkan.models.base.Model.load`."""
    file = read(path)
    spec = dict(file.facts["spec"])
    kind = spec.pop("kind")
    if kind != expected:
        raise UsageError(
            f"{path} holds a {kind!r}, not a {expected!r}; qkan.models.load finds the class"
        )
    options["dtype"] = getattr(torch, file.facts["dtype"])
    # The first weights are overwritten; drawn from a generator of their own, they disturb no other.
    options["generator"] = torch.Generator().manual_seed(0)
    try:
        model = cls(**spec | options)
    except UsageError as error:
        names = sorted({circuit["name"] for circuit in file.facts["circuits"].values()})
        raise UsageError(
            f"the model in {path} cannot be built: {error}\nIts circuits: {', '.join(names) or 'none'}. "
            "Pass those of your own, as edge= or filters="
        ) from error
    present, unsure = _circuits(model), set()
    for place, then in file.facts["circuits"].items():
        now = present.get(place, {"name": "nothing", "fingerprint": ""})
        if then["fingerprint"] != now["fingerprint"]:
            if file.format != _FIRST or then["name"] != now["name"]:
                raise UsageError(
                    f"{path} was trained with the circuit {then['name']!r} in layer {place}, which is "
                    f"another circuit than {now['name']!r}; pass the one it was made with as edge="
                )
            unsure.add(now["name"])
    if unsure and options.keys() & {"edge", "filters"}:
        warnings.warn(
            f"{path} is of an older version, whose fingerprints were others: whether {sorted(unsure)} "
            "are the circuits that it was trained with cannot be checked; save it again",
            stacklevel=3,
        )
    try:
        model.load_state_dict(file.arrays)
    except RuntimeError as error:
        raise UsageError(f"the weights in {path} do not fit its description: {error}") from error
    return model


def _circuits(model: nn.Module) -> dict[str, dict[str, str]]:
    """Return name and fingerprint of the circuit in every quantum layer, by the layer's place."""
    found: dict[str, dict[str, str]] = {}
    for place, module in model.named_modules():
        circuit = getattr(module, "circuit", None)
        inside = any(place.startswith(f"{outer}.") for outer in found)
        if place and isinstance(circuit, Circuit) and not inside:
            found[place] = {"name": circuit.name, "fingerprint": circuit.fingerprint}
    return found


def _spec_of_first(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description of a model from the configuration in a file of the first version."""
    spec = _present_names(config)
    if spec["kind"] == "hybridkan":
        spec |= {"kind": "kan", "layers": [_layer_of_first(layer) for layer in spec["layers"]]}
    if isinstance(spec.get("head"), Mapping):
        spec["head"] = _spec_of_first(spec["head"])
    return spec


def _layer_of_first(text: str) -> str:
    name, written = parse_call("layer", text)
    options = _present_names(written)
    if name == "scaled-fourier":
        trained = {"degree": 3, "base": "silu", "frequencies": "per-input"}
        name, options = "fourier", trained | options
    elif name == "fourier" and options.get("input_map") == "tanh":
        # That was tanh x, which is pi tanh x at a lower frequency now; the domain was a period then as now.
        scale = float(options.get("scale", 1.0))
        options["scale"] = scale / math.pi
        options.setdefault("domain", (-math.pi / scale, math.pi / scale))
    return write_call(name, options)


def _present_names(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings by their names of today; a scale that is a word was that of a quantum layer."""
    names = {"normalization": "input_map", "input_range": "input_map", "scale": "frequencies"}
    return {
        names.get(key, key) if isinstance(value, str) else key: value
        for key, value in options.items()
    }


def write_call(name: str, options: Mapping[str, Any]) -> str:
    """Return a name with its options, as :func:`circuits.naming.parse_call` reads it.

    Example:
        >>> write_call("rbf", {"grid": 4, "base": None})
        'rbf(grid=4, base=None)'
    """
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in options.items())})"
