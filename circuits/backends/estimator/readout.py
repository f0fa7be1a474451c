r"""Readout errors in exact values: what a sum of Pauli words becomes when bits are misread.

A qubit that is read wrongly with probability :math:`e_0` in |0> and :math:`e_1` in |1> shows, in place of a Pauli
operator, its mean over the outcomes,

.. math:: P \mapsto (e_1 - e_0)\, 1 + (1 - e_0 - e_1)\, P,

so that an exact simulation of the misread observable is the limit of many shots.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qiskit.quantum_info import SparsePauliOp

__all__ = ["misread", "readout_errors"]


def misread(observable: SparsePauliOp, errors: Mapping[int, tuple[float, float]]) -> SparsePauliOp:
    """Return what is measured in place of an observable.

    Args:
        observable: A sum of Pauli words on the device's qubits.
        errors: For each qubit that is misread, the probabilities of reading 1 in |0> and 0 in |1>.

    Example:
        >>> misread(SparsePauliOp("Z"), {0: (0.1, 0.2)})
        SparsePauliOp(['Z', 'I'], coeffs=[0.7+0.j, 0.1+0.j])
    """
    terms: list[tuple[str, list[int], complex]] = []
    for word, qubits, factor in observable.to_sparse_list():
        parts: list[tuple[str, list[int], complex]] = [("", [], factor)]
        for pauli, qubit in zip(word, qubits, strict=True):
            zero, one = errors.get(qubit, (0.0, 0.0))
            read = [(w + pauli, [*q, qubit], f * (1 - zero - one)) for w, q, f in parts]
            lost = [(w, q, f * (one - zero)) for w, q, f in parts if one != zero]
            parts = read + lost
        terms += parts
    return SparsePauliOp.from_sparse_list(terms, num_qubits=observable.num_qubits).simplify()


def readout_errors(noise_model: Any) -> dict[int, tuple[float, float]]:
    """Return the errors of each qubit in an Aer noise model, for :func:`misread`."""
    found = {}
    for error in noise_model.to_dict()["errors"]:
        if error["type"] == "roerror":
            (qubit,) = error["gate_qubits"][0]
            (_, one_in_zero), (zero_in_one, _) = error["probabilities"]
            found[int(qubit)] = (float(one_in_zero), float(zero_in_one))
    return found
