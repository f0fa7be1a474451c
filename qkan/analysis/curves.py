"""Edge functions as arrays: how much each edge moves its output, and the curves of the strongest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from qkan.analysis.attribution import attribution
from qkan.analysis.layers import (
    Layer,
    edge_values,
    evaluating,
    kan_layers,
    layer_inputs,
    usual_range,
)
from qkan.plotting.edge_network import EdgeCurves

__all__ = ["edge_curves", "edge_strengths"]

_GRID = 65


def edge_strengths(model: nn.Module, inputs: Any = None) -> dict[str, NDArray[np.float64]]:
    r"""Return the standard deviation of every edge function over the inputs, layer by layer.

    .. math:: s_{io} = \sqrt{\operatorname{Var}_x \phi_{io}(x_i)}

    A constant edge, however large, has no strength: it is a bias.

    Args:
        model: Any module with KAN layers, classical or quantum.
        inputs: A batch for it; without one, edges are looked at over :func:`usual_range`.

    Shape:
        Result: ``(in_features, out_features)`` for each layer.

    Raises:
        UsageError: If the model has no KAN layer.

    Example:
        >>> import qkan
        >>> edge_strengths(qkan.QKAN([2, 3, 1]))["0"].shape
        (2, 3)
    """
    return {name: _strengths(layer, p) for name, (layer, p) in _layer_points(model, inputs).items()}


def edge_curves(
    model: nn.Module, inputs: Any = None, *, most: int = 14, points: int = 101
) -> list[EdgeCurves]:
    """Return the curves of the edges that matter most for the outputs, layer by layer.

    From the last layer to the first, edges are taken that lead to a node already shown: the strongest of each node,
    then those of the highest :func:`qkan.analysis.attribution`.

    Args:
        model: Any module with KAN layers, classical or quantum.
        inputs: A batch for it; curves then run over what each layer sees of it.
        most: The largest number of edges a layer.
        points: The number of points a curve.

    Raises:
        UsageError: If the model has no KAN layer.

    Example:
        >>> import qkan
        >>> [len(layer.edges) for layer in edge_curves(qkan.QKAN([784, 32, 10]))]
        [14, 14]
    """
    layers = _layer_points(model, inputs)
    strengths = {name: _strengths(layer, seen) for name, (layer, seen) in layers.items()}
    shares = attribution(list(strengths.values()))
    found: list[EdgeCurves] = []
    shown: set[int] | None = None
    for (name, (layer, seen)), share in reversed(list(zip(layers.items(), shares, strict=True))):
        chosen = _strongest(share, shown, most)
        with evaluating(layer):
            x, y = _curves(layer, seen, chosen, points)
        found.append(EdgeCurves(name, strengths[name].shape, chosen, x, y, share))
        shown = {int(i) for i, _ in chosen}
    return found[::-1]


def _layer_points(model: nn.Module, inputs: Any) -> Mapping[str, tuple[Layer, Tensor]]:
    layers = kan_layers(model)
    if inputs is not None:
        return {name: (layers[name], x) for name, x in layer_inputs(model, inputs).items()}
    return {name: (layer, _between(*usual_range(layer), _GRID)) for name, layer in layers.items()}


def _between(low: Tensor, high: Tensor, points: int) -> Tensor:
    steps = torch.linspace(0, 1, points, dtype=low.dtype, device=low.device).unsqueeze(1)
    return torch.lerp(low.unsqueeze(0), high.unsqueeze(0), steps)


def _strengths(layer: Layer, points: Tensor) -> NDArray[np.float64]:
    """Return standard deviations over the points from sums over parts of them, about the first value."""
    total = squares = torch.zeros((), dtype=torch.float64)
    origin: Tensor | None = None
    with evaluating(layer):
        for part in edge_values(layer, points):
            values = part.double()
            origin = values[0] if origin is None else origin
            values = values - origin
            total = total + values.sum(0)
            squares = squares + values.square().sum(0)
    variance = squares / len(points) - (total / len(points)).square()
    return np.asarray(variance.clamp_min(0).sqrt().cpu())


def _strongest(
    share: NDArray[np.float64], shown: set[int] | None, most: int
) -> list[tuple[int, int]]:
    """Return the strongest edge of each shown node, so that none hangs in the air, then the strongest of all."""
    targets = range(share.shape[1]) if shown is None else sorted(shown)
    each = [(int(share[:, o].argmax()), o) for o in targets]
    ranked = np.argsort(-share, axis=None, kind="stable").tolist()
    every = [divmod(k, share.shape[1]) for k in ranked]
    strongest = [edge for edge in every if edge[1] in set(targets)]
    first = each if len(each) <= most else []
    return list(dict.fromkeys(first + strongest))[:most]


def _curves(
    layer: Layer, seen: Tensor, edges: Sequence[tuple[int, int]], points: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    low, high = seen.min(0).values, seen.max(0).values
    # An input that never changes has no range; a little of its surroundings shows the curve.
    flat = high <= low
    low, high = torch.where(flat, low - 0.5, low), torch.where(flat, high + 0.5, high)
    grid = _between(low, high, points)
    i, o = (torch.tensor(column, device=grid.device) for column in zip(*edges, strict=True))
    values = torch.cat([part[:, i, o] for part in edge_values(layer, grid)])
    return np.asarray(grid[:, i].T.double().cpu()), np.asarray(values.T.double().cpu())
