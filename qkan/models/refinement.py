"""More uploads for every quantum layer of a model, without a change of its function."""

from __future__ import annotations

from torch import nn

from circuits import Circuit
from circuits.edges.refinement import refinement
from circuits.errors import UsageError
from qkan.layers.qkan import QuantumKANLayer
from qkan.layers.qkan.refinement import WeightMap
from qkan.models.qkan import QKAN
from qkan.models.settings import update_settings

__all__ = ["refine"]


def refine(
    model: nn.Module,
    uploads: int = 1,
    *,
    edge: Circuit | None = None,
    weights: WeightMap | None = None,
) -> None:
    """Refine all quantum layers of a model in place; see :func:`qkan.layers.qkan.refinement.refine`.

    Other layers stay as they are. Optimisers hold the old parameters: make them anew.

    Args:
        model: The model.
        uploads: How many times more every edge uploads its input.
        edge: The larger circuit, for one of your own.
        weights: Returns its weights from the old ones.

    Raises:
        UsageError: If there are no quantum layers, or one cannot grow; then none has changed.

    Example:
        >>> import torch
        >>> from qkan.models.qkan import QKAN
        >>> model = QKAN([2, 3, 1], edge="pz(depth=1)")
        >>> x = torch.rand(5, 2)
        >>> before = model(x)
        >>> refine(model, uploads=2)
        >>> torch.allclose(model(x), before, atol=1e-6), model.config.edge
        (True, 'pz(depth=3)')
    """
    layers = [module for module in model.modules() if isinstance(module, QuantumKANLayer)]
    if not layers:
        raise UsageError(f"{type(model).__name__} has no quantum KAN layers to refine")
    if edge is None:
        for layer in layers:
            refinement(layer.circuit, uploads)
    for layer in layers:
        layer.refine(uploads, edge=edge, weights=weights)
    for part in model.modules():
        if isinstance(part, QKAN):
            part.circuit = next(
                layer.circuit for layer in part if isinstance(layer, QuantumKANLayer)
            )
    update_settings(model)
