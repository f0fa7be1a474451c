"""Reading a quantum function: the gates it records, and how a batch of inputs must reach it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.measurements import ExpectationMP, MeasurementProcess
from pennylane.operation import Operator, StatePrepBase
from pennylane.ops import Evolution, MidMeasure, PauliMeasure

from circuits.errors import CircuitError
from circuits.spelling import spell

__all__ = [
    "CONVENTIONS",
    "elementary",
    "find_convention",
    "fixed_observables",
    "frequencies",
    "record",
]

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


def _gaps(generator: Operator) -> tuple[tuple[float, ...]] | None:
    """Positive differences of eigenvalues, to full precision; PennyLane rounds its own to 8 digits."""
    matrix = np.asarray(qml.matrix(generator, wire_order=generator.wires))
    if matrix.ndim != 2 or not np.allclose(matrix, matrix.conj().T):
        return None
    levels = np.linalg.eigvalsh(matrix)
    gaps = np.sort(np.abs(levels[:, None] - levels[None, :]).ravel())
    apart = np.diff(gaps, prepend=0.0) > 1e-12 * gaps.max()  # the rest are equal but for rounding
    return (tuple(gaps[apart].tolist()),)


def gates_differ(batched: Sequence[Operator], singles: Sequence[Sequence[Operator]]) -> str | None:
    """Tell how a batched recording differs from the recordings of its rows, or None if it does not."""
    for row, single in enumerate(singles):
        if _forms(batched) != _forms(single):
            return f"the gates change from {_names(single)} to {_names(batched)}"
        for whole, part in zip(batched, single, strict=True):
            if part.batch_size is not None or whole.batch_size not in (None, len(singles)):
                return (
                    f"{part.name} on wires {part.wires.tolist()} takes a row of inputs for a batch"
                )
            for many, one in zip(whole.data, part.data, strict=True):
                value = np.asarray(many)
                if value.shape == (len(singles), *np.shape(one)):
                    value = value[row]
                if value.shape != np.shape(one) or not np.allclose(
                    value, one, rtol=1e-12, atol=1e-12
                ):
                    return (
                        f"{part.name} on wires {part.wires.tolist()} gets {value.tolist()} for "
                        f"a row that alone gives it {np.asarray(one).tolist()}"
                    )
    return None


def find_convention(
    function: QuantumFunction, inputs: np.ndarray, weights: Mapping[str, Any], name: str
) -> str:
    """Find how a batch must be handed over for every row to get the gates it gets alone.

    Args:
        function: The quantum function.
        inputs: A few distinct rows, shape ``(rows, num_inputs)``.
        weights: Values for the function's other arguments.
        name: The circuit's name, for the error.

    Raises:
        CircuitError: If no convention works.
    """
    complaints: list[str] = []
    failures = set()
    for convention, view in CONVENTIONS.items():
        if convention == "scalar" and inputs.shape[-1] != 1:
            continue
        singles: list[list[Operator]] = []
        try:
            singles = [elementary(record(function, view(row), weights)[0]) for row in inputs]
            batched = elementary(record(function, view(inputs), weights)[0])
        except CircuitError as error:
            raise CircuitError(f"circuit {name!r}: {error}") from error
        except Exception as error:  # whatever a user's function raises is the reason we report
            failures.add("" if singles else f"{type(error).__name__}: {error}")
            complaints.append(f"{convention}: {type(error).__name__}: {error}")
            continue
        complaint = gates_differ(batched, singles)
        if complaint is None:
            return convention
        complaints.append(f"{convention}: {complaint}")
        failures.add("")
    if len(failures) == 1 and "" not in failures:  # it fails on a single row, however that is read
        raise CircuitError(
            f"circuit {name!r}: the function raises {failures.pop()}. It is called with NumPy arrays and with "
            f"torch tensors, inputs of shape ({inputs.shape[-1]},) or (batch, {inputs.shape[-1]}); "
            "use qml.math for functions of them."
        )
    raise CircuitError(
        f"circuit {name!r}: a batch of inputs does not give each row the gates it gets alone. Read input "
        f"k as inputs[..., k] (inputs have shape (..., {inputs.shape[-1]})) and do not branch on its value; "
        "if the number of inputs is wrong, pass inputs=N. Tried, with the feature on the axis named: "
        + "; ".join(complaints)
    )


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


def _forms(operations: Sequence[Operator]) -> list[str]:
    return [spell(operation, angles=False) for operation in operations]


def _names(operations: Sequence[Operator]) -> str:
    return "[" + ", ".join(f"{op.name}{op.wires.tolist()}" for op in operations) + "]"
