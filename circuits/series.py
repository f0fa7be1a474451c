"""The Fourier series of a circuit's expectation values at fixed weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from array_api_compat import array_namespace, is_torch_array

from circuits import fourier
from circuits.definition import Circuit
from circuits.errors import UsageError
from circuits.nodes import NodePlan

__all__ = [
    "FourierSeries",
    "Term",
    "node_weights",
    "sampled_variance",
    "series_from_values",
]

Array = Any


@dataclass(frozen=True)
class Term:
    """One term of an observable's series: ``coefficient`` times a product of sines and cosines.

    Attributes:
        coefficient: The factor in front.
        harmonics: Triples (input, "cos" or "sin", multiple of the input's scale); empty for the constant.
    """

    coefficient: float
    harmonics: tuple[tuple[int, str, int], ...]


@dataclass(frozen=True, eq=False)
class FourierSeries:
    """Expectation values as trigonometric polynomials, one for each observable.

    Attributes:
        plan: The blocks of observables that see the same inputs.
        coefficients: For each block an array ``(outputs, 2 d_1 + 1, ..., 2 d_n + 1)`` over 1, cos, sin, cos 2, ...
        scales: The scale of each input of the circuit.
    """

    plan: NodePlan
    coefficients: tuple[Array, ...]
    scales: tuple[float, ...]

    @property
    def num_outputs(self) -> int:
        """The number of observables."""
        return sum(len(block.outputs) for block in self.plan.blocks)

    def __call__(self, inputs: Array) -> Array:
        """Return the values at inputs of the coefficients' own array type and dtype.

        Shape:
            - inputs: ``(..., num_inputs)``
            - result: ``(..., num_outputs)``
        """
        return self._evaluate(inputs, self.coefficients)

    def derivative(self, inputs: Array, k: int) -> Array:
        """Return the partial derivatives with respect to input ``k``; shapes as in a call."""
        if k not in range(len(self.scales)):
            raise UsageError(f"input {k!r} is not among the {len(self.scales)} of this series")
        changed = []
        for block, coeffs in zip(self.plan.blocks, self.coefficients, strict=True):
            if k in block.inputs:
                changed.append(fourier.differentiate(coeffs, block.inputs.index(k), self.scales[k]))
            else:
                changed.append(0 * coeffs)
        return self._evaluate(inputs, tuple(changed))

    def _evaluate(self, inputs: Array, coefficients: tuple[Array, ...]) -> Array:
        if inputs.ndim == 0 or inputs.shape[-1] != len(self.scales):
            raise UsageError(
                f"the series takes inputs of shape (..., {len(self.scales)}); "
                f"shape {tuple(inputs.shape)} arrived"
            )
        xp = array_namespace(inputs, *coefficients)
        columns = xp.reshape(inputs, (-1, len(self.scales))).T
        order: list[int] = []
        rows = []
        for block, coeffs in zip(self.plan.blocks, coefficients, strict=True):
            points = xp.stack([columns[k] for k in block.inputs]) if block.inputs else columns[:0]
            rows.append(fourier.evaluate(coeffs, points, [self.scales[k] for k in block.inputs]))
            order.extend(block.outputs)
        values = xp.concat(rows, axis=0) if len(rows) > 1 else rows[0]
        if order != sorted(order):
            values = xp.stack([values[order.index(output)] for output in range(len(order))])
        return xp.reshape(values.T, (*inputs.shape[:-1], len(order)))

    def terms(self, output: int, tolerance: float = 1e-12) -> list[Term]:
        """Return the terms of one observable whose coefficients exceed ``tolerance``, largest first."""
        for block, coeffs in zip(self.plan.blocks, self.coefficients, strict=True):
            if output in block.outputs:
                table = _to_numpy(coeffs)[block.outputs.index(output)]
                break
        else:
            raise UsageError(f"output {output} is not among the {self.num_outputs} of this series")
        found = []
        for index in np.argwhere(np.abs(table) > tolerance):
            harmonics = tuple(
                (k, "cos" if j % 2 else "sin", int(j + 1) // 2)
                for k, j in zip(block.inputs, index, strict=True)
                if j
            )
            found.append(Term(float(table[tuple(index)]), harmonics))
        return sorted(found, key=lambda term: -abs(term.coefficient))


def series_from_values(circuit: Circuit, values: Array) -> FourierSeries:
    """Return the series of a circuit from its expectation values on ``circuit.plan.inputs``.

    Args:
        circuit: The circuit.
        values: The expectation values, run on any backend; gradients flow through torch tensors.

    Shape:
        values: ``(num_nodes, num_observables)``
    """
    plan = circuit.plan
    expected = (len(plan.inputs), circuit.num_observables)
    if tuple(values.shape) != expected:
        raise UsageError(f"expected node values of shape {expected}, {tuple(values.shape)} arrived")
    blocks = []
    for block in plan.blocks:
        rows = values[block.rows]
        chosen = array_namespace(values).stack(
            [rows[:, output] for output in block.outputs], axis=-1
        )
        blocks.append(fourier.coefficients(chosen, block.degrees))
    return FourierSeries(plan, tuple(blocks), circuit.scales)


def _to_numpy(array: Array) -> np.ndarray:
    """Return the values in float64, whatever device they are on and whatever graph they belong to."""
    plain = array.detach().cpu() if is_torch_array(array) else array
    return np.asarray(plain, dtype=np.float64)


def node_weights(circuit: Circuit, inputs: npt.ArrayLike, output: int) -> npt.NDArray[np.float64]:
    """Return the weights of the node values in an observable's value at each input.

    Shape: inputs (..., num_inputs); result (..., num_nodes), zero for nodes that the observable does not read.

    Args:
        circuit: A circuit that has a Fourier series.
        inputs: Where.
        output: The observable's number.

    Example:
        >>> from circuits import edge
        >>> weights = node_weights(edge("pz(depth=2)"), [[0.3], [1.0]], output=0)
        >>> weights.shape, (weights**2).sum(-1).round(12)
        ((2, 5), array([1., 1.]))
    """
    x = circuit.check_inputs(inputs)
    plan = circuit.plan
    block = next(block for block in plan.blocks if output in block.outputs)
    unit = fourier.coefficients(np.eye(block.size), block.degrees)
    rows = x.reshape(-1, circuit.num_inputs)
    scales = [circuit.scales[k] for k in block.inputs]
    weights = np.zeros((len(rows), len(plan.inputs)))
    weights[:, block.rows] = fourier.evaluate(unit, rows[:, list(block.inputs)].T, scales).T
    return weights.reshape(*x.shape[:-1], -1)


def sampled_variance(
    circuit: Circuit, inputs: npt.ArrayLike, node_variances: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """Return the variance of the series at each input, given that of every node value.

    Shape: inputs (..., num_inputs), node variances (num_nodes, num_observables); result (..., num_observables).

    Args:
        circuit: A circuit that has a Fourier series.
        inputs: Where.
        node_variances: For a Pauli word with mean z and S shots (1 - z^2) / S.
    """
    variances = np.asarray(node_variances, dtype=np.float64)
    columns = [
        node_weights(circuit, inputs, output) ** 2 @ variances[:, output]
        for output in range(circuit.num_observables)
    ]
    return np.stack(columns, axis=-1)
