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

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.measurements import MeasurementProcess
from pennylane.operation import Operator

from circuits.errors import CircuitError
from circuits.symbols import Form, Symbols, UnreadableError, as_numbers, as_symbols, has_forms
from circuits.tape import QuantumFunction, elementary, record, same_form

__all__ = ["GateTable", "Parameter", "Probes", "numbers_of", "probe", "probe_points", "read_gates"]

_SEED = 7
_SIZES = (0.5, -2.0, 7.0, -30.0, 1e6, -1e12)
"""Sizes of the probes' inputs; the sign is that of their steps."""
_WEIGHTS = (0.0, -3.5, 3.5, -7.0)
"""Weights are tried in intervals of length 3.5 from here, so that a branch on one of them shows."""
_TOLERANCE = 1e-9
"""Relative to the sizes of what is added up to an angle, in float64."""
_SINGLE = 1e-5
"""The same in float32."""


@dataclass(frozen=True, eq=False)
class Probes:
    """Recordings of a function at a batch of points, each with other weights.

    Attributes:
        points: Rows of inputs: for each size a base, then steps along every axis, a longer and a shorter one.
        draws: The weights of each recording.
        alone: The elementary gates of the first row alone, with the first weights.
        gates: The elementary gates of each recording.
        measured: The measurements of each, and of a call with one row.
        in_place: Whether the function writes into the arrays that it is given.
    """

    points: np.ndarray
    draws: tuple[Mapping[str, np.ndarray], ...]
    alone: list[Operator]
    gates: tuple[list[Operator], ...]
    measured: tuple[list[MeasurementProcess], ...]
    in_place: bool


def probe(
    function: QuantumFunction,
    view: Callable[[Any], Any],
    num_inputs: int,
    shapes: Mapping[str, tuple[int, ...]],
    domain: tuple[float, float] | None = None,
) -> Probes:
    """Record a function where what it does with its arguments shows."""
    rng = np.random.default_rng(_SEED)
    draws = tuple({n: rng.uniform(a, a + 3.5, s) for n, s in shapes.items()} for a in _WEIGHTS)
    points = probe_points(num_inputs, rng, domain)
    in_place = False

    def run(rows: np.ndarray, draw: Mapping[str, np.ndarray]) -> Any:
        nonlocal in_place
        given, weights = rows.copy(), {name: value.copy() for name, value in draw.items()}
        with np.errstate(all="ignore"):  # far out, what a function computes may overflow
            recorded = record(function, view(given), weights)
        in_place |= not np.array_equal(given, rows)
        in_place |= any(not np.array_equal(weights[name], value) for name, value in draw.items())
        return recorded

    recordings = [run(points, draw) for draw in draws]
    alone = run(points[0], draws[0])
    with np.errstate(all="ignore"):
        first, *gates = (elementary(operations) for operations, _ in (alone, *recordings))
    measured = tuple(measurements for _, measurements in (alone, *recordings))
    return Probes(points, draws, first, tuple(gates), measured, in_place)


def probe_points(
    num_inputs: int, rng: np.random.Generator, domain: tuple[float, float] | None = None
) -> np.ndarray:
    """Return rows of inputs at which an affine dependence shows, shape ``(blocks (1 + 2 n), n)``.

    Base points of different sizes, each followed by two steps along every axis: a longer one, which is to one side
    or the other enough to change the sign, and a shorter one back. Within a domain, points and steps stay inside.
    """
    rows = []
    for size in _SIZES if domain is None else range(4):
        if domain is None:
            base = rng.uniform(-abs(size), abs(size), num_inputs)
            steps = (0.37 * size * np.ones(num_inputs), -1.21 * size * np.ones(num_inputs))
        else:
            base, *ends = rng.uniform(*domain, (3, num_inputs))
            steps = (ends[0] - base, ends[1] - base)
        rows.append(base)
        for step in steps:
            rows.extend(base + step[k] * np.eye(num_inputs)[k] for k in range(num_inputs))
    return np.stack(rows)


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
                qml.ops.functions.bind_new_parameters(gate, data) if data else gate
                for gate, data in zip(self.gates, values, strict=True)
            ]

    @cached_property
    def _matrices(self) -> tuple[np.ndarray, ...]:
        """Rates of inputs and of weights, constants, sizes, and the kind of each angle: 0, 1, 2 (see ``hold``)."""
        count, n = len(self.angles), self.num_inputs
        rates, constants = np.zeros((count, n + self.num_weights)), np.zeros(count)
        sizes, kinds = np.zeros(count), np.zeros(count, dtype=int)
        for row, p in enumerate(self.angles):
            form = p.form
            for variable, rate in form.rates.items():
                rates[row, variable] = rate
            constants[row], sizes[row] = form.constant, form.size
            kinds[row] = 0 if not form.bent else 1 if min(form.bent) >= n else 2
        return rates[:, :n], rates[:, n:], constants, sizes, kinds

    def hold(
        self, gates: Sequence[Operator], inputs: Any, weights: Mapping[str, Any]
    ) -> list[Operator]:
        """Compare elementary gates that were recorded with the table, at the data they were recorded at.

        Angles are compared with their affine forms, row by row; where weights enter in another way, with the first
        row; where inputs do, not at all. Data that are no numbers yet (tracers of a compiler) are let through.

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
        rows = x.reshape(-1, self.num_inputs)
        values = np.empty((len(numbers), max(len(rows), theta.shape[1])))
        for index, value in enumerate(numbers):
            values[index] = value
        expected = self._expected(rows, theta, values)
        difference = np.abs(values - expected)
        if difference.max() <= 1e-13:  # far below what any observable can tell
            return gates
        single = any(v.dtype.kind == "f" and v.dtype.itemsize < 8 for v in (*numbers, x, theta))
        scale = self._scale(rows, theta, values)
        wrong = ~(difference <= (_SINGLE if single else _TOLERANCE) * scale)
        if wrong.any():
            index, row = (int(k) for k in np.argwhere(wrong)[0])
            raise self._changed(
                self.angles[index],
                f"at inputs {rows[row % len(rows)].tolist()} (row {row}) its angle is {values[index, row]:.9g}, but "
                f"where the circuit was read it is {self.formula(self.angles[index])}, which gives "
                f"{expected[index, row]:.9g}",
            )
        return gates

    def _expected(self, rows: np.ndarray, theta: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Return the angles by their forms, ``(angles, N)``; what no form tells is taken from the values."""
        by_input, by_weight, constants, _, kinds = self._matrices
        expected: np.ndarray = by_input @ rows.T + (by_weight @ theta + constants[:, None])
        if kinds.any():
            free = kinds == 2
            if theta.shape[1] == 1:
                expected = expected + (kinds == 1)[:, None] * (values - expected)[:, :1]
            else:
                free = kinds > 0
            expected = np.where(free[:, None], values, expected)
        return expected

    def _scale(self, rows: np.ndarray, theta: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Return the sizes of what is added up to each angle."""
        by_input, by_weight, _, sizes, kinds = (np.abs(matrix) for matrix in self._matrices)
        scale: np.ndarray = by_input @ np.abs(rows.T) + (by_weight @ np.abs(theta) + sizes[:, None])
        return scale + (kinds == 1)[:, None] * np.abs(values)

    def same_gates(self, gates: Sequence[Operator]) -> bool:
        """Whether these are the gates of the table, whatever their angles."""
        return len(gates) == len(self.gates) and all(map(same_form, gates, self.gates))

    def _with_idle(
        self, gates: Sequence[Operator], x: np.ndarray | None, theta: np.ndarray | None
    ) -> list[Operator]:
        """Put back gates that a transform of PennyLane's has left out since they turn by nothing.

        Raises:
            CircuitError: If the gates are others.
        """
        idle = set()
        if x is not None and theta is not None:
            by_input, by_weight, constants, _, kinds = self._matrices
            expected = by_input @ x.reshape(-1, self.num_inputs).T + by_weight @ theta
            still = ~np.any(expected + constants[:, None], axis=1) & (kinds == 0)
            turning = {p.gate for p, quiet in zip(self.angles, still, strict=True) if not quiet}
            idle = {p.gate for p in self.angles} - turning
        rest = [gate for k, gate in enumerate(self.gates) if k not in idle]
        if len(rest) != len(gates) or not all(map(same_form, gates, rest)):
            raise CircuitError(
                f"circuit {self.name!r}: its gates change with inputs or weights, from "
                f"{_names(self.gates)} to {_names(gates)}; do not branch on their values"
            )
        there = iter(gates)
        return [_still(gate) if k in idle else next(there) for k, gate in enumerate(self.gates)]

    def _flat(self, weights: Mapping[str, Any]) -> np.ndarray | None:
        """Return all weights as ``(number of weights, 1 or N)``, or None if one is no number."""
        parts = []
        for name, shape in self.shapes.items():
            value = numbers_of(weights.get(name))
            if value is None:
                return None
            if value.ndim == len(shape) + 1:
                first = value.shape[1:] == shape and value.shape[:-1] != shape
                value = np.moveaxis(value, 0, -1) if first else value
                parts.append(value.reshape(-1, value.shape[-1]))
            elif value.shape == shape:
                parts.append(value.reshape(-1, 1))
            else:
                return None
        if not parts:
            return np.zeros((0, 1))
        count = max(part.shape[1] for part in parts)
        return np.concatenate([np.broadcast_to(part, (len(part), count)) for part in parts])

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
        return qml.ops.functions.bind_new_parameters(gate, [0.0] * gate.num_params)


def _names(operations: Sequence[Operator]) -> str:
    return "[" + ", ".join(f"{op.name}{op.wires.tolist()}" for op in operations) + "]"


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


def read_gates(
    function: QuantumFunction,
    view: Callable[[Any], Any],
    probes: Probes,
    shapes: Mapping[str, tuple[int, ...]],
    name: str,
) -> GateTable:
    """Read a function into a table: by symbols, confirmed by probes, else by probes.

    Args:
        function: The quantum function.
        view: How it reads its inputs (``circuits.tape.CONVENTIONS``).
        probes: Its recordings.
        shapes: The shape of each weight.
        name: The circuit's name.
    """
    count = probes.points.shape[1]
    blank = GateTable(name, count, shapes, tuple(probes.alone), in_place=probes.in_place)
    if not all(map(blank.same_gates, probes.gates)):
        return replace(blank, gates=(), problem="the gates change with the weights")
    try:
        read = replace(blank, parameters=tuple(_by_symbols(function, view, blank)))
        _confirm(read, probes)
    except UnreadableError as error:
        unread = str(error)
    except Exception as error:  # whatever a user's function does with something that is no number
        unread = f"{type(error).__name__}: {error}"
    else:
        return read
    try:
        found = tuple(_by_probes(function, view, blank, probes))
        lost = _turned_into_numbers(function, view, blank, probes, found)
        read = replace(blank, parameters=found, unread=unread, numbers=lost)
        _confirm(read, probes)
    except CircuitError as error:
        return replace(blank, gates=(), problem=f"the gates change with the weights: {error}")
    return read


def _confirm(table: GateTable, probes: Probes) -> None:
    for draw, gates in zip(probes.draws, probes.gates, strict=True):
        table.hold(gates, probes.points, draw)


def _by_symbols(
    function: QuantumFunction, view: Callable[[Any], Any], table: GateTable
) -> Iterator[Parameter]:
    """Read the parameters off the function itself."""
    given: dict[str, Symbols] = {}
    start = 0
    for name, shape in {"": (table.num_inputs,), **table.shapes}.items():
        forms = np.empty(int(np.prod(shape)), dtype=object)
        forms[:] = [Form({start + k: 1.0}) for k in range(forms.size)]
        given[name] = as_symbols(forms.reshape(shape))
        start += forms.size
    gates = elementary(record(function, view(given.pop("")), given)[0])
    if not table.same_gates(gates):
        raise UnreadableError("with symbols its gates are others")
    for k, gate in enumerate(gates):
        for index, value in enumerate(gate.data):
            forms = np.asarray(value, dtype=object) if has_forms([value]) else np.asarray(value)
            if forms.dtype != object:
                yield _constant(k, index, forms)
            elif forms.ndim == 0 and forms.item().real:
                form = forms.item()
                yield Parameter(k, index, form, None if form.variables else form.constant)
            else:
                every = (Form.of(form).variables for form in forms.ravel())
                moves = frozenset[int]().union(*every)
                yield Parameter(k, index, Form(bent=moves), angle=False)


def _turned_into_numbers(
    function: QuantumFunction,
    view: Callable[[Any], Any],
    table: GateTable,
    probes: Probes,
    found: Sequence[Parameter],
) -> tuple[str, ...]:
    """Return the weights that move an angle, as probes show, and are no symbol in it any more."""
    flat = [np.ravel(value) for value in probes.draws[0].values()]
    try:
        with as_numbers(np.concatenate([probes.points[0], *flat])):
            through = list(_by_symbols(function, view, table))
    except Exception:  # whatever a user's function does with symbols
        return ()
    lost = {
        k
        for before, after in zip(found, through, strict=True)
        for k in set(before.form.rates) - after.form.variables
    }
    return tuple(table.variables[k] for k in sorted(lost) if k >= table.num_inputs)


def _constant(gate: int, index: int, value: np.ndarray) -> Parameter:
    angle = value.ndim == 0 and not np.iscomplexobj(value)
    return Parameter(gate, index, Form.of(value) if angle else Form(), value, angle)


def _by_probes(
    function: QuantumFunction, view: Callable[[Any], Any], table: GateTable, probes: Probes
) -> Iterator[Parameter]:
    """Find the parameters' dependence from recordings: steps along the inputs, and one along each weight."""
    moved = []
    for name, shape in table.shapes.items():
        for j in range(int(np.prod(shape))):
            draw = {key: value.copy() for key, value in probes.draws[0].items()}
            draw[name].reshape(-1)[j] += 1.0
            operations, _ = record(function, view(probes.points[0].copy()), draw)
            moved.append(elementary(operations))
    if not all(map(table.same_gates, moved)):
        raise CircuitError("a step along one of them changes the gates")
    for k, gate in enumerate(table.gates):
        for index, value in enumerate(gate.data):
            start = np.asarray(value)
            batches = [np.asarray(gates[k].data[index]) for gates in probes.gates]
            steps = [np.asarray(gates[k].data[index]) for gates in moved]
            if start.ndim or any(map(np.iscomplexobj, batches)):
                yield _matter(k, index, start, batches, steps, probes)
            else:
                form = _fit(start, batches, steps, probes)
                yield Parameter(k, index, form, None if form.variables else form.constant)


def _matter(
    k: int,
    index: int,
    start: np.ndarray,
    batches: Sequence[np.ndarray],
    steps: Sequence[np.ndarray],
    probes: Probes,
) -> Parameter:
    """What is no angle: only which variables change it."""
    rows, n = probes.points.shape
    moves = {n + j for j, value in enumerate(steps) if not np.array_equal(value, start)}
    if batches[0].shape == (rows, *start.shape):
        for row in range(rows):
            along = (row % (1 + 2 * n) - 1) % n
            base = row - row % (1 + 2 * n)
            if row != base and not np.array_equal(
                batches[0][row], batches[0][base], equal_nan=True
            ):
                moves.add(along)
    form = Form(bent=frozenset(moves))
    return Parameter(k, index, form, None if moves else start, angle=False)


def _fit(
    start: np.ndarray, batches: Sequence[np.ndarray], steps: Sequence[np.ndarray], probes: Probes
) -> Form:
    """Fit one angle: the rates of the inputs from the largest steps, those of the weights from steps of 1."""
    points = probes.points
    rows, n = points.shape
    values = np.stack([np.broadcast_to(batch, rows) for batch in batches])
    bases = np.arange(0, rows, 1 + 2 * n)
    rates: dict[int, float] = {}
    bent: set[int] = set()
    reason = ""
    for k in range(n):
        ends = np.stack([bases + 1 + k, bases + 1 + n + k])
        along = points[ends, k] - points[bases, k]
        change = values[:, ends] - values[:, None, bases]
        size = np.abs(values[:, ends]) + np.abs(values[:, None, bases])
        change = np.where(np.abs(change) <= 1e-14 * size, 0.0, change)
        slopes = change / along
        rate = float(np.median(slopes[:, :, np.abs(along).max(axis=0).argmax()]))
        if np.all(np.abs(change - rate * along) <= _TOLERANCE * (size + np.abs(rate * along))):
            rates |= {k: rate} if rate else {}
            continue
        bent.add(k)
        if not any(np.ptp(of_draw) > 1e-6 * np.abs(slopes).max() for of_draw in slopes):
            reason = "a rate set by the weights"
    turns = np.array([float(value - start) for value in steps])
    turns[np.abs(turns) <= 1e-13 * (1.0 + abs(float(start)))] = 0.0
    weights = np.stack(
        [np.concatenate([[], *map(np.ravel, draw.values())]) for draw in probes.draws]
    )
    by_input = sum(rate * points[0, k] for k, rate in rates.items())
    size = abs(float(start)) + abs(by_input) + np.abs(turns) @ np.abs(weights[0])
    constant = float(start) - by_input - turns @ weights[0]
    constant = 0.0 if abs(constant) <= 1e-12 * size else constant
    expected = by_input + weights @ turns + constant
    allowed = _TOLERANCE * (size + np.abs(weights) @ np.abs(turns) + np.abs(values[:, 0]))
    if not bent and np.all(np.abs(values[:, 0] - expected) <= allowed):
        rates |= {n + j: turn for j, turn in enumerate(turns.tolist()) if turn}
        return Form(rates, constant, size)
    # Where a weight is not linear, it cannot be told from one that a step of 1 does not move.
    return Form(
        rates, 0.0, size, frozenset(bent | {n + j for j in range(len(turns))}), reason or "a bend"
    )
