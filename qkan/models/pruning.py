r"""Pruning: edges that do little go, then nodes that no edge reaches or leaves.

An edge's size is its standard deviation, over data that run through the model or, by Parseval's theorem, over a period
of its angle. A pruned edge leaves its mean behind, in the outputs' offset, so that the outputs change by
:math:`\sum_{pruned} (\phi_{io}(x_i) - \overline{\phi_{io}})` and nothing else. Taking a node away afterwards changes
nothing: one without incoming edges is a constant, and what the next layer makes of it is added there.

Source: the criterion for nodes is that of Liu et al., arXiv:2404.19756, section 2.5.1 (incoming and outgoing edges
above the threshold); folding the constants is ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from circuits.errors import UsageError, check_real, unknown_name
from qkan.layers.checks import evaluating, require_finite, require_tensor
from qkan.layers.kan_layer import KANLayer
from qkan.layers.regularization import parseval_norms

__all__ = ["EdgeSizes", "Norm", "PrunedLayer", "compact", "edge_sizes", "inputs_of", "prune"]

Norm = Literal["data", "parseval"]

_BETWEEN = (nn.Identity, nn.Dropout)

_CHUNK = 2**23
"""So many values of edges are held at once."""


@dataclass(frozen=True, eq=False)
class PrunedLayer:
    """What pruning did to one layer.

    Attributes:
        name: Where the layer is in the model.
        sizes: The size of every edge before, (in_features, out_features).
        keep: Which edges stayed.
        constants: What was added to the outputs in their place, (out_features,).
        features: In- and out-features afterwards.
    """

    name: str
    sizes: Tensor
    keep: Tensor
    constants: Tensor
    features: tuple[int, int]

    def __str__(self) -> str:
        before = f"{self.sizes.shape[0]} x {self.sizes.shape[1]}"
        now = f"{self.features[0]} x {self.features[1]}"
        return f"{self.name}: {int(self.keep.sum())} of {self.keep.numel()} edges stay; {before} is now {now}"


def prune(
    model: nn.Module,
    x: Tensor | None = None,
    *,
    threshold: float | None = None,
    fraction: float | None = None,
    norm: Norm = "data",
    nodes: bool = True,
) -> tuple[PrunedLayer, ...]:
    """Prune small edges in place, in every KAN layer of a model, classical or quantum.

    Masks are a part of the ``state_dict``. Nodes that are taken away make layers smaller; optimisers hold the old
    parameters then: make them anew.

    Args:
        model: The model, or one layer.
        x: Inputs of the model, for ``norm="data"``.
        threshold: Edges below this size go.
        fraction: In place of a threshold: this part of the edges of every layer goes, the smallest ones.
        norm: ``"data"``: standard deviations over ``x``; ``"parseval"``: over a period of the angle, for quantum and
            Fourier layers, plus the absolute weight of the base function.
        nodes: Whether to take nodes away, too; see :func:`compact`.

    Returns:
        What happened to each layer.

    Raises:
        UsageError: If not exactly one of threshold and fraction is given, if there are no data where they are needed,
            or if a layer would lose all its edges.

    Example:
        >>> from qkan.models import KAN
        >>> model = KAN([4, 8, 2], generator=torch.Generator().manual_seed(0))
        >>> x = torch.rand(100, 4, generator=torch.Generator().manual_seed(1))
        >>> for layer in prune(model, x, fraction=0.75): print(layer)
        0: 8 of 32 edges stay; 4 x 8 is now 4 x ...
        1: 4 of 16 edges stay; 8 x 2 is now ...
    """
    layers = {name: m for name, m in model.named_modules() if isinstance(m, KANLayer)}
    if not layers:
        raise UsageError(f"{type(model).__name__} has no KAN layers to prune")
    if (threshold is None) == (fraction is None):
        raise UsageError(
            "give one of threshold=, a size below which edges go, and fraction=, the part that goes"
        )
    if threshold is not None:
        check_real("threshold", threshold, least=0)
    elif not check_real("fraction", fraction, least=0) < 1:
        raise UsageError(f"fraction must be in [0, 1), got {fraction!r}")
    found = edge_sizes(model, layers, x, norm)
    keeps: dict[str, Tensor] = {}
    for name, layer in layers.items():
        sizes = found[name].sizes
        if threshold is None:
            kept = int(layer.kept_edges.sum())
            order = sizes.masked_fill(~layer.kept_edges, -1).flatten().argsort(descending=True)
            keep = torch.zeros(sizes.numel(), dtype=torch.bool, device=sizes.device)
            keep[order[: kept - int((fraction or 0) * kept)]] = True
            keeps[name] = keep.view_as(sizes)
        else:
            keeps[name] = (sizes >= threshold) & layer.kept_edges
        if not bool(keeps[name].any()):
            raise UsageError(
                f"all edges of layer {name!r} would go, and the model would be constant: its largest edge has size "
                f"{float(sizes.max()):.4g}, the threshold is {threshold}; take a smaller one"
            )
    if nodes:
        _require_connection(model, keeps)
    constants = {}
    for name, layer in layers.items():
        gone = layer.kept_edges & ~keeps[name]
        constants[name] = (found[name].means * gone).sum(0)
        layer.prune_edges(keeps[name], constants[name])
    if nodes:
        compact(model)
    features = {name: (layer.in_features, layer.out_features) for name, layer in layers.items()}
    return tuple(
        PrunedLayer(name, found[name].sizes, keeps[name], constants[name], features[name])
        for name in layers
    )


@torch.no_grad()
def compact(model: nn.Module) -> None:
    """Take hidden nodes away that have no incoming or no outgoing edges, in place; no output changes.

    Nodes count as hidden between two KAN layers in a row of an ``nn.Sequential``. The inputs and outputs of a model
    stay as many as they are, and so do nodes before a ``LayerNorm``, which mixes all of them. Statistics of a
    ``BatchNorm`` are taken as they are, as in ``eval()``.

    Raises:
        UsageError: If no node would stay between two layers.
    """
    _require_connection(model, {})
    # What goes from one layer may leave nodes of the next without edges.
    while any(_compact_pair(first, second) for first, second in _pairs(model)):
        pass


def _compact_pair(first: KANLayer, second: KANLayer) -> bool:
    """Take away what is dead between two layers; return whether there was something."""
    reached, used = first.kept_edges.any(0), second.kept_edges.any(1)
    alive = reached & used
    if bool(alive.all()) or isinstance(second.input_map, nn.LayerNorm):  # which mixes all nodes
        return False
    constant = used & ~reached
    if bool(constant.any()):
        like = next(first.parameters())
        values = torch.zeros(1, first.out_features, dtype=like.dtype, device=like.device)
        for part in (getattr(first, "bias", None), first.offset):
            if part is not None and part.ndim == 1:
                values += part
        with evaluating(second):
            edges = second.edge_functions(values)[0]
        second.add_offset((edges * constant.unsqueeze(1)).sum(0))
    stay = alive.nonzero().squeeze(1)
    second.select_features(stay, torch.arange(second.out_features, device=stay.device))
    first.select_features(torch.arange(first.in_features, device=stay.device), stay)
    return True


def _pairs(model: nn.Module) -> Iterator[tuple[KANLayer, KANLayer]]:
    for module in model.modules():
        if isinstance(module, nn.Sequential):
            row = [layer for layer in module if not isinstance(layer, _BETWEEN)]
            for first, second in pairwise(row):
                if isinstance(first, KANLayer) and isinstance(second, KANLayer):
                    yield first, second


def _require_connection(model: nn.Module, keeps: dict[str, Tensor]) -> None:
    """Refuse masks that let nothing through; ``keeps`` stand in for those of the layers."""
    names = {module: name for name, module in model.named_modules()}
    reached: dict[KANLayer, Tensor] = {}
    for first, second in _pairs(model):
        one, two = (keeps.get(names[layer], layer.kept_edges) for layer in (first, second))
        inputs = reached.get(first, torch.ones_like(one[:, 0]))
        reached[second] = (one & inputs.unsqueeze(1)).any(0)
        if not bool((reached[second].unsqueeze(1) & two).any()):
            raise UsageError(
                f"no path would be left from layer {names[first]!r} to layer {names[second]!r}, and the model would be "
                "constant; prune less"
            )


class EdgeSizes(NamedTuple):
    """Standard deviation and mean of every edge of a layer, (in_features, out_features)."""

    sizes: Tensor
    means: Tensor


@torch.no_grad()
def edge_sizes(
    model: nn.Module, layers: Mapping[str, KANLayer], x: Tensor | None, norm: Norm
) -> dict[str, EdgeSizes]:
    """Return sizes and means of the edges of some layers of a model by name, as in ``eval()``; see :func:`prune`."""
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
    return {name: _over(layers[name], seen) for name, seen in inputs_of(model, layers, x).items()}


def inputs_of(model: nn.Module, layers: Mapping[str, nn.Module], x: Tensor) -> dict[str, Tensor]:
    """Return what reaches some layers when a model in ``eval()`` sees ``x``, each ``(N, in_features)``."""
    seen: dict[str, list[Tensor]] = {name: [] for name in layers}

    def keep(name: str) -> Any:
        return lambda _, given: seen[name].append(given[0].detach().reshape(-1, given[0].shape[-1]))

    hooks = [layer.register_forward_pre_hook(keep(name)) for name, layer in layers.items()]
    try:
        with evaluating(model):
            model(x)
    finally:
        for hook in hooks:
            hook.remove()
    for name, parts in seen.items():
        if not parts:
            raise UsageError(f"layer {name!r} takes no part in the model's forward pass")
    return {name: torch.cat(parts) for name, parts in seen.items()}


def _over(layer: KANLayer, x: Tensor) -> EdgeSizes:
    step = max(1, _CHUNK // (layer.in_features * layer.out_features))
    total = square = torch.zeros(())
    with evaluating(layer):
        origin = layer.edge_functions(x[:1]).double()  # close to the mean: no digits are lost
        for part in torch.split(x, step):
            values = layer.edge_functions(part).double() - origin
            total = total.to(values) + values.sum(0)
            square = square.to(values) + values.square().sum(0)
    mean = total / len(x)
    variance = (square / len(x) - mean.square()).clamp_min(0)
    return EdgeSizes(variance.sqrt(), mean + origin[0])


def _by_parseval(name: str, layer: KANLayer) -> EdgeSizes:
    if not layer.is_series:
        raise UsageError(
            f"norm='parseval' is for edges that are Fourier series; layer {name!r} is a {type(layer).__name__}: "
            "use norm='data'"
        )
    sizes = parseval_norms(layer)
    if layer.base_weight is not None:
        sizes = sizes + layer.masked(layer.base_weight).abs()
    return EdgeSizes(sizes, layer.masked(layer.series().coefficients[0]))
