"""Circuits side by side on one device: asking for it, and what it saves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pennylane as qml
from qiskit.quantum_info import SparsePauliOp

from circuits.backends.base import Backend, check_integer
from circuits.backends.estimator.base import EstimatorBackend, placed, transpiled
from circuits.backends.estimator.packing import Packing
from circuits.backends.estimator.side_by_side import pack
from circuits.backends.estimator.template import Pub, pubs_of
from circuits.errors import UsageError
from circuits.qiskit import take_apart

if TYPE_CHECKING:
    from circuits.definition import Circuit

__all__ = ["PackingReport", "Work", "packed", "packing_report"]


def packed(
    backend: Backend, *, qubits: int | Sequence[int] | None = None, most_error: float = 0.1
) -> Backend:
    """Return the backend that runs copies of a circuit side by side, on the device's good qubits, best first.

    Rows of inputs, nodes, shifts and edges then share circuits: values and their statistics stay what they are.

    Args:
        backend: One that runs PUBs: ``aer``, ``aer:fake_manila``, ``ibm:BACKEND``.
        qubits: How many qubits, or which; None for all good ones of a device.
        most_error: A qubit with a larger readout or gate error is left out, and so is a coupling with a larger error.

    Raises:
        UsageError: If the backend runs one circuit at a time, or the qubits are not there.

    Example:
        >>> from circuits import backend
        >>> packed(backend("aer", shots=1000), qubits=27).packing
        Packing(qubits=27, most_error=0.1)
    """
    if not isinstance(backend, EstimatorBackend):
        raise UsageError(
            f"{backend.name!r} is no device with qubits to share; circuits are packed on 'aer', 'aer:fake_manila' "
            "and its like, and 'ibm:BACKEND'."
        )
    chosen = qubits if qubits is None or isinstance(qubits, int) else tuple(qubits)
    packing = Packing(chosen, most_error)
    if backend.calibration is None and packing.qubits is None:
        raise UsageError(
            f"{backend.name!r} has no qubits of its own: say how many are to run side by side, qubits=27."
        )
    return replace(backend, packing=packing)


@dataclass(frozen=True)
class Work:
    """What a device does.

    Attributes:
        circuits: Circuits with all their angles bound, in every basis that is measured.
        shots: Runs of all circuits together; None for exact values.
        depth: Of one circuit, after transpiling.
        two_qubit_gates: Of one circuit, after transpiling.
    """

    circuits: int
    shots: int | None
    depth: int
    two_qubit_gates: int

    def __str__(self) -> str:
        sampled = "exact" if self.shots is None else f"{self.shots:,} shots"
        return f"{self.circuits:,} circuits, {sampled}, depth {self.depth}, {self.two_qubit_gates} two-qubit gates"


@dataclass(frozen=True)
class PackingReport:
    """The work of the same rows one circuit at a time, and side by side.

    Attributes:
        rows: Rows of inputs.
        alone: One circuit at a time.
        together: Side by side.
        places: The device's qubits of each copy.
    """

    rows: int
    alone: Work
    together: Work
    places: tuple[tuple[int, ...], ...]

    def __str__(self) -> str:
        lines = [f"{self.rows} rows", f"alone:    {self.alone}", f"together: {self.together}"]
        return "\n".join(
            [*lines, f"qubits:   {' '.join(map(str, self.places)) or 'no place without swaps'}"]
        )


def packing_report(circuit: Circuit, backend: Backend, rows: int) -> PackingReport:
    """Return what it costs to run so many rows of inputs, with and without the backend's packing; runs nothing.

    Args:
        circuit: The circuit.
        backend: A packed one.
        rows: Rows of inputs: samples, nodes, or shifts of nodes.

    Raises:
        UsageError: If the backend is not packed.

    Example:
        >>> from circuits import backend, edge
        >>> report = packing_report(edge("pz"), packed(backend("aer", shots=100), qubits=5), rows=7)
        >>> report.alone.shots, report.together.shots, report.together.circuits
        (700, 200, 2)
    """
    if not isinstance(backend, EstimatorBackend) or backend.packing is None:
        raise UsageError(f"{backend.name!r} is not packed; make it circuits.packed(backend).")
    check_integer("rows", rows, least=1)
    rng = np.random.default_rng(0)
    gates = circuit.gates(rng.uniform(size=circuit.num_inputs), **circuit.random_weights(rng))
    measured = [qml.expval(observable) for observable in circuit.observables]
    tape = qml.tape.QuantumScript(take_apart(gates), measured)
    (pub,), _ = pubs_of([tape], circuit.num_wires)
    places = placed(backend, pub.template)[:rows]
    together = alone = _work(pub, replace(backend, packing=None), rows)
    if places:
        fixed = backend.calibration is not None
        whole = pack(pub, (0, places), len(places), fixed=fixed)
        together = _work(whole, backend, -(-rows // len(places)))
    return PackingReport(rows, alone, together, places)


def _work(pub: Pub, backend: EstimatorBackend, rows: int) -> Work:
    circuit = transpiled(backend, pub.template)
    words = SparsePauliOp.sum(list(pub.observables))
    bases = 1 if backend.shots is None else len(words.group_commuting(qubit_wise=True))
    return Work(
        circuits=rows * bases,
        shots=None if backend.shots is None else rows * bases * backend.shots,
        depth=circuit.depth(),
        two_qubit_gates=circuit.num_nonlocal_gates(),
    )
