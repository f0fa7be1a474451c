"""A circuit at many settings of its weights, as one broadcast where its function allows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from circuits import Circuit, UsageError
from circuits.backends import backend
from circuits.batching import WEIGHT_BATCHING, weight_batching
from qkan.layers.torch_layer import CircuitTorchLayer

__all__ = ["draw_weights", "parts", "run_batched"]

_NUMBERS = 2**22
"""So many amplitudes are kept for the gradient at a time."""


def draw_weights(
    circuit: Circuit, samples: int, rng: np.random.Generator
) -> dict[str, NDArray[np.float64]]:
    """Draw every weight uniformly from [0, 2 pi), ``(samples, *shape)`` each.

    Raises:
        UsageError: If there are fewer than two samples.
    """
    if isinstance(samples, bool) or not isinstance(samples, int) or samples < 2:
        raise UsageError(f"samples must be an integer of at least 2, got {samples!r}")
    shapes = circuit.weight_shapes.items()
    return {name: rng.uniform(0, 2 * np.pi, (samples, *shape)) for name, shape in shapes}


def parts(circuit: Circuit, rows: int) -> Iterator[slice]:
    """Yield slices of the rows that fit into memory, with the states behind every gate."""
    zeros = {name: np.zeros(shape) for name, shape in circuit.weight_shapes.items()}
    gates = len(circuit.gates(np.zeros(circuit.num_inputs), **zeros))
    step = max(1, _NUMBERS // (2**circuit.num_wires * max(gates, 1)))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def run_batched(circuit: Circuit, inputs: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
    """Return exact expectation values, with gradients, for as many inputs as settings of weights.

    Shape:
        - inputs: ``(N, num_inputs)``
        - weights: ``(N, *shape)`` each
        - result: ``(N, num_observables)``
    """
    way = weight_batching(circuit)
    if way is None:
        rows = [
            _run(circuit, row.unsqueeze(0), {name: value[k] for name, value in weights.items()})
            for k, row in enumerate(inputs)
        ]
        return torch.cat(rows)
    view = WEIGHT_BATCHING[way]
    last = {name: view(torch.movedim(value, 0, -1)) for name, value in weights.items()}
    return _run(circuit, inputs, last)


def _run(circuit: Circuit, inputs: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
    exact = backend("default.qubit")
    blank = {name: torch.zeros_like(value) for name, value in weights.items()}
    module = CircuitTorchLayer(circuit, exact, blank)
    values: Tensor = torch.func.functional_call(module, dict(weights), (inputs,))
    return values
