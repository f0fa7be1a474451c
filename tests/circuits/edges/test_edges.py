"""Every edge family: its gates, its spectrum, its weights, and what a Circuit promises."""

import pickle

import numpy as np
import pennylane as qml
import pytest

from circuits import UsageError, series_from_values
from circuits.backends import backend
from circuits.drawing import draw
from circuits.edges import EDGES, edge

NAMES = [
    *EDGES,
    "pz(depth=1)",
    "real(depth=2)",
    "reupload(depth=2, encoding='z', rotations='yxy')",
    "entangled(wires=3, depth=2)",
    "entangled(wires=4, depth=1)",
]


def coefficients(circuit, weights):
    values = backend("default.qubit").run(circuit, circuit.plan.inputs, weights)
    return series_from_values(circuit, values).coefficients[0][0]


@pytest.mark.parametrize("name", NAMES)
def test_an_edge_has_one_input_and_one_output(name):
    circuit = edge(name)
    assert (circuit.num_inputs, circuit.num_observables) == (1, 1)
    assert circuit.scales == (1.0,)
    assert circuit.reference


@pytest.mark.parametrize("name", NAMES)
def test_the_highest_harmonic_is_reached(name):
    circuit, rng = edge(name), np.random.default_rng(1)
    tops = [np.abs(coefficients(circuit, circuit.random_weights(rng))[-2:]).max() for _ in range(5)]
    assert max(tops) > 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_weight_matters(name):
    circuit, rng = edge(name), np.random.default_rng(2)
    weights = circuit.random_weights(rng)
    before = coefficients(circuit, weights)
    for key, value in weights.items():
        for index in np.ndindex(value.shape):
            moved = {n: w.copy() for n, w in weights.items()}
            moved[key][index] += 0.4
            assert np.abs(coefficients(circuit, moved) - before).max() > 1e-4, (key, index)


@pytest.mark.parametrize("name", NAMES)
def test_an_edge_survives_pickle_and_is_drawn(name):
    circuit = edge(name)
    again = pickle.loads(pickle.dumps(circuit))
    assert again.fingerprint == circuit.fingerprint == edge(name).fingerprint
    assert draw(circuit).axes


def test_families_compute_different_things():
    assert len({edge(name).fingerprint for name in NAMES}) == len(NAMES)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_exponential_spectrum(depth):
    assert edge("exponential", depth=depth).degrees == ((3**depth - 1) // 2,)


@pytest.mark.parametrize(("wires", "depth"), [(2, 1), (2, 3), (3, 2), (4, 1)])
def test_entangled_degree_is_wires_times_depth(wires, depth):
    assert edge("entangled", wires=wires, depth=depth).degrees == (wires * depth,)


def pz_by_hand(x, theta):
    qml.Hadamard(0)
    for a, b in theta[:-1]:
        qml.RZ(a, 0)
        qml.RY(b, 0)
        qml.RZ(x, 0)
    qml.RZ(theta[-1][0], 0)
    qml.RY(theta[-1][1], 0)


def rpz_by_hand(x, theta, shift):
    qml.Hadamard(0)
    for a, b in zip(theta[:-1], shift, strict=True):
        qml.RY(a, 0)
        qml.RZ(x + b, 0)
    qml.RY(theta[-1], 0)


def real_by_hand(x, theta):
    qml.Hadamard(0)
    for a in theta:
        qml.PauliX(0)
        qml.RY(a, 0)
        qml.PauliZ(0)
        qml.RY(x, 0)


def px_by_hand(x, theta):
    qml.Hadamard(0)
    for a in theta:
        qml.RZ(a, 0)
        qml.RX(x, 0)
    qml.RZ(1.234, 0)  # the reference's last gate, which <Z> does not see


BY_HAND = {"pz": pz_by_hand, "rpz": rpz_by_hand, "real": real_by_hand, "px": px_by_hand}


@pytest.mark.parametrize("name", BY_HAND)
def test_parity_with_a_qnode_by_hand(name):
    circuit, rng = edge(name, depth=2), np.random.default_rng(3)
    weights = circuit.random_weights(rng)

    @qml.qnode(qml.device("default.qubit", wires=1))
    def node(x):
        BY_HAND[name](x, **weights)
        return qml.expval(qml.Z(0))

    x = rng.uniform(-9, 9, 5)
    values = backend("default.qubit").run(circuit, x[:, None], weights)[:, 0]
    np.testing.assert_allclose(values, [node(value) for value in x], rtol=0, atol=1e-13)


def test_real_edges_stay_real():
    circuit = edge("real")
    weights = circuit.random_weights(np.random.default_rng(4))

    @qml.qnode(qml.device("default.qubit", wires=1))
    def state():
        circuit.apply(np.array([0.7]), **weights)
        return qml.state()

    assert np.abs(np.imag(state())).max() == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pzz", "did you mean 'pz'"),
        ("pz(deph=3)", "did you mean 'depth'"),
        ("pz(depth=0)", r"depth of edge 'pz' must be an integer of at least 1, got 0"),
        ("pz(depth=1.5)", "must be an integer of at least 1, got 1.5"),
        ("pz(3)", "name=value"),
        ("pz(depth=", "unknown edge"),
        ("entangled(wires=5)", "2 to 4 wires, 5 arrived"),
        ("entangled(wires=1)", "take 'reupload'"),
        ("reupload(encoding='w')", "unknown axis 'w'"),
        ("reupload(encoding='xy')", "about one axis"),
        ("reupload(rotations='')", "written as a string"),
    ],
)
def test_mistakes_are_named(name, message):
    with pytest.raises(UsageError, match=message):
        edge(name)
