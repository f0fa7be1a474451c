"""Checks of what a user declares about a circuit."""

from __future__ import annotations

import inspect
import keyword
import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.operation import Operator
from pennylane.ops import Projector

from circuits.errors import CircuitError, UsageError, check_integer
from circuits.tape import QuantumFunction

__all__ = [
    "check_degrees",
    "check_domain",
    "check_observables",
    "check_scales",
    "check_signature",
    "check_wires",
    "input_count",
    "positive",
    "weight_defaults",
    "weight_mapping",
    "wire_places",
]

_TAKEN = ("inputs", "self", "shots")
"""What PennyLane calls its own arguments."""


def check_observables(declared: Any, name: str) -> tuple[Operator, ...]:
    """Return the declared observables as a tuple of Hermitian operators."""
    single = isinstance(declared, Operator) or not isinstance(declared, Iterable)
    outputs = (declared,) if single else tuple(declared)
    for output in outputs:
        if not isinstance(output, Operator):
            raise CircuitError(
                f"circuit {name!r}: an observable must be a PennyLane operator such as "
                f"qml.Z(0) or qml.X(0) @ qml.Y(1); {output!r} arrived"
            )
        if not output.wires:
            raise CircuitError(f"circuit {name!r}: observable {output} acts on no wire; name one")
        if not _is_hermitian(output):
            raise CircuitError(
                f"circuit {name!r}: {output} is not Hermitian, so it is no observable"
            )
    if not outputs:
        raise CircuitError(f"circuit {name!r} needs at least one observable")
    return outputs


def _is_hermitian(operator: Operator) -> bool:
    """Ask the Pauli words where there are any: a matrix of many wires does not fit into memory."""
    if operator.pauli_rep is not None:
        return not any(np.any(np.imag(factor)) for factor in operator.pauli_rep.values())
    if isinstance(operator, Projector):
        return True
    with qml.QueuingManager.stop_recording():
        matrix = qml.matrix(operator, wire_order=operator.wires)
    return bool(np.allclose(matrix, np.conj(np.swapaxes(matrix, -1, -2))))


def check_signature(function: QuantumFunction, shapes: Mapping[str, Any], name: str) -> None:
    """Refuse what is no quantum function of the inputs and the declared weights."""
    if isinstance(function, qml.QNode) or not callable(function):
        hint = ": pass its function, qnode.func" if isinstance(function, qml.QNode) else ""
        raise CircuitError(
            f"circuit {name!r} needs a quantum function, not a {type(function).__name__}{hint}"
        )
    if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
        raise CircuitError(f"circuit {name!r}: the function must queue its gates when it is called")
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError as error:
        raise CircuitError(f"circuit {name!r}: the function's arguments are unknown") from error
    kind = inspect.Parameter
    rest = parameters[1:]
    open_ended = any(p.kind is kind.VAR_KEYWORD for p in rest)
    named = {p.name for p in rest if p.kind in (kind.POSITIONAL_OR_KEYWORD, kind.KEYWORD_ONLY)}
    variable = (kind.VAR_KEYWORD, kind.VAR_POSITIONAL)
    required = {p.name for p in rest if p.default is kind.empty and p.kind not in variable}
    if (
        not parameters
        or parameters[0].kind in (kind.KEYWORD_ONLY, kind.VAR_KEYWORD)
        or parameters[0].name in shapes
        or required - shapes.keys()
        or (not open_ended and shapes.keys() - named)
    ):
        raise CircuitError(
            f"circuit {name!r}: the function takes ({', '.join(map(str, parameters))}); expected the "
            f"inputs, then by name the declared weights {sorted(shapes)}"
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
    lengths = {len(value) for value in others if _several(value)}
    if inputs is not None:
        lengths.add(positive("inputs", inputs, name))
    if len(lengths) > 1:
        raise CircuitError(
            f"circuit {name!r}: inputs, degree and scale disagree on the number of inputs: {sorted(lengths)}"
        )
    return positive("inputs", lengths.pop() if lengths else 1, name)


def check_degrees(degree: Any, count: int, name: str) -> tuple[int, ...] | None:
    """Return degrees as natural numbers, one for each input; None stays None."""
    degrees = _per_input(degree, count)
    if degrees is not None and not all(_is_finite(d) and d >= 0 and d == int(d) for d in degrees):
        raise CircuitError(f"circuit {name!r}: degrees must be integers >= 0, not {degrees}")
    return None if degrees is None else tuple(int(d) for d in degrees)


def check_scales(scale: Any, count: int, name: str) -> tuple[float, ...] | None:
    """Return scales as positive numbers, one for each input; None stays None."""
    scales = _per_input(scale, count)
    if scales is not None and not all(_is_finite(s) and s > 0 for s in scales):
        raise CircuitError(f"circuit {name!r}: scales must be positive and finite, not {scales}")
    return None if scales is None else tuple(float(s) for s in scales)


def _per_input(value: Any, count: int) -> tuple[Any, ...] | None:
    if value is None:
        return None
    return tuple(value) if _several(value) else (value,) * count


def _several(value: Any) -> bool:
    if isinstance(value, Sequence):
        return not isinstance(value, str)
    return bool(getattr(value, "ndim", 0))


def wire_places(wires: Any, name: str) -> dict[Any, int]:
    """Return the number of each wire by its label; ``wires`` is their count or a sequence of labels."""
    wires = wires.tolist() if hasattr(wires, "tolist") else wires
    if not isinstance(wires, Sequence) or isinstance(wires, str) or not wires:
        return {k: k for k in range(positive("wires", wires, name))}
    if len(set(wires)) < len(wires):
        raise CircuitError(f"circuit {name!r}: a wire is named twice in {list(wires)}")
    return {label: k for k, label in enumerate(wires)}


def check_domain(domain: Any, name: str) -> tuple[float, float] | None:
    """Return a domain as two numbers, the smaller one first."""
    if domain is None:
        return None
    ends = tuple(domain) if _several(domain) else ()
    if len(ends) != 2 or not all(map(_is_finite, ends)) or not ends[0] < ends[1]:
        raise CircuitError(
            f"circuit {name!r}: a domain is a pair such as (-1, 1), the smaller number first, not {domain!r}"
        )
    return float(ends[0]), float(ends[1])


def _is_finite(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def positive(what: str, value: Any, name: str) -> int:
    """Return a positive integer, or refuse the value."""
    try:
        return check_integer(what, value)
    except UsageError as error:
        raise CircuitError(f"circuit {name!r}: {error}") from error


def weight_mapping(shapes: Any, circuit: str) -> dict[str, tuple[int, ...]]:
    """Return weight shapes as tuples of positive integers."""
    if not isinstance(shapes, Mapping):
        raise CircuitError(f"circuit {circuit!r}: weights must map names to shapes, not {shapes!r}")
    result = {}
    for name, shape in shapes.items():
        word = isinstance(name, str) and name.isidentifier() and not keyword.iskeyword(name)
        if not word or name in _TAKEN:
            raise CircuitError(
                f"circuit {circuit!r}: a weight cannot be called {name!r}; words that PennyLane takes for its own are "
                f"{', '.join(_TAKEN)}"
            )
        sizes = tuple(shape) if isinstance(shape, Sequence) else (shape,)
        if any(isinstance(s, bool) or not isinstance(s, Integral) or s < 1 for s in sizes):
            raise CircuitError(
                f"circuit {circuit!r}: weight {name!r} needs a shape of positive integers, not {shape!r}"
            )
        result[name] = tuple(int(size) for size in sizes)
    return result


def weight_defaults(defaults: Mapping[str, Any], name: str) -> dict[str, np.ndarray]:
    """Return copies of the default weights in float64; :meth:`Circuit.check_weights` checks them."""
    try:
        return {n: np.array(value, dtype=np.float64) for n, value in defaults.items()}
    except (TypeError, ValueError, AttributeError) as error:
        raise CircuitError(
            f"circuit {name!r}: defaults must map names to numbers; {error}"
        ) from error
