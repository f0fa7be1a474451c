"""The Fourier series of a circuit's expectation values at fixed weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from array_api_compat import array_namespace, is_torch_array

from circuits import fourier
from circuits.errors import UsageError

if TYPE_CHECKING:
    from circuits.definition import Circuit

__all__ = [
    "Block",
    "FourierSeries",
    "NodePlan",
    "Term",
    "count_nodes",
    "node_weights",
    "plan_nodes",
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


@dataclass(frozen=True)
class Block:
    """Observables that see the same inputs, and the runs that fix their series.

    Attributes:
        inputs: The inputs in the light cone, in ascending order; may be empty.
        degrees: The Fourier degree of each of them.
        outputs: The observables.
        start: The first row of the plan's nodes that belongs to this block.
    """

    inputs: tuple[int, ...]
    degrees: tuple[int, ...]
    outputs: tuple[int, ...]
    start: int = 0

    @property
    def size(self) -> int:
        """The number of nodes, prod(2 d_k + 1)."""
        return prod(2 * degree + 1 for degree in self.degrees)

    @property
    def rows(self) -> slice:
        """The rows of the plan's nodes that belong to this block."""
        return slice(self.start, self.start + self.size)


@dataclass(frozen=True, eq=False)
class NodePlan:
    """The rows of inputs to run, and the blocks that read them.

    Attributes:
        blocks: Every observable is in exactly one of them.
        inputs: The nodes, shape ``(num_nodes, num_inputs)``.
    """

    blocks: tuple[Block, ...]
    inputs: np.ndarray


def count_nodes(cones: Sequence[Mapping[int, int]]) -> int:
    """Return the number of nodes without making them."""
    return sum(max(block.size for block in shelf) for shelf in _shelves(_merge(cones)))


def plan_nodes(cones: Sequence[Mapping[int, int]], scales: Sequence[float]) -> NodePlan:
    """Plan the runs for observables that see inputs with the given degrees.

    Blocks that share no input run side by side: two observables that see one input each, of degree 1,
    need three runs, not six.

    Args:
        cones: For each observable, the degree of each input that it sees.
        scales: The scale of each input.

    Example:
        >>> plan_nodes([{0: 1}, {1: 1}], [1.0, 1.0]).inputs.shape
        (3, 2)
    """
    placed: list[Block] = []
    rows: list[np.ndarray] = []
    start = 0
    for shelf in _shelves(_merge(cones)):
        height = max(block.size for block in shelf)
        runs = np.zeros((height, len(scales)))
        for block in shelf:
            grid = fourier.nodes(block.degrees, [scales[k] for k in block.inputs])
            runs[: block.size, list(block.inputs)] = grid
            placed.append(Block(block.inputs, block.degrees, block.outputs, start))
        rows.append(runs)
        start += height
    return NodePlan(tuple(placed), np.concatenate(rows))


def _merge(cones: Sequence[Mapping[int, int]]) -> list[Block]:
    """Join each observable to the largest one whose inputs and degrees contain its own."""
    order = sorted(
        range(len(cones)), key=lambda o: -prod(2 * degree + 1 for degree in cones[o].values())
    )
    groups: list[tuple[Mapping[int, int], list[int]]] = []
    for output in order:
        cone = cones[output]
        for owner, members in groups:
            if all(owner.get(k, 0) >= degree for k, degree in cone.items()):
                members.append(output)
                break
        else:
            groups.append((cone, [output]))
    return [
        Block(tuple(sorted(cone)), tuple(cone[k] for k in sorted(cone)), tuple(sorted(members)))
        for cone, members in groups
    ]


def _shelves(blocks: Sequence[Block]) -> list[list[Block]]:
    """Put blocks with disjoint inputs together, largest first."""
    shelves: list[tuple[set[int], list[Block]]] = []
    for block in sorted(blocks, key=lambda b: (-b.size, b.outputs)):
        for used, shelf in shelves:
            if used.isdisjoint(block.inputs):
                used.update(block.inputs)
                shelf.append(block)
                break
        else:
            shelves.append((set(block.inputs), [block]))
    return [shelf for _, shelf in shelves]


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
