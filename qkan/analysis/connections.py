"""How much every connection of a network carries, dense layers and KAN layers alike, and its learned curves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from qkan.analysis.curves import edge_strengths
from qkan.analysis.layers import edge_values, evaluating, layer_inputs
from qkan.layers.base import KANLayer
from qkan.layers.scipy_activation import SciPyActivation
from qkan.layers.table_spline import TableSplineLayer
from qkan.plotting.edge_functions import EdgeFunction

__all__ = ["connection_strengths", "learned_curves"]

_POINTS = 301


def connection_strengths(model: nn.Module, inputs: Tensor) -> list[NDArray[np.float64]]:
    r"""Return how far each connection moves its output over the inputs, layer by layer.

    .. math:: s_{io} = \mathrm{sd}_x \, \phi_{io}(x_i) \quad\text{or}\quad |w_{oi}| \, \mathrm{sd}_x(x_i)

    for KAN layers and for affine maps (dense layers, and those in front of a table).

    Args:
        model: A chain of layers.
        inputs: A batch for it.

    Shape:
        Result: ``(in, out)`` for each layer; none for a model without such layers.

    Example:
        >>> from qkan.models.mlp import MLP
        >>> [s.shape for s in connection_strengths(MLP([4, 3, 2]), torch.rand(9, 4))]
        [(4, 3), (3, 2)]
    """
    if any(isinstance(module, KANLayer) for module in model.modules()):
        return list(edge_strengths(model, inputs).values())
    affine = [m for m in model.modules() if isinstance(m, nn.Linear | TableSplineLayer)]
    return [
        _array((x.std(dim=0) * layer.weight.abs()).T)
        for layer, x in zip(affine, _inputs_of(model, affine, inputs), strict=True)
    ]


def learned_curves(model: nn.Module, inputs: Tensor, most: int = 8) -> list[EdgeFunction]:
    """Return functions of one variable that a model applies, with the values that reach them.

    Of a KAN the strongest edges; of the published notebook's networks the shared spline, or the splines of the last
    table's first units.

    Args:
        model: A model.
        inputs: A batch for it.
        most: The largest number of curves.

    Example:
        >>> from qkan.models.kan import KAN
        >>> sorted(curve.name for curve in learned_curves(KAN([2, 1]), torch.rand(9, 2)))
        ['layer 1: 0 to 0', 'layer 1: 1 to 0']
    """
    if any(isinstance(module, KANLayer) for module in model.modules()):
        return _edges(model, inputs, most)
    splines = [m for m in model.modules() if isinstance(m, SciPyActivation)]
    tables = [m for m in model.modules() if isinstance(m, TableSplineLayer)]
    if splines:
        (values,) = _inputs_of(model, splines[:1], inputs)
        return [_shared_spline(splines[0], values)]
    if tables:
        (values,) = _inputs_of(model, tables[-1:], inputs)
        return _units(tables[-1], values, most)
    return []


def _edges(model: nn.Module, inputs: Tensor, most: int) -> list[EdgeFunction]:
    layers = {n: m for n, m in model.named_modules() if isinstance(m, KANLayer)}
    seen, strengths = layer_inputs(model, inputs), edge_strengths(model, inputs)
    share = -(-most // len(layers))
    curves = []
    for number, (name, layer) in enumerate(layers.items(), start=1):
        strongest = np.argsort(-strengths[name], axis=None)[:share]
        for i, o in zip(*np.unravel_index(strongest, strengths[name].shape), strict=True):
            data = seen[name][:, i]
            low, high = float(data.min()), float(data.max())
            low, high = (low - 0.5, high + 0.5) if low == high else (low, high)
            x = torch.linspace(low, high, _POINTS).to(data)
            grid = data.mean().expand(_POINTS, layer.in_features).clone()
            grid[:, i] = x
            with evaluating(layer):
                y = torch.cat([part[:, i, o] for part in edge_values(layer, grid)])
            # A spline's grid is worth seeing; sines have none.
            domain = layer.domain if hasattr(layer, "breakpoints") else None
            title = f"layer {number}: {i} to {o}"
            curves.append(EdgeFunction(title, _array(x), _array(y), _array(data), domain))
    return curves[:most]


def _shared_spline(spline: SciPyActivation, values: Tensor) -> EdgeFunction:
    knots = spline.knots.double()
    ends = float(knots[spline.degree]), float(knots[-spline.degree - 1])
    low, high = np.quantile(_array(values), [0.01, 0.99])
    x = torch.linspace(min(low, -1.0), max(high, 1.0), _POINTS).to(values)
    with evaluating(spline):
        y = spline(x)
    return EdgeFunction("the shared spline", _array(x), _array(y), _array(values.flatten()), ends)


def _units(layer: TableSplineLayer, x: Tensor, most: int) -> list[EdgeFunction]:
    rows = np.linspace(-1, 1, len(layer.table))
    with torch.no_grad():
        seen = nn.functional.linear(x, layer.weight, layer.bias)[:, :most]
        curves = layer.table @ layer.coefficients.T
    return [
        EdgeFunction(f"unit {o}", rows, _array(curves[:, o]), _array(seen[:, o]))
        for o in range(seen.shape[1])
    ]


def _inputs_of(model: nn.Module, layers: Sequence[nn.Module], inputs: Tensor) -> list[Tensor]:
    """Return what each layer sees, its leading dimensions flattened."""
    seen: dict[nn.Module, Tensor] = {}

    def keep(layer: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        seen.setdefault(layer, arguments[0].detach())

    hooks = [layer.register_forward_pre_hook(keep) for layer in layers]
    try:
        with evaluating(model):
            model(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return [seen[layer].reshape(-1, seen[layer].shape[-1]) for layer in layers]


def _array(values: Tensor) -> NDArray[np.float64]:
    return np.asarray(values.detach().double().cpu())
