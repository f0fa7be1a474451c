"""A stable hash of what a circuit computes."""

from __future__ import annotations

import hashlib
import types
from collections.abc import Iterator
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.operation import Operator

from circuits.definition import Circuit

__all__ = ["fingerprint"]

_SEED = 20260101
_DIGITS = 10
_ROWS = 3


def fingerprint(circuit: Circuit) -> str:
    """Return the SHA-256, in hex, of a circuit's gates, observables and spectrum.

    The gates are recorded at fixed pseudo-random inputs and weights and their angles rounded to 10 digits,
    so renaming, reformatting or rewriting the function leaves the hash alone and a changed gate or
    angle does not. Where no spectrum could be read off the gates, the code of the function is hashed too:
    such a function may branch where the probes do not look.
    """
    digest = hashlib.sha256()
    for part in _facts(circuit):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()


def _facts(circuit: Circuit) -> Iterator[str]:
    yield f"wires {circuit.num_wires} inputs {circuit.num_inputs}"
    yield f"weights {sorted(circuit.weight_shapes.items())}"
    yield f"spectrum {circuit.degrees} {[f'{s:.{_DIGITS}g}' for s in circuit.scales]}"
    yield f"cones {[sorted(cone.items()) for cone in circuit.cones]}"
    rng = np.random.default_rng(_SEED)
    for _ in range(_ROWS):
        inputs = rng.uniform(-np.pi, np.pi, circuit.num_inputs)
        weights = {
            n: rng.uniform(-np.pi, np.pi, s) for n, s in sorted(circuit.weight_shapes.items())
        }
        for gate in circuit.gates(inputs, **weights):
            yield _operator(gate)
    for observable in circuit.observables:
        yield "measure " + _observable(observable)
    if circuit.direct_only is not None:
        yield from _code(circuit.function)


def _operator(operator: Operator) -> str:
    numbers = [_numbers(value) for value in operator.data]
    hyper = {k: v for k, v in operator.hyperparameters.items() if not callable(v)}
    return f"{operator.name} {operator.wires.tolist()} {numbers} {_plain(hyper)}"


def _observable(observable: Operator) -> str:
    """Hash an observable by its Pauli words where it has them, else by its matrix."""
    if observable.pauli_rep is not None:
        words = [
            (sorted((int(w), p) for w, p in word.items()), _numbers(c))
            for word, c in observable.pauli_rep.items()
        ]
        return str(sorted(words))
    wires = sorted(observable.wires.tolist())
    return f"{wires} {_numbers(qml.matrix(observable, wire_order=wires))}"


def _numbers(value: Any) -> str:
    rounded = np.round(np.asarray(value), _DIGITS) + 0.0  # -0.0 and 0.0 are one angle
    return f"{rounded.shape}{[format(v, f'.{_DIGITS}f') for v in rounded.ravel()]}"


def _plain(value: Any) -> str:
    """Spell hyperparameters out; the default text of large arrays leaves numbers out."""
    if isinstance(value, Operator):
        return _operator(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_plain(v)}" for k, v in sorted(value.items())) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_plain(v) for v in value) + "]"
    if isinstance(value, np.ndarray):
        return _numbers(value)
    return str(value)


def _code(function: Any) -> Iterator[str]:
    inner = getattr(function, "func", function)
    code = getattr(inner, "__code__", None)
    if code is not None:
        yield from _constants(code)


def _constants(code: types.CodeType) -> Iterator[str]:
    yield code.co_code.hex()
    yield str(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _constants(constant)
        else:
            yield repr(constant)
