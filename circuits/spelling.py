"""Operators spelled out as text, the same in every process: to be compared and hashed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
from pennylane.operation import Operator

__all__ = ["spell", "spell_numbers", "spell_observable"]

_DIGITS = 10


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
    """Return the shape and the numbers of an array, rounded to 10 digits."""
    dense = value.toarray() if hasattr(value, "toarray") else value
    rounded = np.round(np.asarray(dense), _DIGITS) + 0.0  # -0.0 and 0.0 are one angle
    return f"{rounded.shape}{[format(v, f'.{_DIGITS}f') for v in rounded.ravel()]}"


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
