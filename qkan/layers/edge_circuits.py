"""The circuits of all edges of a layer, run as one broadcast."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from circuits import Circuit, CircuitError, UsageError
from qkan.layers.checks import inside_transform
from qkan.layers.torch_layer import CircuitModule

__all__ = ["require_edge", "run_edges", "uniform"]


def run_edges(module: CircuitModule, inputs: Tensor) -> Tensor:
    """Return the expectation values of one circuit with weights of their own for each edge.

    The broadcast runs over samples and edges together. A function that can take a batch of weights neither on the last
    axis nor on the first is run edge by edge, but for backends that shift angles: those are batched. So many edges run
    at a time as fit into memory.

    Args:
        module: Runs the circuit; its weights are ``(*shape, *edges)``.
        inputs: The input of every edge.

    Shape:
        - inputs: ``(rows, *edges)``
        - result: ``(rows, *edges)``, of the inputs' dtype.
    """
    flat = inputs.flatten(1)
    rows, edges = flat.shape
    shapes = module.circuit.weight_shapes
    weights = {name: w.reshape(*shapes[name], edges) for name, w in module.by_name.items()}
    step = 1 if module.circuit.batching is None else edges
    backprop = module.backend.gradient == "backprop"  # else samples would be others
    if step > 1 and backprop and not inside_transform():
        gates = 1 + len(module.circuit.table.gates)  # each leaves states behind for the gradient
        size = 16 * module.backend.chunk_size(module.circuit) // gates
        step = max(1, min(edges, size // max(1, rows)))
    cases = []
    for first in range(0, edges, step):
        part = slice(first, first + step)
        some = {name: w[..., part] for name, w in weights.items()}
        if module.circuit.batching is None:
            some = {name: w.squeeze(-1) for name, w in some.items()}
        else:
            some = {
                name: module.circuit.batch_of(
                    w.unsqueeze(-2).expand(*shapes[name], rows, w.shape[-1]).flatten(-2)
                )
                for name, w in some.items()
            }
        cases.append((flat[:, part].reshape(-1, 1), some))
    values = [value.reshape(rows, -1) for value in module.each(cases)]
    return torch.cat(values, dim=-1).reshape(inputs.shape)


def require_edge(circuit: Circuit, evaluate: str) -> None:
    """Refuse what cannot be an edge.

    Raises:
        UsageError: If it is no circuit.
        CircuitError: If it has not one input and one observable, does not depend on its input, or has no series
            where one is asked for.
    """
    if not isinstance(circuit, Circuit):
        raise UsageError(
            f"expected the name of an edge or a circuits.Circuit, {type(circuit).__name__} arrived; "
            "decorate a quantum function with @circuits.circuit(wires=1, weights=...)"
        )
    if circuit.num_inputs != 1:
        raise CircuitError(
            f"an edge has one input, circuit {circuit.name!r} has {circuit.num_inputs}; "
            "use qkan.QuantumLayer for it"
        )
    if circuit.num_observables != 1:
        raise CircuitError(
            f"an edge has one observable, circuit {circuit.name!r} has {circuit.num_observables}; "
            "choose one: circuits.circuit(..., observables=qml.Z(0))"
        )
    if circuit.direct_only is None and circuit.degrees[0] == 0:
        raise CircuitError(
            f"circuit {circuit.name!r} has Fourier degree 0: its value does not depend on its input"
        )
    if evaluate in {"closed", "fourier"}:
        circuit.require_series()


def uniform(shape: Sequence[int], generator: torch.Generator | None) -> Tensor:
    """Draw numbers from [0, 1) in float64, so that a seed gives the same layer in any dtype."""
    device = "cpu" if generator is None else generator.device
    return torch.rand(shape, generator=generator, dtype=torch.float64, device=device)
