"""``aer``: noise channels, shots that are shots, one PUB for everything that differs in angles."""

from dataclasses import replace

import numpy as np
import pennylane as qml
import pytest
import torch

from circuits import circuit
from circuits.backends import NOISE_CHANNELS, backend
from circuits.backends.aer import AerBackend
from circuits.backends.estimator import transpiled
from circuits.backends.pubs import pubs_of
from circuits.backends.routes import Route
from circuits.errors import MissingExtraError, UsageError


@pytest.fixture
def submitted(monkeypatch):
    """The rows and observables of every PUB that is handed to an Estimator."""
    seen = []
    plain = AerBackend.estimate

    def estimate(self, pubs, shots, seed):
        seen.append([(len(values), len(observables)) for _, observables, values in pubs])
        return plain(self, pubs, shots, seed)

    monkeypatch.setattr(AerBackend, "estimate", estimate)
    monkeypatch.setattr(
        "circuits.backends.base.route_of", lambda *_: Route()
    )  # nothing is tried before
    return seen


@pytest.mark.parametrize("channel", NOISE_CHANNELS)
def test_a_channel_follows_every_gate_as_on_default_mixed(channel, turned, point):
    noise = f"{channel}:0.07"
    noisy = backend("aer", noise=noise).run(turned, *point)
    np.testing.assert_allclose(
        noisy, backend("default.mixed", noise=noise).run(turned, *point), atol=1e-12
    )
    assert abs(noisy - backend("aer").run(turned, *point)).max() > 0.01


@pytest.mark.parametrize(
    "gate", [qml.CRX, qml.CRY, qml.CRZ, qml.ControlledPhaseShift, qml.IsingXX, qml.U2, qml.U3]
)
def test_every_row_gets_its_own_angles(gate):
    # Aer itself would leave the angles of controlled rotations unbound.
    rows = np.random.default_rng(2).uniform(-3, 3, (3, gate.num_params))

    def tape(angles):
        mixing = [qml.RY(0.3 + k, k) for k in range(2)] + [qml.RZ(1.1, 1), qml.RZ(0.4, 0)]
        wires = [1, 0][: gate.num_wires]
        gates = [*mixing, gate(*angles, wires=wires), qml.RX(0.7, 0), qml.RX(0.9, 1)]
        observables = [qml.X(0) @ qml.Y(1), qml.Z(0), qml.Y(1) + 0.3 * qml.Z(1)]
        return qml.tape.QuantumScript(gates, [qml.expval(o) for o in observables])

    exact = qml.device("default.qubit", wires=2)
    expected = np.array([exact.execute(tape(row)) for row in rows], dtype=float)
    pubs, _ = pubs_of([tape(rows.T)], 2)
    np.testing.assert_allclose(backend("aer").run_pubs(pubs)[0], expected, atol=1e-12)


@pytest.mark.slow
def test_shots_are_counts_with_the_variance_of_the_observable():
    @circuit(wires=1)
    def rotation(inputs):
        qml.RY(inputs[..., 0], wires=0)

    shots = 40
    x = np.repeat([0.0, np.pi / 3, np.pi / 2], 200)[:, None]
    values = backend("aer", shots=shots, seed=1).run(rotation, x)[:, 0].reshape(3, 200)
    np.testing.assert_allclose(values * shots, np.round(values * shots), atol=1e-9)
    assert (values[0] == 1).all()
    for row, z in zip(values, (1, 0.5, 0), strict=True):
        assert row.mean() == pytest.approx(z, abs=4 / np.sqrt(shots * 200))
        assert row.var() == pytest.approx((1 - z**2) / shots, rel=0.4)


def test_a_batch_is_one_pub(submitted, turned, point):
    rows = np.tile(point[0], (50, 1))
    backend("aer").run(turned, rows, point[1])
    assert submitted == [[(150, 3)]]


def test_parameter_shift_is_one_pub(submitted, turned, point):
    qnode = backend("aer").qnode(turned)
    theta = torch.tensor(point[1]["theta"], requires_grad=True)
    x = torch.tensor(point[0], requires_grad=True)
    torch.stack(qnode(x, theta=theta)).sum().backward()
    # Forward three rows; backward: x0, theta0 and x1 + theta0 two terms each a row, the controlled rotation four.
    assert [len(pubs) for pubs in submitted] == [1, 1]


def test_pubs_are_split_to_the_limit(monkeypatch, submitted, turned, point):
    whole = backend("aer").run(turned, np.tile(point[0], (3, 1)), point[1])
    monkeypatch.setattr("circuits.backends.aer._ROWS", 4)
    submitted.clear()
    pubs, _ = pubs_of([_tape(turned, np.tile(point[0], (3, 1)), point[1])], 2)
    (parts,) = backend("aer").run_pubs(pubs)
    assert submitted == [[(4, 3), (4, 3), (1, 3)]]
    np.testing.assert_array_equal(parts, whole)


def test_tapes_are_joined_by_gates_and_observables(turned, point):
    tapes = [_tape(turned, row, point[1]) for row in point[0]]
    other = tapes[0].copy(measurements=[qml.expval(qml.Z(1))])
    batch = _tape(turned, point[0], point[1])
    pubs, places = pubs_of([tapes[0], other, batch, tapes[1]], 2)
    assert [len(pub) for pub in pubs] == [5, 1]
    assert places == [(0, slice(0, 1)), (1, slice(0, 1)), (0, slice(1, 4)), (0, slice(4, 5))]
    assert pubs[0].template is pubs[1].template


def test_a_circuit_is_transpiled_once_for_equal_backends(turned, point):
    chosen = backend("aer")
    chosen.run(turned, *point)
    before = transpiled.cache_info().misses
    backend("aer").run(turned, *point)
    assert transpiled.cache_info().misses == before


def test_matrices_with_a_batch_are_tapes_of_their_own():
    @circuit(wires=1, weights={"w": ()}, direct_only=True)
    def unitary(inputs, w):
        qml.QubitUnitary(
            qml.math.stack([qml.RX.compute_matrix(x) for x in np.ravel(inputs)]).squeeze(), 0
        )
        qml.RY(w, 0)

    x = np.array([[0.3], [0.8], [2.0]])
    expected = np.cos(x) * np.cos(0.5)
    np.testing.assert_allclose(backend("aer").run(unitary, x, {"w": 0.5}), expected, atol=1e-12)


def test_key_names_the_software_where_numbers_follow_it():
    assert "qiskit-aer" not in backend("aer").key
    assert {"qiskit", "qiskit-aer", "qiskit-ibm-runtime"} <= set(backend("aer:fake_manila").key)
    assert {"qiskit", "qiskit-aer"} <= set(backend("aer", shots=5, seed=1).key)
    assert backend("aer", shots=5, seed=1).key["seed"] == 1
    assert replace(backend("aer", shots=5), seed=2).deterministic


def test_a_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r'pip install "hybrid-qkan\[hardware\]"'):
        backend("aer")
    for kind in ("aer", "aer:DEVICE"):
        from circuits.backends.base import kind_of

        assert "hybrid-qkan[hardware]" in kind_of(kind).info(kind).why_not


def test_shot_vectors_are_refused(turned, point):
    qnode = qml.set_shots(backend("aer").qnode(turned), shots=[10, 20])
    with pytest.raises(UsageError, match="one number of shots"):
        qnode(*point[0][:1], **point[1])


def _tape(made, x, weights):
    measured = [qml.expval(observable) for observable in made.observables]
    return qml.tape.QuantumScript(made.gates(x, **weights), measured)


def test_a_channel_in_the_function_is_no_lottery():
    """A state vector draws one outcome of each channel; exact values are those of the mixture."""

    @circuit(wires=1)
    def damped(inputs):
        qml.RX(inputs[..., 0], wires=0)
        qml.AmplitudeDamping(0.3, wires=0)

    x = np.linspace(-3, 3, 7)[:, None]
    exact = backend("default.mixed").run(damped, x)
    np.testing.assert_allclose(exact, 0.3 + 0.7 * np.cos(x), atol=1e-12)
    np.testing.assert_allclose(backend("aer").run(damped, x), exact, atol=1e-12)
