"""A stable hash of what a circuit computes."""

from __future__ import annotations

import hashlib
import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from circuits.spelling import spell, spell_observable

if TYPE_CHECKING:
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
            yield spell(gate)
    for observable in circuit.observables:
        yield "measure " + spell_observable(observable)
    if circuit.direct_only is not None:
        yield from _code(circuit.function)


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
        elif isinstance(constant, frozenset):  # its order changes from process to process
            yield str(sorted(map(repr, constant)))
        else:
            yield repr(constant)
