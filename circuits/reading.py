"""Reading a quantum function into its gate table: by symbols, confirmed by probes, or by probes alone."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.measurements import MeasurementProcess
from pennylane.operation import Operator

from circuits.errors import CircuitError
from circuits.gates import TOLERANCE, GateTable, Parameter
from circuits.symbols import Form, Symbols, UnreadableError, as_symbols, has_forms
from circuits.tape import CONVENTIONS, QuantumFunction, elementary, gates_differ, record

__all__ = ["Probes", "probe", "read_gates"]

_SEED = 7
_SIZES = (0.5, -2.0, 7.0, -30.0, 1e6, -1e12)
"""Sizes of the probes' inputs, and their signs."""
_WEIGHTS = (0.0, -3.5, 3.5, -7.0)
"""Weights are tried in intervals of length 3.5 from here, so that a branch on one of them shows."""


@dataclass(frozen=True, eq=False)
class Probes:
    """Recordings of a function at a batch of points, each with other weights.

    Attributes:
        function: The function.
        convention: How it reads a batch of inputs (``circuits.tape.CONVENTIONS``).
        points: Rows of inputs: for each size a base, then steps along every axis, a longer and a shorter one.
        draws: The weights of each recording.
        alone: The elementary gates of the first row alone, with the first weights.
        gates: The elementary gates of each recording.
        measured: The measurements of each, and of a call with one row.
        in_place: Whether the function writes into the arrays that it is given.
    """

    function: QuantumFunction
    convention: str
    points: np.ndarray
    draws: tuple[Mapping[str, np.ndarray], ...]
    alone: list[Operator]
    gates: tuple[list[Operator], ...]
    measured: tuple[list[MeasurementProcess], ...]
    in_place: bool

    def record(self, inputs: Any, weights: Mapping[str, Any]) -> list[Operator]:
        """Return the elementary gates for one row or a batch, handed over as the function wants them."""
        given = CONVENTIONS[self.convention](inputs)
        return elementary(record(self.function, given, weights)[0])


Recording = tuple[list[Operator], list[MeasurementProcess]]


def probe(
    function: QuantumFunction,
    num_inputs: int,
    shapes: Mapping[str, tuple[int, ...]],
    domain: tuple[float, float] | None,
    name: str,
) -> Probes:
    """Record a function where what it does with its arguments shows, and find how it reads a batch of inputs.

    Raises:
        CircuitError: If there is no way in which a batch gives every row the gates it gets alone; the message names
            the reason: an error of the function, NaN, a random number, a branch, a gate that takes no batch.
    """
    rng = np.random.default_rng(_SEED)
    draws = tuple({n: rng.uniform(a, a + 3.5, s) for n, s in shapes.items()} for a in _WEIGHTS)
    points = _points(num_inputs, rng, domain)
    rows = [0, 1 + 2 * num_inputs, 2 * (1 + 2 * num_inputs)]
    in_place = False

    def run(view: Callable[[Any], Any], inputs: np.ndarray, draw: Mapping[str, Any]) -> Recording:
        nonlocal in_place
        given, weights = inputs.copy(), {n: value.copy() for n, value in draw.items()}
        with np.errstate(all="ignore"):  # far out, what a function computes may overflow
            operations, measured = record(function, view(given), weights)
            in_place |= not np.array_equal(given, inputs)
            in_place |= any(not np.array_equal(weights[n], value) for n, value in draw.items())
            return elementary(operations), measured

    complaints: dict[str, str] = {}
    failures: list[str] = []
    for convention, view in CONVENTIONS.items():
        if convention == "scalar" and num_inputs > 1:
            continue
        alone: list[Recording] = []
        try:
            alone = [run(view, points[row], draws[0]) for row in rows]
            _require_the_same(run(view, points[0], draws[0])[0], alone[0][0])
            _require_numbers(alone, points[rows])
            batch = [run(view, points, draw) for draw in draws]
            complaint = gates_differ(batch[0][0], [gates for gates, _ in alone], rows, len(points))
        except CircuitError as error:
            raise CircuitError(f"circuit {name!r}: {error}") from error
        except Exception as error:  # whatever a user's function raises is the reason we report
            complaint = f"{type(error).__name__}: {error}"
            failures += [] if len(alone) == len(rows) else [complaint]
        if complaint is None:
            gates, measured = zip(alone[0], *batch, strict=True)
            return Probes(
                function, convention, points, draws, gates[0], gates[1:], measured, in_place
            )
        complaints[convention] = complaint
    raise _no_batch(complaints, failures, num_inputs, name)


def _no_batch(
    complaints: Mapping[str, str], failures: Sequence[str], num_inputs: int, name: str
) -> CircuitError:
    """Return the error for a function that takes no batch, or fails on a single row, however that is read."""
    if len(failures) == len(complaints) and len(set(failures)) == 1:
        return CircuitError(
            f"circuit {name!r}: the function raises {failures[0]}. It is called with NumPy arrays and with "
            f"torch tensors, inputs of shape ({num_inputs},) or (batch, {num_inputs}); "
            "use qml.math for functions of them."
        )
    tried = "; ".join(f"{convention}: {complaint}" for convention, complaint in complaints.items())
    reason = "It branches on the value of an input: do not branch on its value"
    if not any("ambiguous" in complaint for complaint in complaints.values()):
        reason = (
            f"Read input k as inputs[..., k] (inputs have shape (..., {num_inputs})) and do not branch on its "
            "value; if the number of inputs is wrong, pass inputs=N; a gate that PennyLane cannot give a batch of "
            "values must be written by others"
        )
    return CircuitError(
        f"circuit {name!r}: a batch of inputs does not give each row the gates it gets alone. {reason}. Tried, with "
        f"the feature on the axis named: {tried}"
    )


def _require_numbers(alone: Sequence[Recording], rows: np.ndarray) -> None:
    for row, (gates, _) in zip(rows, alone, strict=True):
        for gate in gates:
            if any(np.isnan(np.asarray(value)).any() for value in gate.data):
                raise CircuitError(
                    f"{gate.name} on wires {gate.wires.tolist()} gets NaN at inputs {row.round(3).tolist()}; if the "
                    "function is defined on a range only, such as arccos, pass domain=(-1, 1) for that range"
                )


def _require_the_same(again: list[Operator], before: list[Operator]) -> None:
    if (complaint := gates_differ(again, [before])) is not None:
        raise CircuitError(
            f"its gates are random: called twice alike, {complaint}. Draw random numbers once, outside of the function"
        )


def _points(
    num_inputs: int, rng: np.random.Generator, domain: tuple[float, float] | None
) -> np.ndarray:
    """Return rows of inputs at which an affine dependence shows, shape ``(blocks (1 + 2 n), n)``.

    Base points of different sizes, each followed by two steps along every axis: a longer one, which is to one side
    or the other enough to change the sign, and a shorter one back. Within a domain, points and steps stay inside.
    """
    rows = []
    for size in _SIZES if domain is None else range(4):
        if domain is None:
            base = size * rng.uniform(0.1, 1.0, num_inputs)
            steps = (0.37 * size * np.ones(num_inputs), -1.21 * size * np.ones(num_inputs))
        else:
            base, *ends = rng.uniform(*domain, (3, num_inputs))
            steps = (ends[0] - base, ends[1] - base)
        rows.append(base)
        for step in steps:
            rows.extend(base + step[k] * np.eye(num_inputs)[k] for k in range(num_inputs))
    return np.stack(rows)


def read_gates(probes: Probes, shapes: Mapping[str, tuple[int, ...]], name: str) -> GateTable:
    """Read a function into a table: by symbols, confirmed by probes, else by probes.

    Args:
        probes: Its recordings.
        shapes: The shape of each weight.
        name: The circuit's name.
    """
    count = probes.points.shape[1]
    blank = GateTable(name, count, shapes, tuple(probes.alone), in_place=probes.in_place)
    if not all(map(blank.same_gates, probes.gates)):
        return replace(blank, gates=(), problem="the gates change with the weights")
    try:
        read = replace(blank, parameters=tuple(_by_symbols(probes, blank)))
        _confirm(read, probes)
    except UnreadableError as error:
        unread = str(error)
    except Exception as error:  # whatever a user's function does with something that is no number
        unread = f"{type(error).__name__}: {error}"
    else:
        return replace(read, numbers=_lost(read, probes))
    try:
        read = replace(blank, parameters=tuple(_by_probes(probes, blank)), unread=unread)
        _confirm(read, probes)
    except CircuitError as error:
        what = "the gates change with the weights" if shapes else "its angles cannot be told"
        return replace(blank, gates=(), problem=f"{what}: {error}")
    return replace(read, numbers=_lost(read, probes))


def _confirm(table: GateTable, probes: Probes) -> None:
    for draw, gates in zip(probes.draws, probes.gates, strict=True):
        table.hold(gates, probes.points, draw)


_STEP = 1e-4


def _lost(table: GateTable, probes: Probes) -> tuple[str, ...]:
    """Return the variables that move an angle, but get no gradient from torch, or a wrong one.

    All numbers of the gates, with factors of their own, are added up: the derivatives of the sum by torch must be
    those of the forms, or where a form tells none, those of small steps. Where symbols passed and torch is not even
    imported, there is nothing that a gradient could be lost by.
    """
    if table.unread is None and "torch" not in sys.modules:
        return ()
    import torch

    start = np.concatenate([probes.points[0], *map(np.ravel, probes.draws[0].values())])
    factors = np.random.default_rng(_SEED).uniform(0.5, 1.5, len(table.parameters))
    ends = np.cumsum([table.num_inputs, *(int(np.prod(s)) for s in table.shapes.values())])

    def total(values: Any) -> Any:
        """Return the sum at all variables in one vector."""
        inputs, *parts = (values[a:b] for a, b in zip([0, *ends], ends, strict=False))
        shaped = zip(table.shapes.items(), parts, strict=True)
        gates = probes.record(inputs[None], {name: p.reshape(shape) for (name, shape), p in shaped})
        numbers = [value for gate in gates for value in gate.data]
        turned = (qml.math.sum(qml.math.real((1 - 0.7j) * value)) for value in numbers)
        return sum(factor * value for factor, value in zip(factors.tolist(), turned, strict=True))

    try:
        # Circuits may be declared where gradients are off.
        with warnings.catch_warnings(), torch.inference_mode(False), torch.enable_grad():
            warnings.simplefilter("ignore")
            leaf = torch.tensor(start, requires_grad=True)
            found = total(leaf)
            if not isinstance(found, torch.Tensor) or not found.requires_grad:
                gradient = np.zeros(len(start))
            else:
                gradient = torch.autograd.grad(found, leaf)[0].numpy()
    except Exception:  # whatever a user's function does with tensors is said where it is trained
        return ()
    bent = frozenset[int]().union(*(p.form.bent for p in table.parameters))
    expected = np.zeros(len(start))
    for parameter, factor in zip(table.parameters, factors, strict=True):
        for k, rate in parameter.form.rates.items():
            expected[k] += factor * rate
    for k in bent:
        step = _STEP * np.eye(len(start))[k]
        with np.errstate(all="ignore"):
            expected[k] = (total(start + step) - total(start - step)) / (2 * _STEP)
    size = np.abs(expected).max(initial=0.0)
    close = np.abs(gradient - expected) <= 1e-4 * np.abs(expected) + 1e-6 * size
    return tuple(table.variables[k] for k in np.flatnonzero(~close & ~np.isnan(expected)))


def _by_symbols(probes: Probes, table: GateTable) -> Iterator[Parameter]:
    """Read the parameters off the function itself."""
    given: dict[str, Symbols] = {}
    start = 0
    for name, shape in {"": (table.num_inputs,), **table.shapes}.items():
        forms = np.empty(int(np.prod(shape)), dtype=object)
        forms[:] = [Form({start + k: 1.0}) for k in range(forms.size)]
        given[name] = as_symbols(forms.reshape(shape))
        start += forms.size
    gates = probes.record(given.pop(""), given)
    if not table.same_gates(gates):
        raise UnreadableError("with symbols its gates are others")
    for k, gate in enumerate(gates):
        for index, value in enumerate(gate.data):
            forms = np.asarray(value, dtype=object) if has_forms([value]) else np.asarray(value)
            if forms.dtype != object:
                angle = forms.ndim == 0 and not np.iscomplexobj(forms)
                yield Parameter(k, index, Form.of(forms) if angle else Form(), forms, angle)
            elif forms.ndim == 0 and forms.item().real:
                form = forms.item()
                yield Parameter(k, index, form, None if form.variables else form.constant)
            else:
                every = (Form.of(form).variables for form in forms.ravel())
                moves = frozenset[int]().union(*every)
                yield Parameter(k, index, Form(bent=moves), angle=False)


def _by_probes(probes: Probes, table: GateTable) -> Iterator[Parameter]:
    """Find the parameters' dependence from recordings: steps along the inputs, and one along each weight."""
    moved = []
    for name, shape in table.shapes.items():
        for j in range(int(np.prod(shape))):
            draw = {key: value.copy() for key, value in probes.draws[0].items()}
            draw[name].reshape(-1)[j] += 1.0
            moved.append(probes.record(probes.points[0].copy(), draw))
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
