r"""The gates of a circuit, read once: every angle as a function of inputs and weights.

A quantum function is called with *symbols* in place of numbers, and each angle of its gates comes out as

.. math:: a = \sum_k A_k x_k + \sum_j B_j \theta_j + c,

or with the reason why it is none of that: a clip, a product of inputs, an arccosine. Where symbols cannot pass (a
template that needs numbers, a function of torch or of ``math``), the same is found from probes: points of both signs
and of sizes from 0.5 to 1e12, with tolerances relative to what is added up. Probes also confirm what symbols say.

Spectrum, light cones, shift rules, closed forms, drawings and fingerprints follow from this table, and what a
circuit records when it runs is held against it (:meth:`GateTable.hold`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.operation import Operator

from circuits.errors import CircuitError
from circuits.symbols import Form, as_symbols
from circuits.tape import bound, names, same_form

__all__ = ["TOLERANCE", "GateTable", "Parameter", "numbers_of"]

TOLERANCE = 1e-9
"""Relative to the sizes of what is added up to an angle, in float64."""
_SINGLE = 1e-5
"""The same in float32."""
_ROWS = 256
"""Longer batches are compared at so many rows, and at their extremes, where the table says everything."""
_EXTREMES = (np.argmin, np.argmax)


@dataclass(frozen=True, eq=False)
class Parameter:
    """One parameter of one gate.

    Attributes:
        gate: The gate's number.
        index: Which of its parameters.
        form: What it is as a function of inputs and weights.
        value: The value where nothing moves it, else None.
        angle: Whether it is one; a matrix, a state or a complex number is none, and its form only tells what moves it.
    """

    gate: int
    index: int
    form: Form
    value: Any = None
    angle: bool = True


@dataclass(frozen=True, eq=False)
class GateTable:
    """What a circuit's function does, as data.

    Attributes:
        name: The circuit's name, for errors.
        num_inputs: The number of inputs; they are the first variables of the forms.
        shapes: The shape of each weight; flattened, in this order, they are the other variables.
        gates: The elementary gates, with angles of no importance.
        parameters: All parameters of all gates.
        problem: Why there is no such table (its gates change with the weights), or None.
        unread: Why symbols could not pass, so that the forms come from probes; else None.
        numbers: The weights that the function turns into plain numbers, through which no gradient passes.
        in_place: Whether the function writes into its arguments: it is then given copies.
    """

    name: str
    num_inputs: int
    shapes: Mapping[str, tuple[int, ...]]
    gates: tuple[Operator, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    problem: str | None = None
    unread: str | None = None
    numbers: tuple[str, ...] = ()
    in_place: bool = False

    @property
    def num_weights(self) -> int:
        """The number of weights, all arrays together."""
        return sum(int(np.prod(shape)) for shape in self.shapes.values())

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """The names of the forms' variables: ``x0``, ``theta[1, 0]``."""
        names = [f"x{k}" for k in range(self.num_inputs)]
        for name, shape in self.shapes.items():
            names += [f"{name}{list(index) if index else ''}" for index in np.ndindex(*shape)]
        return tuple(names)

    @cached_property
    def angles(self) -> tuple[Parameter, ...]:
        """The parameters that are angles, constant ones included."""
        return tuple(p for p in self.parameters if p.angle)

    @property
    def exact(self) -> bool:
        """Whether the table says everything: all parameters are affine or constant, and were read as symbols."""
        affine = all(p.value is not None or (p.angle and not p.form.bent) for p in self.parameters)
        return affine and self.problem is None and self.unread is None

    def symbolic_gates(self) -> list[Operator]:
        """Return the gates with :class:`Symbols` for angles, to be taken apart further."""
        values = [list(gate.data) for gate in self.gates]
        for p in self.angles:
            values[p.gate][p.index] = as_symbols(p.form)
        with qml.QueuingManager.stop_recording():
            return [
                bound(gate, data) if data else gate
                for gate, data in zip(self.gates, values, strict=True)
            ]

    @cached_property
    def _matrices(self) -> tuple[np.ndarray, ...]:
        """Rates of inputs and of weights, constants, sizes, and the kind of each angle: 0, 1, 2 (see ``hold``)."""
        count, n = len(self.angles), self.num_inputs
        rates, constants = np.zeros((count, n + self.num_weights)), np.zeros(count)
        sizes, kinds = np.zeros(count), np.zeros(count, dtype=int)
        for row, p in enumerate(self.angles):
            for variable, rate in p.form.rates.items():
                rates[row, variable] = rate
            constants[row], sizes[row] = p.form.constant, p.form.size
            kinds[row] = 0 if not p.form.bent else 1 if min(p.form.bent) >= n else 2
        return rates[:, :n], rates[:, n:], constants[:, None], sizes[:, None], kinds[:, None]

    def hold(
        self, gates: Sequence[Operator], inputs: Any, weights: Mapping[str, Any]
    ) -> list[Operator]:
        """Compare elementary gates that were recorded with the table, at the data they were recorded at.

        Angles are compared with their affine forms, row by row; where weights enter in another way, with the first
        row; where inputs do, not at all. Where all angles are affine as symbols show, and nothing can differ in one
        row alone but what is clipped or wrapped, long batches are compared at their extremes and at rows between.
        Data that are no numbers yet (tracers of a compiler) are let through.

        Args:
            gates: The elementary gates.
            inputs: The inputs, ``(num_inputs,)`` or ``(N, num_inputs)``.
            weights: The weights by name, each of its shape or with a batch of N, last or first.

        Returns:
            The gates; what a transform of PennyLane's left out since it turns by nothing is put back.

        Raises:
            CircuitError: If a gate or an angle departs from the table; it names the gate, the row, and both values.
        """
        if self.problem is not None:
            return list(gates)
        x, theta = numbers_of(inputs), self._flat(weights)
        gates = list(gates) if self.same_gates(gates) else self._with_idle(gates, x, theta)
        for p in self.parameters:
            if not p.angle and p.value is not None:
                value = numbers_of(gates[p.gate].data[p.index])
                if value is not None and not np.allclose(value, p.value, rtol=1e-6, atol=1e-9):
                    raise self._changed(p, "its numbers are others than where the circuit was read")
        found = [numbers_of(gates[p.gate].data[p.index]) for p in self.angles]
        numbers = [value for value in found if value is not None]
        if x is None or theta is None or len(numbers) < len(found) or not numbers:
            return gates
        columns = [x.reshape(-1, self.num_inputs).T, *theta]
        count = max(part.shape[1] for part in columns)
        rows = self._rows(columns, count)
        x, *theta = (part[:, rows] if part.shape[1] == count else part for part in columns)
        values = np.empty((len(numbers), len(rows) if isinstance(rows, np.ndarray) else count))
        for index, value in enumerate(numbers):
            values[index] = value[rows] if value.shape == (count,) else value
        self._compare(values, x, _stack(theta), rows, numbers)
        return gates

    def _rows(self, columns: Sequence[np.ndarray], count: int) -> np.ndarray | slice:
        """Return the rows to compare: all, or the extremes of each variable and some between."""
        if count <= _ROWS or not self.exact:
            return slice(None)
        ends = [
            end(part, axis=1) for part in columns if part.shape[1] == count for end in _EXTREMES
        ]
        return np.unique(np.concatenate([*ends, np.arange(0, count, -(-count // _ROWS))]))

    def _compare(
        self,
        values: np.ndarray,
        x: np.ndarray,
        theta: np.ndarray,
        rows: np.ndarray | slice,
        given: Sequence[np.ndarray],
    ) -> None:
        by_input, by_weight, constants, sizes, kinds = self._matrices
        expected: np.ndarray = by_input @ x + (by_weight @ theta + constants)
        if kinds.any():  # what no form tells is taken from the values
            free = kinds > 0
            if theta.shape[1] == 1:
                expected = expected + (kinds == 1) * (values - expected)[:, :1]
                free = kinds == 2
            expected = np.where(free, values, expected)
        difference = np.abs(values - expected)
        if difference.max() <= 1e-13:  # far below what any observable can tell
            return
        scale: np.ndarray = np.abs(by_input) @ np.abs(x) + np.abs(by_weight) @ np.abs(theta) + sizes
        scale = scale + (kinds == 1) * np.abs(values)
        single = any(v.dtype.kind == "f" and v.dtype.itemsize < 8 for v in (*given, x, theta))
        wrong = ~(difference <= (_SINGLE if single else TOLERANCE) * scale)
        if wrong.any():
            index, column = (int(k) for k in np.argwhere(wrong)[0])
            row = column if isinstance(rows, slice) else int(rows[column])
            raise self._changed(
                self.angles[index],
                f"at inputs {x[:, column % x.shape[1]].tolist()} (row {row}) its angle is "
                f"{values[index, column]:.9g}, but where the circuit was read it is "
                f"{self.formula(self.angles[index])}, which gives {expected[index, column]:.9g}",
            )

    def same_gates(self, gates: Sequence[Operator]) -> bool:
        """Whether these are the gates of the table, whatever their angles."""
        return len(gates) == len(self.gates) and all(map(same_form, gates, self.gates))

    def _with_idle(
        self, gates: Sequence[Operator], x: np.ndarray | None, theta: list[np.ndarray] | None
    ) -> list[Operator]:
        """Put back gates that a transform of PennyLane's has left out since they turn by nothing.

        Raises:
            CircuitError: If the gates are others.
        """
        idle = set()
        if x is not None and theta is not None:
            by_input, by_weight, constants, _, kinds = self._matrices
            turns = by_input @ x.reshape(-1, self.num_inputs).T + by_weight @ _stack(theta)
            still = ~np.any(turns + constants, axis=1) & (kinds[:, 0] == 0)
            turning = {p.gate for p, quiet in zip(self.angles, still, strict=True) if not quiet}
            idle = {p.gate for p in self.angles} - turning
        rest = [gate for k, gate in enumerate(self.gates) if k not in idle]
        if len(rest) != len(gates) or not all(map(same_form, gates, rest)):
            raise CircuitError(
                f"circuit {self.name!r}: its gates change with inputs or weights, from "
                f"{names(self.gates)} to {names(gates)}; do not branch on their values"
            )
        there = iter(gates)
        return [_still(gate) if k in idle else next(there) for k, gate in enumerate(self.gates)]

    def _flat(self, weights: Mapping[str, Any]) -> list[np.ndarray] | None:
        """Return each weight as ``(its numbers, 1 or N)``, or None if one is no number."""
        parts = []
        for name, shape in self.shapes.items():
            value = numbers_of(weights.get(name))
            if value is None or value.ndim not in (len(shape), len(shape) + 1):
                return None
            if value.ndim == len(shape):
                value = value[..., None]
            elif value.shape[1:] == shape and value.shape[:-1] != shape:
                value = np.moveaxis(value, 0, -1)
            if value.shape[:-1] != shape:
                return None
            parts.append(value.reshape(-1, value.shape[-1]))
        return parts

    def _changed(self, p: Parameter, how: str) -> CircuitError:
        gate = self.gates[p.gate]
        return CircuitError(
            f"circuit {self.name!r}: {gate.name} on wires {gate.wires.tolist()} (gate {p.gate}) is not what it was: "
            f"{how}. A function that clips, branches or looks something up is evaluated with direct_only=True"
        )

    def formula(self, p: Parameter, decimals: int = 6) -> str:
        """Return an angle as text, such as ``2 x0 + theta[1, 0] - 0.5``."""
        names = self.variables
        form = p.form
        terms = [f"{rate:.{decimals}g} {names[k]}" for k, rate in sorted(form.rates.items())]
        terms += [f"f({', '.join(names[k] for k in sorted(form.bent))})"] if form.bent else []
        terms += [f"{form.constant:.{decimals}g}"] if form.constant or not terms else []
        return " + ".join(terms)


def _still(gate: Operator) -> Operator:
    with qml.QueuingManager.stop_recording():
        return bound(gate, [0.0] * gate.num_params)


def _stack(parts: Sequence[np.ndarray]) -> np.ndarray:
    count = max((part.shape[1] for part in parts), default=1)
    whole = [np.broadcast_to(part, (len(part), count)) for part in parts]
    return np.concatenate([np.zeros((0, count)), *whole])


def numbers_of(value: Any) -> np.ndarray | None:
    """Return the numbers of an array of any library, or None where there are none yet."""
    if isinstance(value, np.ndarray):
        return None if value.dtype == object else value
    if isinstance(value, float | int):
        return np.asarray(value)
    if value is None or type(value).__module__.startswith("jax"):
        return None
    try:
        if hasattr(value, "detach"):
            value = value.detach()
            return np.asarray(value.cpu().numpy() if value.device.type != "cpu" else value.numpy())
        array = np.asarray(value)
    except (RuntimeError, TypeError, ValueError, NotImplementedError, AttributeError):
        return None  # a tracer
    return None if array.dtype == object else array
