"""Reading a quantum function into its gate table: by symbols, confirmed by probes, or by probes alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pennylane.measurements import MeasurementProcess
from pennylane.operation import Operator

from circuits.errors import CircuitError
from circuits.gates import TOLERANCE, GateTable, Parameter
from circuits.symbols import Form, Symbols, UnreadableError, as_numbers, as_symbols, has_forms
from circuits.tape import QuantumFunction, elementary, record

__all__ = ["Probes", "probe", "probe_points", "read_gates"]

_SEED = 7
_SIZES = (0.5, -2.0, 7.0, -30.0, 1e6, -1e12)
"""Sizes of the probes' inputs; the sign is that of their steps."""
_WEIGHTS = (0.0, -3.5, 3.5, -7.0)
"""Weights are tried in intervals of length 3.5 from here, so that a branch on one of them shows."""


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
        if np.all(np.abs(change - rate * along) <= TOLERANCE * (size + np.abs(rate * along))):
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
    allowed = TOLERANCE * (size + np.abs(weights) @ np.abs(turns) + np.abs(values[:, 0]))
    if not bent and np.all(np.abs(values[:, 0] - expected) <= allowed):
        rates |= {n + j: turn for j, turn in enumerate(turns.tolist()) if turn}
        return Form(rates, constant, size)
    # Where a weight is not linear, it cannot be told from one that a step of 1 does not move.
    return Form(
        rates, 0.0, size, frozenset(bent | {n + j for j in range(len(turns))}), reason or "a bend"
    )
