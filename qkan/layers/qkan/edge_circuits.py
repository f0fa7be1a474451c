"""The circuits of all edges of a layer, run through PennyLane's TorchLayer as one broadcast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from circuits import Circuit
from circuits.backends import Backend
from circuits.batching import WEIGHT_BATCHING, weight_batching
from qkan.layers.parameter_shift import ShiftedCircuit, circuit_module

__all__ = ["EdgeCircuits", "uniform"]


class EdgeCircuits(nn.Module):
    """Expectation values of one circuit with weights of their own for each edge.

    The broadcast runs over samples and edges together. A function that can take a batch of weights neither on the
    last axis nor on the first is run edge by edge, but for backends that shift angles: those
    are batched. The weights have no values before ``reset_parameters``.

    Args:
        circuit: The circuit: one input, one observable.
        backend: Where it runs.
        edges: The shape that the edges are arranged in.
        stream: Number of an independent sequence of samples under the backend's seed.
        device: Where the weights are.
        dtype: Of the weights.

    Shape:
        - inputs: ``(rows, *edges)`` or ``(rows, 1)``, the same for every edge.
        - result: ``(rows, *edges)``, of the inputs' dtype.
    """

    def __init__(
        self,
        circuit: Circuit,
        backend: Backend,
        edges: tuple[int, ...],
        *,
        stream: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__()
        self.circuit = circuit
        self.edges = edges
        self.batching = weight_batching(circuit)
        blank = {
            name: torch.empty(*shape, *edges, device=device, dtype=dtype)
            for name, shape in circuit.weight_shapes.items()
        }
        self.torch_layer = circuit_module(circuit, backend, blank, stream)

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw every weight uniformly from [0, 2 pi), different for each edge."""
        for weight in self.torch_layer.parameters():
            weight.copy_(2 * np.pi * uniform(weight.shape, generator))

    def weights(self) -> list[Tensor]:
        """Return the weights in the circuit's order, each ``(*shape, *edges)``."""
        own = self.torch_layer.qnode_weights
        return [own[name] for name in self.circuit.weight_shapes]

    def forward(self, inputs: Tensor) -> Tensor:
        """Run the circuits."""
        rows = len(inputs)
        every = inputs.expand(rows, *self.edges) if inputs.ndim > 2 else inputs[:, :1]
        flat = every.reshape(rows, -1).expand(rows, int(np.prod(self.edges)))
        run = self._one_by_one if self.batching is None else self._broadcast
        return run(flat).reshape(rows, *self.edges)

    def _broadcast(self, inputs: Tensor) -> Tensor:
        rows, edges = inputs.shape
        view = WEIGHT_BATCHING[self.batching or "last"]
        expanded = {}
        for name, weight in zip(self.circuit.weight_shapes, self.weights(), strict=True):
            shape = self.circuit.weight_shapes[name]
            batch = weight.reshape(*shape, 1, edges).expand(*shape, rows, edges)
            expanded[name] = view(batch.reshape(*shape, rows * edges))
        return self._run(inputs.reshape(-1, 1), expanded).reshape(rows, edges)

    def _one_by_one(self, inputs: Tensor) -> Tensor:
        cases = [
            (inputs[:, edge : edge + 1], self._of_edge(edge)) for edge in range(inputs.shape[1])
        ]
        if isinstance(
            self.torch_layer, ShiftedCircuit
        ):  # there, angles can be batched all the same
            return torch.cat(self.torch_layer.each(cases), dim=-1)
        return torch.stack([self._run(*case).reshape(-1) for case in cases], dim=1)

    def _of_edge(self, edge: int) -> dict[str, Tensor]:
        return {
            name: weight.reshape(*self.circuit.weight_shapes[name], -1)[..., edge]
            for name, weight in zip(self.circuit.weight_shapes, self.weights(), strict=True)
        }

    def _run(self, inputs: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
        """Run the TorchLayer with these weights in place of its own."""
        values: Tensor = functional_call(self.torch_layer, dict(weights), (inputs,))
        return values


def uniform(shape: Sequence[int], generator: torch.Generator | None) -> Tensor:
    """Draw numbers from [0, 1) in float64, so that a seed gives the same layer in any dtype."""
    device = "cpu" if generator is None else generator.device
    return torch.rand(shape, generator=generator, dtype=torch.float64, device=device)
