"""Reading a quantum function: the gates it records, and how a batch of inputs must reach it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.measurements import ExpectationMP, MeasurementProcess
from pennylane.operation import Operator

from circuits.errors import CircuitError

__all__ = [
    "CONVENTIONS",
    "elementary",
    "find_convention",
    "frequencies",
    "observables_of",
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
    """Return the gates and the measurements that ``function(inputs, **weights)`` queues."""
    with qml.queuing.AnnotatedQueue() as queue:
        function(inputs, **weights)
    script = qml.tape.QuantumScript.from_queue(queue)
    return list(script.operations), list(script.measurements)


def elementary(operations: Sequence[Operator]) -> list[Operator]:
    """Decompose templates until every parameter of every gate has known frequencies.

    A gate that has no such decomposition (a unitary given as a matrix, say) stays as it is.
    """
    gates: list[Operator] = []
    for operation in operations:
        opaque = isinstance(operation, qml.QubitUnitary) or not operation.has_decomposition
        if operation.num_params == 0 or opaque or frequencies(operation) is not None:
            gates.append(operation)
        else:
            gates.extend(elementary(operation.decomposition()))
    return gates


def frequencies(operation: Operator) -> tuple[tuple[float, ...], ...] | None:
    """Return the positive frequencies of each parameter of a gate, or None where there are none.

    A gate exp(-i p G) makes expectation values oscillate in p with the positive differences of the
    eigenvalues of G: 1 for Pauli rotations, 1/2 and 1 for controlled ones.
    """
    try:
        known = operation.parameter_frequencies
    except (
        qml.exceptions.ParameterFrequenciesUndefinedError,
        qml.exceptions.GeneratorUndefinedError,
        NotImplementedError,
    ):
        return None
    if len(known) != operation.num_params:
        return None
    return tuple(tuple(float(value) for value in values) for values in known)


def gates_differ(batched: Sequence[Operator], singles: Sequence[Sequence[Operator]]) -> str | None:
    """Tell how a batched recording differs from the recordings of its rows, or None if it does not."""
    for row, single in enumerate(singles):
        if [(op.name, op.wires) for op in batched] != [(op.name, op.wires) for op in single]:
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
    complaints = []
    for convention, view in CONVENTIONS.items():
        if convention == "scalar" and inputs.shape[-1] != 1:
            continue
        try:
            batched = elementary(record(function, view(inputs), weights)[0])
            singles = [elementary(record(function, view(row), weights)[0]) for row in inputs]
        except Exception as error:  # whatever a user's function raises is the reason we report
            complaints.append(f"{convention}: {type(error).__name__}: {error}")
            continue
        complaint = gates_differ(batched, singles)
        if complaint is None:
            return convention
        complaints.append(f"{convention}: {complaint}")
    raise CircuitError(
        f"circuit {name!r}: a batch of inputs does not give each row the gates it gets alone. Read input "
        f"k as inputs[..., k] (inputs have shape (..., {inputs.shape[-1]})) and do not branch on its value; "
        "if the number of inputs is wrong, pass inputs=N. Tried, with the feature on the axis named: "
        + "; ".join(complaints)
    )


def observables_of(measurements: Sequence[MeasurementProcess], name: str) -> tuple[Operator, ...]:
    """Return the observables of a function that returns expectation values itself."""
    for measurement in measurements:
        if not isinstance(measurement, ExpectationMP) or measurement.obs is None:
            raise CircuitError(
                f"circuit {name!r} measures {measurement}; only expectation values of observables "
                "are supported: return qml.expval(...), or pass observables=[...]."
            )
    return tuple(measurement.obs for measurement in measurements)


def _names(operations: Sequence[Operator]) -> str:
    return "[" + ", ".join(f"{op.name}{op.wires.tolist()}" for op in operations) + "]"
