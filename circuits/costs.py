"""What a run will take, before it is run: circuits, shots, PUBs, depth, two-qubit gates, time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
import pennylane as qml
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import PauliList, SparsePauliOp

from circuits.backends.estimator import EstimatorBackend, placed, transpiled
from circuits.backends.pubs import Pub, pack, pubs_of
from circuits.errors import UsageError, check_integer
from circuits.qiskit import take_apart

if TYPE_CHECKING:
    from circuits.backends.base import Backend
    from circuits.definition import Circuit

__all__ = ["Cost", "PackingReport", "Work", "cost", "packing_report"]

_FIRST, _GROWTH, _MEASURABLE = 2, 8, 0.1
"""Rows that are run first, how they grow, and the seconds that are enough to go on from."""

_REP_DELAY = 250e-6
"""Seconds between two shots on IBM's devices, where the device does not say."""


@dataclass(frozen=True)
class Cost:
    """What running one circuit on many inputs takes on one backend.

    Attributes:
        circuit: The circuit's name.
        circuits: How many circuits: inputs, or nodes of a Fourier series.
        bases: In how many bases each is measured: observables that commute qubit by qubit share one.
        shots: Samples in each basis; None for exact values.
        pubs: In how many PUBs they are sent, or None where there are none.
        depth: Of the circuit as the device runs it (of the circuit itself, where nothing is transpiled).
        two_qubit_gates: Likewise.
        seconds: Estimated time, without queueing.
    """

    circuit: str
    circuits: int
    bases: int
    shots: int | None
    pubs: int | None
    depth: int
    two_qubit_gates: int
    seconds: float

    @property
    def total_shots(self) -> int:
        """All samples of all circuits."""
        return self.circuits * self.bases * (self.shots or 0)


def cost(
    circuit: Circuit, backend: Backend, circuits: int, weights: Mapping[str, Any] | None = None
) -> Cost:
    """Return what so many circuits take.

    On backends that are paid for nothing is run: the time is shots times the circuit's duration and the delay between
    shots. Elsewhere a few circuits are run and the time is extrapolated.

    Args:
        circuit: What to run.
        backend: Where.
        circuits: How many inputs.
        weights: The weights, as gates such as ``Rot`` may cost less at special angles; by default the circuit's, else
            random ones.

    Raises:
        UsageError: If there is nothing to run, or the circuit does not fit the device.

    Example:
        >>> from circuits import backend, quanvolutional_filter
        >>> found = cost(quanvolutional_filter("demo"), backend("default.qubit", shots=100), 9)
        >>> found.total_shots, found.two_qubit_gates
        (900, 1)
    """
    check_integer("circuits", circuits)
    rng = np.random.default_rng(0)
    values = circuit.random_weights(rng) | dict(circuit.defaults) | dict(weights or {})
    values = circuit.check_weights(values)
    pub = _pub(circuit, values)
    on_device, pubs = pub.template.circuit, None
    if isinstance(backend, EstimatorBackend):
        on_device, pubs = transpiled(backend, pub.template), ceil(circuits / backend.most_rows)
    bases = _bases(pub) if backend.shots else 1
    if backend.paid and isinstance(backend, EstimatorBackend):
        shot = _duration(on_device, backend) + _REP_DELAY
        seconds = circuits * bases * (backend.shots or 0) * shot
    else:
        seconds = _extrapolated(circuit, backend, circuits, values)
    return Cost(
        circuit=circuit.name,
        circuits=circuits,
        bases=bases,
        shots=backend.shots,
        pubs=pubs,
        depth=on_device.depth(),
        two_qubit_gates=on_device.num_nonlocal_gates(),
        seconds=seconds,
    )


def _pub(circuit: Circuit, weights: Mapping[str, Any]) -> Pub:
    inputs = np.random.default_rng(1).uniform(0.5, 1, circuit.num_inputs)
    gates = take_apart(circuit.apply(inputs, **weights))
    measured = [qml.expval(observable) for observable in circuit.observables]
    ((pub,), _) = pubs_of([qml.tape.QuantumScript(gates, measured)], circuit.num_wires)
    return pub


def _bases(pub: Pub) -> int:
    words = PauliList(sorted({w for o in pub.observables for w in o.paulis.to_labels()}))
    return len(words.group_commuting(qubit_wise=True))


def _duration(circuit: QuantumCircuit, backend: EstimatorBackend) -> float:
    """Return the seconds that one shot's gates take, without its measurement."""
    return float(circuit.estimate_duration(backend.target.target))


def _extrapolated(
    circuit: Circuit, backend: Backend, circuits: int, weights: Mapping[str, Any]
) -> float:
    """Run more and more rows until they can be timed, and go on in a straight line."""
    rng = np.random.default_rng(2)
    backend.run(circuit, rng.uniform(0, 1, (1, circuit.num_inputs)), weights)  # transpiles
    rows, seconds, before, rest = 0, 0.0, 0.0, 0
    while seconds < _MEASURABLE and rows < circuits:
        rest, before = rows, seconds
        rows = min(circuits, max(_FIRST, _GROWTH * rows))
        inputs = rng.uniform(0, 1, (rows, circuit.num_inputs))
        started = time.perf_counter()
        backend.run(circuit, inputs, weights)
        seconds = time.perf_counter() - started
    each = max(seconds - before, 0.0) / (rows - rest)
    return seconds + each * (circuits - rows)


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
        >>> from circuits import backend, edge, packed
        >>> report = packing_report(edge("pz"), packed(backend("aer", shots=100), qubits=5), rows=7)
        >>> report.alone.shots, report.together.shots, report.together.circuits
        (700, 200, 2)
    """
    if not isinstance(backend, EstimatorBackend) or backend.packing is None:
        raise UsageError(f"{backend.name!r} is not packed; make it circuits.packed(backend).")
    check_integer("rows", rows)
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
