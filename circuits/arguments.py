"""Checks of what a user declares about a circuit."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.operation import Operator

from circuits.errors import CircuitError
from circuits.tape import QuantumFunction, observables_of

__all__ = [
    "check_signature",
    "check_wires",
    "input_count",
    "per_input",
    "positive",
    "resolve_observables",
    "weight_mapping",
]


def resolve_observables(
    declared: Sequence[Operator] | Operator | None, measured: Any, num_wires: int, name: str
) -> tuple[Operator, ...]:
    """Return the declared observables, else those the function returns, else Z on every wire."""
    if declared is None:
        return observables_of(measured, name) or tuple(qml.Z(wire) for wire in range(num_wires))
    outputs = (declared,) if isinstance(declared, Operator) else tuple(declared)
    for output in outputs:
        if not isinstance(output, Operator):
            raise CircuitError(
                f"circuit {name!r}: an observable must be a PennyLane operator such as "
                f"qml.Z(0) or qml.X(0) @ qml.Y(1); {output!r} arrived"
            )
        with qml.QueuingManager.stop_recording():
            matrix = qml.matrix(output, wire_order=output.wires)
        if not np.allclose(matrix, matrix.conj().T):
            raise CircuitError(
                f"circuit {name!r}: {output} is not Hermitian, so it is no observable"
            )
    if not outputs:
        raise CircuitError(f"circuit {name!r} needs at least one observable")
    return outputs


def check_signature(function: QuantumFunction, shapes: Mapping[str, Any], name: str) -> None:
    """Refuse a function whose arguments are not the inputs and the declared weights."""
    parameters = inspect.signature(function).parameters
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return
    first, *rest = parameters or [""]
    required = {n for n in rest if parameters[n].default is inspect.Parameter.empty}
    if not first or required - shapes.keys() or shapes.keys() - set(rest):
        raise CircuitError(
            f"circuit {name!r}: the function takes ({', '.join(parameters)}); expected the inputs, "
            f"then the declared weights {sorted(shapes)}"
        )


def check_wires(operators: Sequence[Operator], num_wires: int, what: str, name: str) -> None:
    """Refuse operators on wires that the circuit does not have."""
    used = {wire for operator in operators for wire in operator.wires}
    if not used <= set(range(num_wires)):
        raise CircuitError(
            f"circuit {name!r} has wires 0 to {num_wires - 1}, but its {what} use {sorted(used, key=str)}"
        )


def input_count(name: str, inputs: int | None, *others: Any) -> int:
    """Return the number of inputs on which everything that was given agrees."""
    lengths = {len(value) for value in others if isinstance(value, Sequence)}
    if inputs is not None:
        lengths.add(positive("inputs", inputs, name))
    if len(lengths) > 1:
        raise CircuitError(
            f"circuit {name!r}: inputs, degree and scale disagree on the number of inputs: {sorted(lengths)}"
        )
    count = lengths.pop() if lengths else 1
    return positive("inputs", count, name)


def per_input(value: Any, count: int) -> tuple[Any, ...] | None:
    """Repeat one value for every input; None stays None."""
    if value is None:
        return None
    return tuple(value) if isinstance(value, Sequence) else (value,) * count


def positive(what: str, value: Any, name: str) -> int:
    """Return a positive integer, or refuse the value."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise CircuitError(f"circuit {name!r}: {what} must be a positive integer, not {value!r}")
    return value


def weight_mapping(shapes: Mapping[str, Sequence[int] | int] | None) -> dict[str, tuple[int, ...]]:
    """Return weight shapes as tuples of positive integers."""
    result = {}
    for name, shape in (shapes or {}).items():
        sizes = (shape,) if isinstance(shape, int) else tuple(shape)
        if name == "inputs" or not name.isidentifier():
            raise CircuitError(f"a weight cannot be called {name!r}")
        if any(isinstance(size, bool) or not isinstance(size, int) or size < 1 for size in sizes):
            raise CircuitError(f"weight {name!r} needs a shape of positive integers, not {shape!r}")
        result[name] = sizes
    return result
