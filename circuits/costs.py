"""What a run will take, before it is run: circuits, shots, PUBs, depth, two-qubit gates, time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
import pennylane as qml

from circuits.backends.estimator import EstimatorBackend, placed, transpiled
from circuits.backends.pubs import pack, pubs_of
from circuits.errors import check_integer
from circuits.qiskit import take_apart

if TYPE_CHECKING:
    from circuits.backends.base import Backend
    from circuits.definition import Circuit

__all__ = ["Cost", "cost"]

_FIRST, _GROWTH, _MEASURABLE = 2, 8, 0.1
"""Rows that are run first, how they grow, and the seconds that are enough to go on from."""

_REP_DELAY = 250e-6
"""Seconds between two shots on IBM's devices, where the device does not say."""


@dataclass(frozen=True)
class Cost:
    """What running one circuit on many inputs takes on one backend.

    Attributes:
        circuit: The circuit's name.
        circuits: How many circuits: inputs, or nodes of a Fourier series; fewer where copies stand side by side.
        copies: How many inputs one of them runs on a packed backend (:func:`circuits.packed`).
        bases: In how many bases each is measured: observables that commute qubit by qubit share one.
        shots: Samples in each basis; None for exact values.
        pubs: In how many PUBs they are sent, or None where there are none.
        depth: Of the circuit as the device runs it (of the circuit itself, where nothing is transpiled).
        two_qubit_gates: Likewise.
        seconds: Estimated time, without queueing.
    """

    circuit: str
    circuits: int
    copies: int
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
    """Return what so many circuits take; on a packed backend, side by side.

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
    inputs = np.random.default_rng(1).uniform(0.5, 1, circuit.num_inputs)
    gates = take_apart(circuit.apply(inputs, **values))
    measured = [qml.expval(observable) for observable in circuit.observables]
    ((pub,), _) = pubs_of([qml.tape.QuantumScript(gates, measured)], circuit.num_wires)
    on_device, pubs, copies, rows = pub.template.circuit, None, 1, circuits
    if isinstance(backend, EstimatorBackend):
        places = placed(backend, pub.template)[:circuits]
        if places:
            copies = len(places)
            pub = pack(pub, places, copies, fixed=backend.calibration is not None)
        circuits = ceil(circuits / copies)
        on_device, pubs = transpiled(backend, pub.template), ceil(circuits / backend.most_rows)
    bases = pub.bases if backend.shots else 1
    if backend.paid and isinstance(backend, EstimatorBackend):
        shot = float(on_device.estimate_duration(backend.target.target)) + _REP_DELAY
        seconds = circuits * bases * (backend.shots or 0) * shot
    else:
        seconds = _extrapolated(circuit, backend, rows, values)
    return Cost(
        circuit=circuit.name,
        circuits=circuits,
        copies=copies,
        bases=bases,
        shots=backend.shots,
        pubs=pubs,
        depth=on_device.depth(),
        two_qubit_gates=on_device.num_nonlocal_gates(),
        seconds=seconds,
    )


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
    return seconds + max(seconds - before, 0.0) / (rows - rest) * (circuits - rows)
