"""From PennyLane tapes to PUBs: one parameterised circuit for all tapes that differ in angles only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pennylane as qml
from pennylane.operation import Operator
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from circuits.qiskit import ANGLE_GATES, FIXED_GATES, append, pauli_sum, takes_angles
from circuits.spelling import spell

__all__ = ["Pub", "Template", "angles_of", "pubs_of"]

_KEPT = 256


@dataclass(frozen=True, eq=False)
class Template:
    """A parameterised circuit on logical wires; the same object is transpiled once for each backend.

    Attributes:
        circuit: The circuit, without measurements.
        layout: The device's qubit of each wire, or None to let the transpiler choose.
    """

    circuit: QuantumCircuit
    layout: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False)
class Pub:
    """What an Estimator takes: a circuit, observables, and an array of bindings.

    Attributes:
        template: The circuit.
        observables: On the circuit's qubits; each is estimated for every row.
        values: Shape ``(rows, parameters)``; a column for each of ``template.circuit.parameters``, in their order.
    """

    template: Template
    observables: tuple[SparsePauliOp, ...]
    values: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.values)


def pubs_of(
    tapes: Sequence[qml.tape.QuantumScript], num_wires: int
) -> tuple[list[Pub], list[tuple[int, slice]]]:
    """Join tapes of the same gates and observables to PUBs, rows one after the other.

    Args:
        tapes: Of gates that have a twin (:func:`circuits.qiskit.has_twin`), on wires 0, 1, ...; a tape may have a
            batch of angles, not of matrices.
        num_wires: The circuits' width.

    Returns:
        The PUBs, and for each tape the index of its PUB and its rows.
    """
    groups: dict[Any, list[int]] = {}
    rows = [angles_of(tape) for tape in tapes]
    for index, tape in enumerate(tapes):
        gates = tuple(_gate_key(op) for op in tape.operations)
        groups.setdefault((gates, tuple(_key(m.obs) for m in tape.measurements)), []).append(index)
    pubs: list[Pub] = []
    places: list[tuple[int, slice]] = [(0, slice(0))] * len(tapes)
    for number, ((gates, _), members) in enumerate(groups.items()):
        start = 0
        for index in members:
            stop = start + len(rows[index])
            places[index] = (number, slice(start, stop))
            start = stop
        first = tapes[members[0]]
        observables = tuple(pauli_sum(m.obs, num_wires) for m in first.measurements)
        values = np.concatenate([rows[index] for index in members])
        pubs.append(Pub(_template(_Gates(gates, num_wires, first.operations)), observables, values))
    return pubs, places


def angles_of(tape: qml.tape.QuantumScript) -> npt.NDArray[np.float64]:
    """Return the angles of a tape's gates in their order, shape ``(batch or 1, angles)``."""
    angles = [np.asarray(a, float) for op in tape.operations for a in _angles(op)]
    size = tape.batch_size or 1
    if not angles:
        return np.zeros((size, 0))
    return np.stack([np.broadcast_to(angle, size) for angle in angles], axis=1)


def _angles(operation: Operator) -> list[Any]:
    return list(operation.data) if takes_angles(operation) else []


def _gate_key(operation: Operator) -> Any:
    if operation.name in ANGLE_GATES or operation.name in FIXED_GATES:
        return operation.name, *operation.wires
    return spell(operation, angles=False) if takes_angles(operation) else _key(operation)


def _key(operator: Operator) -> Any:
    """Return all that an operator is, to the last bit of its numbers."""
    if operator.pauli_rep is not None:
        return tuple((tuple(w.items()), complex(c)) for w, c in operator.pauli_rep.items())
    return spell(operator, angles=False), *(np.asarray(d).tobytes() for d in operator.data)


@dataclass(frozen=True)
class _Gates:
    """A circuit's gates; the operations take no part in comparisons, their keys do."""

    keys: tuple[Any, ...]
    num_wires: int
    operations: Sequence[Operator] = field(compare=False)


@lru_cache(maxsize=_KEPT)
def _template(gates: _Gates) -> Template:
    counts = [len(_angles(op)) for op in gates.operations]
    angles = ParameterVector("angle", sum(counts))
    circuit = QuantumCircuit(gates.num_wires)
    start = 0
    for operation, count in zip(gates.operations, counts, strict=True):
        append(circuit, operation, angles[start : start + count])
        start += count
    return Template(circuit)
