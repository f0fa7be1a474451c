"""Fourier coefficients of many edges as a function of their weights, with the Jacobian."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from circuits import Circuit
from qkan.layers.qkan.edge_circuits import uniform
from qkan.layers.qkan.layer import QuantumKANLayer

__all__ = ["EdgeCoefficients"]

_FEW = 2**12
"""Up to so many edges, copies are cheaper than further backward passes."""


class EdgeCoefficients:
    """The exact coefficients of a circuit at many weights, in float64.

    Args:
        circuit: The circuit.
        count: How many edges there are.

    Shape:
        - weights: ``(number of weights, count)``, flattened in the circuit's order
        - result: ``(2 degree + 1, count)``
    """

    def __init__(self, circuit: Circuit, count: int):
        circuit.require_series()
        self.count = count
        size = 2 * circuit.degrees[0] + 1
        # A copy of the edges for each coefficient: then one backward pass gives all derivatives.
        self._copies = size if size * count <= _FEW else 1
        self._layer = QuantumKANLayer(
            1,
            self._copies * count,
            circuit,
            frequencies="fixed",
            weight=False,
            bias=False,
            base=None,
            generator=torch.Generator().manual_seed(0),
            dtype=torch.float64,
        )
        self._weights = self._layer.edges.weights()

    @property
    def degree(self) -> int:
        """The Fourier degree of the circuit."""
        return self._layer.circuit.degrees[0]

    @property
    def num_weights(self) -> int:
        """How many weights an edge has."""
        return sum(weight[..., 0, 0].numel() for weight in self._weights)

    def random(self, generator: torch.Generator) -> Tensor:
        """Draw weights uniformly from [0, 2 pi)."""
        shape = (self.num_weights, self.count)
        return 2 * math.pi * uniform(shape, generator).cpu()

    def __call__(self, weights: Tensor) -> Tensor:
        """Return the coefficients."""
        self._set(weights)
        with torch.no_grad():
            return self._layer.circuit_coefficients().squeeze(1)[:, : self.count]

    def with_jacobian(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Return the coefficients and their derivatives, ``(2 degree + 1, number of weights, count)``."""
        if not self._weights:
            values = self(weights)
            return values, values.new_zeros(len(values), 0, self.count)
        self._set(weights)
        with torch.enable_grad():
            coefficients = self._layer.circuit_coefficients().squeeze(1)
            copies = coefficients.reshape(len(coefficients), self._copies, self.count)
            rows = [copies.diagonal().sum()] if self._copies > 1 else [r.sum() for r in copies]
            gradients = [
                torch.cat(
                    [
                        g.flatten(0, -2)
                        for g in torch.autograd.grad(row, self._weights, retain_graph=True)
                    ]
                )
                for row in rows
            ]
        if self._copies > 1:
            jacobian = gradients[0].reshape(-1, self._copies, self.count).movedim(1, 0)
        else:
            jacobian = torch.stack(gradients)
        return copies[:, 0].detach(), jacobian

    @torch.no_grad()
    def _set(self, weights: Tensor) -> None:
        sizes = [weight[..., 0, 0].numel() for weight in self._weights]
        for weight, values in zip(
            self._weights, torch.split(weights.repeat(1, self._copies), sizes), strict=True
        ):
            weight.copy_(values.reshape(weight.shape))
