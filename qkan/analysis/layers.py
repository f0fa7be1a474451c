"""The KAN layers of a model, classical and quantum alike, and the inputs that reach them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from circuits.errors import UsageError
from qkan.layers.base import KANLayer
from qkan.layers.qkan import QuantumKANLayer

__all__ = ["Layer", "edge_values", "evaluating", "kan_layers", "layer_inputs", "usual_range"]

Layer = KANLayer | QuantumKANLayer

_VALUES = 2**22
"""So many edge values are held at a time."""


def kan_layers(model: nn.Module) -> dict[str, Layer]:
    """Return the layers with functions on their edges, by name; a layer alone is called ``layer``.

    Raises:
        UsageError: If there is none.

    Example:
        >>> import qkan
        >>> list(kan_layers(qkan.QKAN([2, 3, 1])))
        ['0', '1']
    """
    if not isinstance(model, nn.Module):
        raise UsageError(f"expected a torch module, {type(model).__name__} arrived")
    found = {
        name or "layer": module
        for name, module in model.named_modules()
        if isinstance(module, KANLayer | QuantumKANLayer)
    }
    if not found:
        raise UsageError(
            f"{type(model).__name__} has no layer with functions on its edges, such as "
            "BSplineKANLayer or QuantumKANLayer"
        )
    return found


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Look without leaving a trace: no gradients, no dropout, no running statistics that move."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def layer_inputs(model: nn.Module, inputs: Any) -> dict[str, Tensor]:
    """Return what each KAN layer sees behind its normalisation when the model sees ``inputs``.

    Args:
        model: The model.
        inputs: A batch for it, an array or a tensor.

    Shape:
        Result: ``(N, in_features)`` each.

    Raises:
        UsageError: If the batch is empty, or a layer takes no part in the model's forward pass.
    """
    layers = kan_layers(model)
    first = next(iter(model.parameters()), None)
    batch = torch.as_tensor(inputs)
    if first is not None:
        batch = batch.to(first.device, first.dtype)
    if batch.numel() == 0:
        raise UsageError(f"expected inputs to look at, shape {tuple(batch.shape)} arrived")
    seen: dict[str, list[Tensor]] = {name: [] for name in layers}

    def keep(name: str) -> Any:
        return lambda _, arguments: seen[name].append(_points(layers[name], arguments[0]))

    hooks = [layer.register_forward_pre_hook(keep(name)) for name, layer in layers.items()]
    try:
        with evaluating(model):
            model(batch)
    finally:
        for hook in hooks:
            hook.remove()
    for name, parts in seen.items():
        if not parts:
            raise UsageError(f"layer {name!r} takes no part in the model's forward pass")
    return {name: torch.cat(parts) for name, parts in seen.items()}


def edge_values(layer: Layer, points: Tensor) -> Iterator[Tensor]:
    """Yield the edge functions at normalised points, a part of the points at a time.

    Shape:
        - points: ``(N, in_features)``
        - results: ``(n, in_features, out_features)``
    """
    step = max(1, _VALUES // (layer.in_features * layer.out_features))
    for part in torch.split(points, step):
        yield layer.edge_functions(part)


def usual_range(layer: Layer) -> tuple[Tensor, Tensor]:
    """Return the points between which edges are drawn where no data tell, ``(in_features,)`` each.

    That is the domain of a classical layer, one period of a circuit, and what an input range takes.
    """
    like = next(layer.parameters(), torch.zeros(()))
    if isinstance(layer, KANLayer):
        low, high = layer.domain
    elif isinstance(layer.input_range, nn.BatchNorm1d):
        running = dict(layer.input_range.named_buffers())
        mean, spread = running["running_mean"], 2 * running["running_var"].sqrt()
        return mean - spread, mean + spread
    else:
        kind = type(layer.input_range).__name__
        half_period = torch.pi / layer.circuit.scales[0]
        high = {"ArcCos": 1.0, "Tanh": 2.0}.get(kind, half_period)
        low = -high
    ends = torch.tensor([low, high], dtype=like.dtype, device=like.device)
    both = ends.unsqueeze(1).expand(2, layer.in_features)
    return both[0], both[1]


def _points(layer: Layer, x: Tensor) -> Tensor:
    rows = x.detach().reshape(-1, layer.in_features)
    if isinstance(layer, KANLayer) and layer.normalization is not None:
        rows = layer.normalization(rows)
    return rows
