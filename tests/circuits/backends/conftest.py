"""Circuits that tell wires, order of gates and kinds of observables apart."""

import numpy as np
import pennylane as qml
import pytest

from circuits import Circuit, circuit

HERMITIAN = np.array([[1.0, 0.3 - 0.2j], [0.3 + 0.2j, -0.5]])
PAULI = (qml.Z(0), qml.X(1) @ qml.Y(2), 0.3 * (qml.Z(0) @ qml.Z(1)) + 0.7 * qml.X(2))
ANY = (*PAULI, qml.Hermitian(HERMITIAN, wires=2))


def gates(inputs, theta):
    for k in range(3):
        qml.RY((k + 1) * inputs[..., k], wires=k)
    qml.CNOT([0, 1])
    qml.Rot(theta[0], theta[1], theta[2], wires=1)
    qml.CNOT([1, 2])
    qml.RX(theta[3], wires=0)
    qml.CRX(inputs[..., 0], wires=[2, 0])


@pytest.fixture(scope="session")
def entangled() -> Circuit:
    return circuit(wires=3, inputs=3, weights={"theta": 4}, observables=ANY, name="any")(gates)


@pytest.fixture(scope="session")
def pauli() -> Circuit:
    return circuit(wires=3, inputs=3, weights={"theta": 4}, observables=PAULI, name="pauli")(gates)


@pytest.fixture(scope="session")
def one_wire() -> Circuit:
    @circuit(wires=1, weights={"phi": ()}, observables=qml.X(0))
    def edge(inputs, phi):
        qml.RY(inputs[..., 0], wires=0)
        qml.RZ(phi, wires=0)
        qml.RX(inputs[..., 0], wires=0)

    return edge
