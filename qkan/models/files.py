"""Models in files: what they are, the circuits' fingerprints, and the weights.

What a file says is held against bounds and against its tensors before anything is made of it, and a file is written
only if the model can be made of it again. Nothing in it is run: the source of circuits of one's own is for reading.
"""

from __future__ import annotations

import inspect
import json
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from circuits import Circuit
from circuits.errors import UsageError
from circuits.naming import parse_call
from qkan.store import Sealed, read_tensors, write_tensors

__all__ = ["build", "read", "save", "write_call"]

_FORMAT, _FIRST = "hybrid-qkan model 2", "hybrid-qkan model 1"

_DTYPES = {"float32": torch.float32, "float64": torch.float64}

_SMALL = 32
"""Numbers up to this are taken as they are; larger ones are sizes, and a tensor of that size is in the file."""

_SAID = {"backend", "evaluate", "device"}
_CHOSEN = _SAID | {"edge", "filters"}
"""What is said when a model is loaded."""

M = TypeVar("M", bound=nn.Module)


def save(model: nn.Module, path: str | Path) -> None:
    """Write a model to a safetensors file, which holds no code.

    Raises:
        UsageError: If it cannot be written, or a model like this one could not be made of what is written (after layers
            were exchanged by hand, say); what was there before is still there.
    """
    described: Any = model  # a qkan.models.base.Model, which stands above this file
    try:
        own = described.own_circuits()
        facts = {
            "spec": json.loads(json.dumps(described.spec())),
            "dtype": str(described.dtype).removeprefix("torch."),
            "circuits": _circuits(model),
            "sources": _sources(own),
        }
        file = Sealed(_FORMAT, facts, model.state_dict())
        _check(file)
        twin = build(type(model), file, "this model", **own)
        _require_alike(model, twin)
    except Exception as error:  # whatever was done to the model by hand
        raise UsageError(f"{path} is not written, for it could not be loaded: {error}") from error
    write_tensors(Path(path).expanduser(), _FORMAT, facts, file.arrays)


def _require_alike(model: nn.Module, twin: nn.Module) -> None:
    """Refuse a twin with other parts than a model; what our own layers are is in the description."""
    parts, others = (
        {
            name: f"{type(part).__name__}({part.extra_repr()})"
            for name, part in net.named_modules()
            if not type(part).__module__.startswith("qkan.")
        }
        for net in (model, twin)
    )
    for name in parts | others:
        one, other = parts.get(name), others.get(name)
        if one != other:
            raise UsageError(f"{name} is {one}, what is saved would make {other}")


def read(path: str | Path) -> Sealed:
    """Return what a model's file holds: facts ``spec``, ``dtype``, ``circuits`` and ``sources``, and tensors.

    Raises:
        UsageError: If it is not there, damaged, holds no model, or one that its tensors are not of.
    """
    try:
        file = read_tensors(Path(path).expanduser(), _FORMAT, _FIRST)
    except FileNotFoundError as error:
        raise UsageError(f"there is no model to load: {path} does not exist") from error
    try:
        _check(file)
    except UsageError as error:
        raise UsageError(f"{path} describes no model: {error}") from error
    except Exception as error:  # whatever a file may hold
        raise UsageError(f"{path} describes no model: {type(error).__name__}, {error}") from error
    return file


def _check(file: Sealed) -> None:
    """Refuse facts that are not what :func:`save` writes."""
    facts = file.facts
    if file.format == _FIRST:
        facts["spec"] = _spec_of_first(facts["config"])
    if not isinstance(facts["spec"]["kind"], str) or facts["dtype"] not in _DTYPES:
        raise UsageError(f"it is of the type {facts['dtype']!r}; known are {list(_DTYPES)}")
    for part in (facts["spec"], facts["spec"].get("head")):
        if isinstance(part, Mapping) and (said := part.keys() & _SAID):
            raise UsageError(f"it says {', '.join(sorted(said))}, which is said when it is loaded")
    for circuit in facts["circuits"].values():
        if {type(circuit[word]) for word in ("name", "fingerprint")} != {str}:
            raise UsageError("a circuit in it has no name and fingerprint")
    _require_bounds(facts["spec"], file.arrays)


def build(cls: Callable[..., M], file: Sealed, path: str | Path, **options: Any) -> M:
    """Make the model that a file holds; see :meth:`qkan.models.base.Model.load`."""
    unknown = options.keys() - _CHOSEN
    if unknown:
        raise UsageError(
            f"load takes {', '.join(sorted(_CHOSEN))}, not {', '.join(sorted(unknown))}"
        )
    spec = {name: value for name, value in file.facts["spec"].items() if name != "kind"}
    options["dtype"] = _DTYPES[file.facts["dtype"]]
    # The first weights are overwritten; drawn from a generator of their own, they disturb no other.
    options["generator"] = torch.Generator().manual_seed(0)
    try:
        model = cls(**spec | options)
    except Exception as error:  # whatever a file may hold
        names = sorted({circuit["name"] for circuit in file.facts["circuits"].values()})
        raise UsageError(
            f"the model in {path} cannot be built: {error}\nIts circuits: {', '.join(names) or 'none'}. "
            "Pass those of your own, as edge= or filters="
        ) from error
    present, unsure = _circuits(model), set()
    for place, then in file.facts["circuits"].items():
        now = present.pop(place, {"name": "nothing", "fingerprint": ""})
        if then["fingerprint"] != now["fingerprint"]:
            if file.format != _FIRST or then["name"] != now["name"]:
                raise UsageError(
                    f"{path} was trained with the circuit {then['name']!r} in layer {place}, which is "
                    f"another circuit than {now['name']!r}; pass the one it was made with as edge="
                )
            unsure.add(now["name"])
    if present:
        raise UsageError(f"{path} does not say which circuits it has in {', '.join(present)}")
    if unsure and options.keys() & {"edge", "filters"}:
        warnings.warn(
            f"{path} is of an older version, whose fingerprints were others: whether {sorted(unsure)} "
            "are the circuits that it was trained with cannot be checked; save it again",
            stacklevel=3,
        )
    for name, value in file.arrays.items():
        if value.is_meta or not bool(value.isfinite().all()):
            raise UsageError(f"{name} in {path} is NaN, infinite or on the device meta")
    try:
        model.load_state_dict(file.arrays)
    except RuntimeError as error:
        raise UsageError(f"the weights in {path} do not fit its description: {error}") from error
    for name, value in model.state_dict().items():  # copied in, they take the model's dtype
        if file.format != _FIRST and value.dtype != file.arrays[name].dtype:
            raise UsageError(
                f"{name} in {path} is {file.arrays[name].dtype}, of a model in {value.dtype}"
            )
    return model


def _require_bounds(spec: Any, tensors: Mapping[str, Tensor]) -> None:
    """Refuse a description of more than the tensors are of, before anything is made of it."""
    largest = max([_SMALL, *(size for tensor in tensors.values() for size in tensor.shape)])
    elements = sum(tensor.numel() for tensor in tensors.values())
    for name, value in _leaves(spec, "spec", max(_SMALL, len(tensors))):
        if isinstance(value, int) and not isinstance(value, bool) and name not in _FREE:
            if not -_SMALL <= value <= largest:
                raise UsageError(f"{name} is {value}, and no tensor in it has that size")
        elif isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"{name} is {value}")
    for part in (spec, spec.get("head")):
        if isinstance(part, Mapping) and _elements(part) > 2**22 + 64 * elements:
            raise UsageError(f"it is of more numbers than the {elements} that the file holds")


_FREE = {"seed", "domain", "scale", "spread", "init"}
"""Settings whose whole numbers are no sizes."""


def _leaves(tree: Any, name: str, most: int, depth: int = 8) -> Iterator[tuple[str, Any]]:
    """Yield the numbers, and the options in the texts, of a description; no list is longer than ``most``."""
    if isinstance(tree, str):
        if len(tree) > 2000 or tree.count("(") + tree.count("[") > 16:
            raise UsageError(f"{name} is a text of {len(tree)} letters")
        if "(" in tree:
            tree = parse_call(name, tree)[1]
    if isinstance(tree, Mapping | list | tuple):
        if len(tree) > most + 1 or not depth:
            raise UsageError(f"{name} has {len(tree)} parts, the file {most} tensors")
        items = tree.items() if isinstance(tree, Mapping) else ((name, part) for part in tree)
        for key, part in items:
            yield from _leaves(part, key, most, depth - 1)
    elif tree is None or isinstance(tree, bool | int | float):
        yield name, tree


def _elements(spec: Mapping[str, Any]) -> int:
    """Return about how many numbers a model has at least; settings are small where they are left out."""
    if spec["kind"] == "cnn":
        planes, height, width = spec.get("image", (1, 28, 28))
        channels = [planes, *spec.get("channels", (32, 64))]
        between = sum(a * b for a, b in pairwise(channels))
        area = (height >> len(channels) - 1) * (width >> len(channels) - 1)
        dense = channels[-1] * max(1, area) * spec.get("hidden", 128)
        return int(between * spec.get("kernel_size", 2) ** 2 + dense)
    sizes = spec.get("sizes", [])
    given = [{k: v for k, v in spec.items() if k not in ("sizes", "head")}]
    whole = (v for n, v in _leaves(given, "", 2**20) if isinstance(v, int) and n not in _FREE)
    return int(sum(a * b for a, b in pairwise(sizes)) * (1 + max([1, *whole])))


def _circuits(model: nn.Module) -> dict[str, dict[str, str]]:
    """Return name and fingerprint of the circuit in every quantum layer, by the layer's place."""
    found: dict[str, dict[str, str]] = {}
    for place, module in model.named_modules():
        circuit = getattr(module, "circuit", None)
        inside = any(place.startswith(f"{outer}.") for outer in found)
        if place and isinstance(circuit, Circuit) and not inside:
            found[place] = {"name": circuit.name, "fingerprint": circuit.fingerprint}
    return found


def _sources(own: Mapping[str, Any]) -> dict[str, str]:
    """Return the source of circuits of one's own, where Python finds it."""
    found = {}
    for given in own.values():
        for circuit in given if isinstance(given, list) else [given]:
            if isinstance(circuit, Circuit):
                inner: Any = circuit.function
                inner = getattr(inner, "keywords", {}).get("function", inner)  # of named wires
                try:
                    found[circuit.name] = inspect.getsource(inner)
                except (OSError, TypeError):
                    continue
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
