"""Recording a quantum function: its gates, their canonical text, and how a batch of inputs must reach it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.measurements import ExpectationMP, MeasurementProcess
from pennylane.operation import Operator, StatePrepBase
from pennylane.ops import Evolution, MidMeasure, PauliMeasure

from circuits.errors import CircuitError

__all__ = [
    "CONVENTIONS",
    "bound",
    "elementary",
    "fixed_observables",
    "frequencies",
    "gates_differ",
    "names",
    "record",
    "same_form",
    "spell",
    "spell_numbers",
    "spell_observable",
]

_DIGITS = 10

_PLAIN = frozenset(
    (
        *("RX", "RY", "RZ", "PhaseShift", "Rot", "U1", "U2", "U3", "CRX", "CRY", "CRZ", "CRot"),
        *(
            "ControlledPhaseShift",
            "IsingXX",
            "IsingYY",
            "IsingZZ",
            "IsingXY",
            "Identity",
            "Hadamard",
        ),
        *("PauliX", "PauliY", "PauliZ", "S", "T", "SX", "CNOT", "CY", "CZ", "CH", "SWAP", "ISWAP"),
        *("CCZ", "Toffoli", "CSWAP"),
    )
)
"""Classes of gates that their wires and angles say everything about."""

QuantumFunction = Callable[..., Any]

CONVENTIONS: Mapping[str, Callable[[Any], Any]] = {
    "last": lambda inputs: inputs,
    "first": lambda inputs: qml.math.moveaxis(inputs, -1, 0) if inputs.ndim > 1 else inputs,
    "scalar": lambda inputs: inputs[..., 0],
}
"""How a function may read its inputs of shape ``(..., num_inputs)``: with the feature on the last
axis (``inputs[..., k]``, templates), on the first (``inputs[k]``), or as one number."""


def record(
    function: QuantumFunction, inputs: Any, weights: Mapping[str, Any]
) -> tuple[list[Operator], list[MeasurementProcess]]:
    """Return the gates and the measurements that ``function(inputs, **weights)`` queues.

    Raises:
        CircuitError: If it measures in mid-circuit.
    """
    with qml.queuing.AnnotatedQueue() as queue:
        function(inputs, **weights)
    script = qml.tape.QuantumScript.from_queue(queue)
    for operation in script.operations:
        if isinstance(operation, MidMeasure | PauliMeasure):
            raise CircuitError(
                f"it measures wire {operation.wires.tolist()} in mid-circuit, which not every backend can do; "
                "put the measured wire in control of the gates that depend on it: qml.ctrl(...)"
            )
    return list(script.operations), list(script.measurements)


def elementary(operations: Sequence[Operator]) -> list[Operator]:
    """Decompose templates until every parameter of every gate has known frequencies.

    A gate that has no such decomposition (a unitary given as a matrix, say) stays as it is.
    """
    gates: list[Operator] = []
    for operation in operations:
        if (
            operation.num_params == 0
            or type(operation).__name__ in _PLAIN
            or isinstance(operation, qml.QubitUnitary | StatePrepBase)
            or frequencies(operation) is not None
            or not operation.has_decomposition
        ):
            gates.append(operation)
        else:
            gates.extend(elementary(operation.decomposition()))
    return gates


def frequencies(operation: Operator) -> tuple[tuple[float, ...], ...] | None:
    """Return the positive frequencies of each parameter of a gate, or None where there are none.

    A gate exp(-i p G) makes expectation values oscillate in p with the positive differences of the
    eigenvalues of G: 1 for Pauli rotations, 1/2 and 1 for controlled ones.
    """
    if isinstance(operation, Evolution):
        return _gaps(operation.base)
    try:
        known = operation.parameter_frequencies
    except (
        AttributeError,  # operator arithmetic: products and sums of gates
        qml.exceptions.ParameterFrequenciesUndefinedError,
        qml.exceptions.GeneratorUndefinedError,
        NotImplementedError,
    ):
        return None
    if len(known) != operation.num_params:
        return None
    return tuple(tuple(float(value) for value in values) for values in known)


def bound(gate: Operator, values: Sequence[Any]) -> Operator:
    """Return a gate with other parameters; PennyLane's own function fails where an evolution's generator has some."""
    if isinstance(gate, Evolution):
        return Evolution(gate.base, *values)
    return qml.ops.functions.bind_new_parameters(gate, values)


def _gaps(generator: Operator) -> tuple[tuple[float, ...]] | None:
    """Positive differences of eigenvalues, to full precision; PennyLane rounds its own to 8 digits."""
    matrix = np.asarray(qml.matrix(generator, wire_order=generator.wires))
    if matrix.ndim != 2 or not np.allclose(matrix, matrix.conj().T):
        return None
    levels = np.linalg.eigvalsh(matrix)
    gaps = np.sort(np.abs(levels[:, None] - levels[None, :]).ravel())
    apart = np.diff(gaps, prepend=0.0) > 1e-12 * gaps.max()  # the rest are equal but for rounding
    return (tuple(gaps[apart].tolist()),)


def gates_differ(
    gates: Sequence[Operator],
    singles: Sequence[Sequence[Operator]],
    rows: Sequence[int] = (),
    size: int = 1,
) -> str | None:
    """Tell how a recording differs from recordings of single rows, or None if it does not.

    Args:
        gates: The recording of a batch; or of a single row, if ``rows`` is empty.
        singles: The recordings of some rows.
        rows: Which of the batch they are.
        size: How long the batch is.
    """
    for single, row in zip(singles, rows or [0], strict=True):
        if len(gates) != len(single) or not all(map(same_form, gates, single)):
            return f"the gates change from {names(single)} to {names(gates)}"
        for whole, part in zip(gates, single, strict=True):
            where = f"{part.name} on wires {part.wires.tolist()}"
            if rows and (part.batch_size is not None or whole.batch_size not in (None, size)):
                return f"{where} takes a row of inputs for a batch"
            for many, one in zip(whole.data, part.data, strict=True):
                value = np.asarray(many)
                if rows and value.shape == (size, *np.shape(one)):
                    value = value[row]
                if value.shape != np.shape(one) or not np.allclose(
                    value, one, rtol=1e-12, atol=1e-12
                ):
                    return f"{where} gets {value.tolist()} for a row that alone gives it {np.asarray(one).tolist()}"
    return None


def fixed_observables(
    recordings: Sequence[Sequence[MeasurementProcess]], name: str
) -> tuple[Operator, ...]:
    """Return the observables of a function that returns expectation values itself.

    Args:
        recordings: The measurements of several calls; they must not depend on inputs or weights.
        name: The circuit's name, for the error.
    """
    for measurement in recordings[0]:
        if not isinstance(measurement, ExpectationMP) or measurement.obs is None:
            raise CircuitError(
                f"circuit {name!r} measures {measurement}; only expectation values of observables "
                "are supported: return qml.expval(...), or pass observables=[...]."
            )
    if len({tuple(spell(m.obs) for m in measurements) for measurements in recordings}) > 1:
        raise CircuitError(
            f"circuit {name!r}: an observable that it returns depends on the inputs or the weights; "
            "observables are fixed, pass observables=[...]."
        )
    return tuple(measurement.obs for measurement in recordings[0])


def same_form(first: Operator, second: Operator) -> bool:
    """Whether two gates differ in their angles at most: one name, the same wires, the same hyperparameters."""
    if type(first) is not type(second) or first.wires.labels != second.wires.labels:
        return False
    if type(first).__name__ in _PLAIN:
        return True
    return spell(first, angles=False) == spell(second, angles=False)


def names(operations: Sequence[Operator]) -> str:
    """Return the gates' names and wires, for errors."""
    return "[" + ", ".join(f"{op.name}{op.wires.tolist()}" for op in operations) + "]"


def spell(operator: Operator, *, angles: bool = True) -> str:
    """Return a gate's name, wires, numbers and hyperparameters.

    Args:
        operator: The gate.
        angles: Whether its parameters are spelled too, rounded to 10 digits; else all that they leave fixed.

    Example:
        >>> spell(qml.RX(0.5, wires=0), angles=False) == spell(qml.RX(0.7, wires=0), angles=False)
        True
    """
    hidden = frozenset() if angles else frozenset(id(value) for value in operator.data)
    return _operator(operator, hidden)


def spell_observable(observable: Operator) -> str:
    """Return an observable's Pauli words where it has them, else its matrix."""
    if observable.pauli_rep is not None:
        words = [
            (sorted((int(w), p) for w, p in word.items()), spell_numbers(c))
            for word, c in observable.pauli_rep.items()
        ]
        return str(sorted(words))
    wires = sorted(observable.wires.tolist())
    return f"{wires} {spell_numbers(qml.matrix(observable, wire_order=wires))}"


def spell_numbers(value: Any) -> str:
    """Return the shape and the numbers of an array, to 10 digits of the largest."""
    array = np.asarray(value.toarray() if hasattr(value, "toarray") else value)
    size = float(np.abs(array).max(initial=0.0))
    if not 0.0 < size < np.inf:
        return f"{array.shape}{array.ravel().tolist() if size else 0}"
    rounded = np.round(array / size, _DIGITS) + 0.0  # -0.0 and 0.0 are one angle
    return f"{array.shape}{size:.{_DIGITS}g} {[format(v, f'.{_DIGITS}f') for v in rounded.ravel()]}"


def _operator(operator: Operator, hidden: frozenset[int]) -> str:
    numbers = ["*" if id(value) in hidden else spell_numbers(value) for value in operator.data]
    hyper = {k: v for k, v in operator.hyperparameters.items() if not callable(v)}
    return f"{operator.name} {operator.wires.tolist()} {numbers} {_plain(hyper, hidden)}"


def _plain(value: Any, hidden: frozenset[int]) -> str:
    """Spell hyperparameters out; the default text of large arrays leaves numbers out."""
    if isinstance(value, Operator):
        return _operator(value, hidden)
    if isinstance(value, dict):
        return str([f"{k}: {_plain(v, hidden)}" for k, v in sorted(value.items())])
    if isinstance(value, list | tuple | set | frozenset):
        items = [_plain(v, hidden) for v in value]
        return str(items if isinstance(value, list | tuple) else sorted(items))
    if isinstance(value, np.ndarray):
        return spell_numbers(value)
    text = str(value)
    return type(value).__qualname__ if " at 0x" in text else text  # an address changes every time
