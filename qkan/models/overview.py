"""What a model is made of, what is trained, and what a forward pass runs: a table."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from torch import nn

from circuits.errors import check_integer
from qkan.layers import KANLayer, QuantumKANLayer, QuantumLayer, Quanvolution2d
from qkan.layers.checks import choose

__all__ = ["summary"]

_HEADS = ("layer", "kind", "shape", "parameters", "evaluation", "backend", "circuits")


def summary(model: nn.Module, samples: int = 1) -> str:
    """Return a table of a model's layers.

    Circuits are those that a forward pass of so many samples executes, none where a closed form is used.

    Args:
        model: Any model, or a layer.
        samples: The samples of a batch.

    Example:
        >>> from qkan.models import KAN
        >>> print(summary(KAN([2, 3, 1], ("bspline", "pz(depth=2)")), samples=64))
        layer  kind             shape   parameters  evaluation  backend        circuits
        0      BSplineKANLayer  2 -> 3  54          -           -              -
        1      QuantumKANLayer  3 -> 1  33          closed      default.qubit  0
        total                           87
    """
    check_integer("samples", samples)
    places = dict(_parts(model, ""))
    rows = [_HEADS, *(_row(name, part, samples, model) for name, part in places.items())]
    total = sum(p.numel() for p in model.parameters() if p.requires_grad)
    rows.append(("total", "", "", str(total), "", "", ""))
    widths = [max(len(row[k]) for row in rows) for k in range(len(_HEADS))]
    lines = ("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _parts(module: nn.Module, name: str) -> Iterator[tuple[str, nn.Module]]:
    """Yield the layers, without what is inside of them."""
    children = dict(module.named_children())
    if isinstance(module, KANLayer | QuantumLayer | Quanvolution2d) or not children:
        yield name or "-", module
        return
    for key, child in children.items():
        yield from _parts(child, f"{name}.{key}" if name else key)


def _row(name: str, part: nn.Module, samples: int, model: nn.Module) -> tuple[str, ...]:
    ends = next((e for e in _ENDS if hasattr(part, e[0]) and hasattr(part, e[1])), None)
    shape = f"{getattr(part, ends[0])} -> {getattr(part, ends[1])}" if ends else "-"
    count = sum(p.numel() for p in part.parameters() if p.requires_grad)
    run: tuple[str, ...] = ("-", "-", "-")
    if isinstance(part, QuantumKANLayer):
        edges, mode = part.in_features * part.out_features, part.choose(samples)
        each = {"closed": 0, "fourier": part.circuit.num_nodes, "direct": samples}[mode]
        run = (mode, part.backend.name, str(each * edges))
    elif isinstance(part, Quanvolution2d | QuantumLayer):
        layers, rows = [part] if isinstance(part, QuantumLayer) else part.quantum_layers, samples
        image: Any = getattr(model, "image", None)
        if isinstance(part, Quanvolution2d) and image is not None:
            rows *= math.prod(part.out_size(*image[1:])) * part.groups
        modes = [choose(layer.evaluate, layer.circuit, rows, "rows")[0] for layer in layers]
        runs = [
            rows if mode == "direct" else layer.circuit.num_nodes
            for mode, layer in zip(modes, layers, strict=True)
        ]
        run = (", ".join(dict.fromkeys(modes)), layers[0].backend.name, str(sum(runs)))
    return (name, type(part).__name__, shape, str(count), *run)


_ENDS = (("in_features", "out_features"), ("in_channels", "out_channels"))
