"""Circuits that tell wires, order of gates and kinds of observables apart, and IBM's Runtime without IBM."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pennylane as qml
import pytest

from circuits import Circuit, backend, circuit
from circuits.backends import ibm as ibm_runtime
from circuits.backends.jobs import JobStore, Patience

FAKE = Path(__file__).with_name("fake_runtime.py")

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


@pytest.fixture
def fake_runtime(tmp_path, monkeypatch):
    """A provider with one device, ``fake_one``, and no jobs."""
    spec = importlib.util.spec_from_file_location("fake_runtime", FAKE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "service").mkdir()
    made = module.FakeRuntime(tmp_path / "service")
    monkeypatch.setattr(ibm_runtime, "sdk", lambda: made)
    monkeypatch.setenv("QKAN_CACHE", str(tmp_path / "cache"))
    ibm_runtime.connect.cache_clear()
    yield made
    ibm_runtime.connect.cache_clear()


@pytest.fixture
def slept():
    """The pauses that were made, in seconds."""
    return []


@pytest.fixture
def ibm(fake_runtime, tmp_path, slept):
    """The device, with a record of its own and a clock that pauses move."""

    def make(**options):
        patience = Patience(sleep=slept.append, clock=lambda: sum(slept), timeout=3600.0)
        store = JobStore(tmp_path / "jobs")
        device = backend("ibm:fake_one", shots=100)
        return replace(device, **{"store": store, "patience": patience} | options)

    return make
