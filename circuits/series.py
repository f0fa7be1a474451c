"""The Fourier series of a circuit's expectation values at fixed weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace, is_torch_array

from circuits import fourier
from circuits.definition import Circuit
from circuits.errors import UsageError
from circuits.plan import NodePlan

__all__ = ["FourierSeries", "Term", "series_from_values"]

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
