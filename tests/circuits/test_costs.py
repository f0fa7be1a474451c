"""The cost of a run, counted by hand."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pennylane as qml
import pytest

from circuits import backend, circuit, cost, quanvolutional_filter
from circuits.backends.aer import FakeDeviceBackend
from circuits.errors import UsageError

OBSERVABLES = (qml.Z(0) @ qml.Z(1), qml.X(0), 0.5 * qml.X(0) @ qml.X(1), qml.Y(1))


@circuit(wires=3, weights={"w": 2}, observables=OBSERVABLES)
def ring(inputs, w):
    qml.RX(inputs[..., 0], wires=0)
    for wire in range(3):
        qml.CNOT([wire, (wire + 1) % 3])
    qml.RY(w[0], wires=1)
    qml.RZ(w[1], wires=1)


def test_counts_of_a_circuit_that_is_not_transpiled():
    found = cost(ring, backend("default.qubit", shots=100, seed=1), 7)
    # Z Z is one basis, X and X X another, Y the third.
    assert (found.circuits, found.bases, found.total_shots) == (7, 3, 2100)
    assert (found.depth, found.two_qubit_gates, found.pubs) == (5, 3, None)
    assert found.seconds > 0
    exact = cost(ring, backend("default.qubit"), 1)
    assert (exact.bases, exact.shots, exact.total_shots) == (1, None, 0)


def test_pubs_follow_the_limit(monkeypatch):
    monkeypatch.setattr("circuits.backends.aer._ROWS", 4)
    assert cost(ring, backend("aer"), 9).pubs == 3


def test_on_a_line_of_qubits_a_ring_costs_more_gates():
    exact = cost(ring, backend("default.qubit"), 1)
    manila = cost(ring, backend("aer:fake_manila"), 1)
    assert manila.two_qubit_gates > exact.two_qubit_gates
    assert manila.depth > exact.depth


@dataclass(frozen=True)
class Paid(FakeDeviceBackend):
    """A device that must not be run to learn what it costs."""

    paid: ClassVar[bool] = True

    def estimate(self, *_):
        raise AssertionError("this was paid for")


def test_what_is_paid_for_is_not_run():
    chosen = Paid("aer:fake_manila", shots=1000)
    few, many = (cost(quanvolutional_filter("demo"), chosen, n) for n in (9, 90))
    # A shot takes the delay of 250 us, and less than 1 us of gates.
    assert few.seconds == pytest.approx(9 * 1000 * 250e-6, rel=0.01)
    assert many.seconds == pytest.approx(10 * few.seconds)


def test_bad_input():
    with pytest.raises(UsageError, match="circuits must be an integer of at least 1"):
        cost(ring, backend("default.qubit"), 0)
    with pytest.raises(UsageError, match="shape"):
        cost(ring, backend("default.qubit"), 1, {"w": np.zeros(3)})
