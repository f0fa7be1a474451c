"""The circuits of the tests of backends, for those of PUBs."""

import numpy as np
import pennylane as qml
import pytest

from circuits import Circuit, circuit


@pytest.fixture(scope="session")
def turned() -> Circuit:
    """Asymmetric in its wires and observables, and short enough for a noisy device."""
    observables = (qml.Z(0), qml.X(0) @ qml.Y(1), 0.5 * qml.Z(1) - qml.X(1))

    @circuit(wires=2, inputs=2, weights={"theta": 2}, observables=observables)
    def made(inputs, theta):
        qml.RY(inputs[..., 0], wires=0)
        qml.RX(theta[0] + inputs[..., 1], wires=1)
        qml.CRY(theta[1], wires=[0, 1])

    return made


@pytest.fixture(scope="session")
def point():
    rng = np.random.default_rng(4)
    return rng.uniform(-2, 2, (3, 2)), {"theta": rng.uniform(-2, 2, 2)}
