"""Observables as Qiskit's sums of Pauli words."""

from __future__ import annotations

import numpy as np
import pennylane as qml
from pennylane.operation import Operator
from qiskit.quantum_info import SparsePauliOp

from circuits.errors import CircuitError

__all__ = ["pauli_sum"]

_MOST_WIRES = 6
"""A matrix on six wires is a sum of up to 4,096 Pauli words."""


def pauli_sum(observable: Operator, num_wires: int) -> SparsePauliOp:
    """Return an observable as a sum of Pauli words, qubit k being wire k.

    Words are given by their wires, so that nobody has to think of the order in which labels are written.

    Args:
        observable: Any Hermitian operator of PennyLane on the wires 0, 1, ...
        num_wires: The circuit's width.

    Raises:
        CircuitError: If it is neither a sum of Pauli words nor a matrix on a few wires.

    Example:
        >>> pauli_sum(qml.X(0) @ qml.Y(2), num_wires=3)
        SparsePauliOp(['YIX'], coeffs=[1.+0.j])
    """
    words = observable.pauli_rep
    if words is None:
        wires = observable.wires
        if len(wires) > _MOST_WIRES or not observable.has_matrix:
            raise CircuitError(
                f"an Estimator measures sums of Pauli words, and {observable} on {len(wires)} wires is none; "
                f"matrices are decomposed up to {_MOST_WIRES} wires"
            )
        with qml.QueuingManager.stop_recording():
            matrix = np.asarray(qml.matrix(observable, wire_order=wires))
            words = qml.pauli_decompose(matrix, wire_order=wires, pauli=True)
    terms = [
        ("".join(word.values()), list(word.keys()), complex(factor))
        for word, factor in words.items()
    ]
    return SparsePauliOp.from_sparse_list(terms or [("", [], 0.0)], num_qubits=num_wires)
