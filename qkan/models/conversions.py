"""What changes the kind or the size of a model and keeps its function: without circuits, or with more parameters."""

from __future__ import annotations

import copy
from typing import Any

from torch import nn

from circuits import Circuit
from circuits.edges.refinement import refinement
from circuits.errors import UsageError, check_integer
from qkan.layers.bspline import BSplineKANLayer
from qkan.layers.quantum_kan import QuantumKANLayer

__all__ = ["refine", "to_classical"]


def to_classical(model: nn.Module) -> nn.Module:
    """Return the same function without quantum KAN layers; the model itself stays.

    Equal to 1e-12 in float64, and in float32 to 1e-6, relative to the outputs, or a few times the rounding of the model
    itself where high harmonics amplify it. A :class:`qkan.QKAN` becomes a :class:`qkan.KAN` of layers ``fourier``,
    which trains, saves and loads as any other. Other layers are copied.

    Raises:
        UsageError: If there are no quantum layers.
        CircuitError: If a circuit has no Fourier series.

    Example:
        >>> import torch
        >>> from qkan.models import QKAN
        >>> model = QKAN([2, 3, 1], edge="pz(depth=2)")
        >>> twin = to_classical(model)
        >>> x = torch.rand(5, 2)
        >>> torch.allclose(twin(x), model(x), atol=1e-6)
        True
        >>> twin.spec()["layers"][1]
        "...fourier(degree=2, ...frequencies='per-input'...)"

    Source: F. J. Schreiber, J. Eisert, J. J. Meyer, "Classical surrogates for quantum learning models",
    arXiv:2206.11740; M. Schuld, R. Sweke, J. J. Meyer, arXiv:2008.08605.
    """
    if not any(isinstance(module, QuantumKANLayer) for module in model.modules()):
        raise UsageError(f"{type(model).__name__} has no quantum KAN layers; it is classical")
    return _without_circuits(model)


def _without_circuits(model: nn.Module) -> nn.Module:
    if isinstance(model, QuantumKANLayer):
        return model.to_classical()
    children = {name: _without_circuits(child) for name, child in model.named_children()}
    from_layers = getattr(model, "from_layers", None)  # a KAN is not one of circuits any more
    if from_layers is not None:
        twin: nn.Module = from_layers(children.values())
        return twin.train(model.training)
    twin = copy.deepcopy(model)
    for name, child in children.items():
        setattr(twin, name, child)
    return twin


def refine(
    model: nn.Module,
    amount: int | None = None,
    *,
    grid: int | None = None,
    uploads: int | None = None,
    edge: Circuit | None = None,
    weights: Any = None,
) -> None:
    """Give the edges of a model more parameters in place, and keep its function.

    Optimisers hold the old parameters: make them anew.

    Args:
        model: Any module with KAN layers.
        amount: ``grid`` of a model with splines, or ``uploads`` of one with circuits (by default 1).
        grid: To how many cells the grids of B-spline layers are changed.
        uploads: How many times more quantum edges upload their input.
        edge: The larger circuit, for one of your own.
        weights: Returns its weights from the old ones; see :meth:`qkan.QuantumKANLayer.refine`.

    Raises:
        UsageError: If there is no such layer, or one cannot grow; then none has changed.

    Example:
        >>> import torch
        >>> from qkan.models import QKAN
        >>> model = QKAN([2, 3, 1], edge="pz(depth=1)")
        >>> x = torch.rand(5, 2)
        >>> before = model(x)
        >>> refine(model, uploads=2)
        >>> torch.allclose(model(x), before, atol=1e-6), model.circuit.name
        (True, 'pz(depth=3)')
    """
    splines = [module for module in model.modules() if isinstance(module, BSplineKANLayer)]
    quantum = [module for module in model.modules() if isinstance(module, QuantumKANLayer)]
    if grid is None and uploads is None:
        if splines and quantum:
            raise UsageError(
                "the model has splines and circuits: say refine(grid=...) or refine(uploads=...)"
            )
        grid, uploads = (amount, None) if splines else (None, 1 if amount is None else amount)
        if splines and grid is None:
            raise UsageError("say to how many cells the grids are to be refined: refine(grid=...)")
    if uploads is not None:
        if not quantum:
            raise UsageError(f"{type(model).__name__} has no quantum KAN layers to refine")
        if edge is None:
            for layer in quantum:
                refinement(layer.circuit, uploads)  # all of them or none
        for layer in quantum:
            layer.refine(uploads, edge=edge, weights=weights)
    if grid is not None:
        if not splines:
            raise UsageError(f"{type(model).__name__} has no B-spline layers to refine")
        check_integer("grid", grid)
        for spline in splines:
            copy.deepcopy(spline).refine(grid)  # all of them or none
        for spline in splines:
            spline.refine(grid)
