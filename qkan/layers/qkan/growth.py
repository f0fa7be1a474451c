"""What changes the size of a quantum KAN layer, or its kind: methods that the layer inherits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, cast

import torch
from torch import Tensor

from circuits import Circuit
from qkan.layers.qkan.classical import to_classical
from qkan.layers.qkan.refinement import WeightMap, refine, replace_circuit
from qkan.layers.qkan.scaled_fourier import ScaledFourierKANLayer
from qkan.layers.qkan.weighted_edges import WeightedEdges

if TYPE_CHECKING:
    from qkan.layers.qkan.layer import QuantumKANLayer

__all__ = ["GrowingLayer"]


class GrowingLayer(WeightedEdges):
    """A layer of quantum edges that can be refined, pruned, and written without circuits."""

    def refine(
        self, uploads: int = 1, *, edge: Circuit | None = None, weights: WeightMap | None = None
    ) -> Self:
        """Add uploads of the input to every edge in place, keep the function, and return the layer.

        Optimisers hold the old parameters: make them anew. See :func:`qkan.layers.qkan.refinement.refine`.
        """
        refine(self._layer, uploads, edge=edge, weights=weights)
        return self

    def to_classical(self) -> ScaledFourierKANLayer:
        """Return the Fourier KAN layer that is the same function; see :mod:`qkan.layers.qkan.classical`."""
        return to_classical(self._layer)

    @torch.no_grad()
    def select_features(self, inputs: Tensor, outputs: Tensor) -> None:
        """Keep some inputs and outputs in place; see :meth:`qkan.layers.prunable.PrunableLayer.select_features`."""
        super().select_features(inputs, outputs)
        layer = self._layer
        chosen = {
            name: weight[..., inputs, :][..., outputs]
            for name, weight in zip(layer.circuit.weight_shapes, layer.edges.weights(), strict=True)
        }
        replace_circuit(layer, layer.circuit, chosen)

    @property
    def _layer(self) -> QuantumKANLayer:
        return cast("QuantumKANLayer", self)
