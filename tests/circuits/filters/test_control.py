import numpy as np
import pennylane as qml
import pytest

from circuits import FILTERS, circuit, quanvolutional_filter, without_entanglement


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_one_wire_gates_and_nothing_else(name):
    filt = quanvolutional_filter(name)
    control = without_entanglement(filt)
    x = np.linspace(0.2, 0.8, 4)
    kept = [gate for gate in filt.gates(x, **filt.defaults) if len(gate.wires) == 1]
    pairs = zip(control.gates(x, **control.defaults), kept, strict=True)
    assert all(qml.equal(ours, theirs) for ours, theirs in pairs)
    assert control.num_nodes == 3  # every output sees one input
    assert control.name == f"{name if name.startswith('demo') else filt.name}/no-entanglement"


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_outputs_see_their_own_pixel_only(name, series_of):
    series = series_of(quanvolutional_filter(name, entanglement=False))
    x = np.random.default_rng(0).uniform(-4, 4, (5, 4))
    for k in range(4):
        moved = x.copy()
        moved[:, k] += 0.37
        changed = np.abs(series(moved) - series(x)).max(axis=0) > 1e-14
        assert not changed[np.arange(4) != k].any()


def test_control_of_a_users_circuit(direct, series_of):
    @circuit(wires=2, inputs=2, weights={"phi": ()}, observables=[qml.X(0) @ qml.Y(1), qml.Z(1)])
    def mine(inputs, phi):
        qml.AngleEmbedding(inputs, wires=[0, 1], rotation="Y")
        qml.IsingXX(phi, wires=[0, 1])
        qml.RX(phi, wires=1)

    def by_hand(inputs, phi):
        qml.RY(inputs[0], wires=0)
        qml.RY(inputs[1], wires=1)
        qml.RX(phi, wires=1)

    control = without_entanglement(mine)
    x = np.random.default_rng(0).uniform(-5, 5, (6, 2))
    values = direct(control, x, {"phi": 0.4}, function=by_hand)
    np.testing.assert_allclose(series_of(control, {"phi": 0.4})(x), values, rtol=0, atol=1e-12)


def test_control_of_the_control_is_itself():
    control = quanvolutional_filter("demo", entanglement=False)
    assert without_entanglement(control).fingerprint == control.fingerprint
