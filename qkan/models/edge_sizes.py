"""How much each edge of a model does: over data, or over a period of its angle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from circuits.errors import UsageError, unknown_name
from qkan.layers.checks import evaluating, require_finite, require_tensor
from qkan.layers.fourier import FourierKANLayer
from qkan.layers.kan_layer import KANLayer
from qkan.layers.prunable import PrunableLayer
from qkan.layers.qkan import QuantumKANLayer
from qkan.layers.spectral import parseval_norms

__all__ = ["EdgeSizes", "Norm", "edge_sizes", "edge_values"]

Norm = Literal["data", "parseval"]

_CHUNK = 2**23
"""So many values of edges are held at once."""


class EdgeSizes(NamedTuple):
    """Standard deviation and mean of every edge of a layer, (in_features, out_features)."""

    sizes: Tensor
    means: Tensor


@torch.no_grad()
def edge_sizes(
    model: nn.Module, layers: Mapping[str, PrunableLayer], x: Tensor | None, norm: Norm
) -> dict[str, EdgeSizes]:
    """Return the sizes and means of the edges of some layers of a model, as in ``eval()``.

    Args:
        model: The model.
        layers: Its layers by name.
        x: Inputs of the model, for ``norm="data"``.
        norm: ``"data"`` or ``"parseval"``.

    Raises:
        UsageError: If data are missing, empty or not finite; if a layer's edges are no Fourier series.
    """
    if norm not in get_args(Norm):
        raise unknown_name("norm", str(norm), get_args(Norm))
    if norm == "parseval":
        return {name: _by_parseval(name, layer) for name, layer in layers.items()}
    if x is None:
        raise UsageError(
            "norm='data' needs inputs of the model: prune(model, x, ...); for quantum and Fourier layers there is "
            "norm='parseval', which needs none"
        )
    require_tensor(x, "prune")
    if not x.numel():
        raise UsageError("prune needs at least one sample to tell how large the edges are")
    require_finite(x, "prune")
    return {
        name: _over(layers[name], seen) for name, seen in layer_inputs(model, layers, x).items()
    }


@torch.no_grad()
def layer_inputs(
    model: nn.Module, layers: Mapping[str, PrunableLayer], x: Tensor
) -> dict[str, Tensor]:
    """Return what reaches the layers when ``x`` runs through the model, each (N, in_features)."""
    seen: dict[str, Tensor] = {}
    hooks = [
        layer.register_forward_pre_hook(
            lambda module, args, name=name: seen.update(
                {name: args[0].detach().reshape(-1, module.in_features)}
            )
        )
        for name, layer in layers.items()
    ]
    try:
        with evaluating(model):
            model(x)
    finally:
        for hook in hooks:
            hook.remove()
    missing = [name for name in layers if name not in seen]
    if missing:
        raise UsageError(f"the layers {missing} are not used when the model is called")
    return {name: seen[name] for name in layers}


def edge_values(layer: PrunableLayer, x: Tensor) -> Tensor:
    """Return the edges of a layer at its inputs, as in ``eval()``: (N, in) -> (N, in, out)."""
    with evaluating(layer):
        if isinstance(layer, KANLayer | QuantumKANLayer):
            return layer.edge_functions(x)
    raise UsageError(f"the edges of {type(layer).__name__} cannot be told apart")


def _over(layer: PrunableLayer, x: Tensor) -> EdgeSizes:
    step = max(1, _CHUNK // (layer.in_features * layer.out_features))
    total = square = torch.zeros(())
    origin = edge_values(layer, x[:1]).double()  # close to the mean, so that no digits are lost
    for part in torch.split(x, step):
        values = edge_values(layer, part).double() - origin
        total = total.to(values) + values.sum(0)
        square = square.to(values) + values.square().sum(0)
    mean = total / len(x)
    variance = (square / len(x) - mean.square()).clamp_min(0)
    return EdgeSizes(variance.sqrt(), mean + origin[0])


def _by_parseval(name: str, layer: PrunableLayer) -> EdgeSizes:
    if not isinstance(layer, QuantumKANLayer | FourierKANLayer):
        raise UsageError(
            f"norm='parseval' is for edges that are Fourier series; layer {name!r} is a {type(layer).__name__}: "
            "use norm='data'"
        )
    sizes = parseval_norms(layer)
    if layer.base_weight is not None:
        sizes = sizes + layer.masked(layer.base_weight).abs()
    means = torch.zeros_like(sizes)
    if isinstance(layer, QuantumKANLayer):
        means = layer.circuit_coefficients()[0] + (0 if layer.bias is None else layer.bias)
        means = means if layer.factor is None else means * layer.factor
    return EdgeSizes(sizes, means)
