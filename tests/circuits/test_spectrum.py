import numpy as np
import pennylane as qml
import pytest

from circuits.spectrum import GateSpectrum, common_unit, cone_degrees, gate_spectra, probe_points


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        ([2.0], 2.0),
        ([0.5, 1.0, 4.5], 0.5),
        ([2.0, 3.0], 1.0),
        ([np.pi, 3 * np.pi], np.pi),
        ([3.0**k for k in range(9)], 1.0),
        ([0.1, 0.2, 0.3], 0.1),
        ([1.0, np.pi], None),
        ([1.0, np.sqrt(2)], None),
        ([1.0, 1.0 + 1e-6], None),
    ],
)
def test_common_unit(values, unit):
    found = common_unit(values)
    assert found is None if unit is None else found == pytest.approx(unit, rel=1e-12)


@pytest.mark.parametrize("inputs", [1, 2, 9])
@pytest.mark.parametrize("seed", range(20))
def test_probes_lie_on_both_sides(inputs, seed):
    points = probe_points(inputs, np.random.default_rng(seed))
    assert points.shape == (4 * (1 + 2 * inputs), inputs)
    assert np.all(points.min(axis=0) < -1.4)
    assert np.all(points.max(axis=0) > 6)


def read(gate):
    points = probe_points(2, np.random.default_rng(0))
    return gate_spectra([[gate(points)]], points)[0]


def test_rates_and_frequencies_multiply():
    found = read(lambda x: qml.CRX(-3 * x[:, 0] + 1, wires=[0, 1])).frequencies
    assert found.keys() == {0}
    assert found[0] == pytest.approx((1.5, 3.0))


def test_angles_of_one_gate_add_up():
    found = read(lambda x: qml.Rot(x[:, 0], 2 * x[:, 1], 3 * x[:, 0], wires=0)).frequencies
    assert found[0] == pytest.approx((1, 2, 3, 4))
    assert found[1] == pytest.approx((2,))


def test_gates_that_change_with_the_weights():
    points = probe_points(1, np.random.default_rng(0))
    reason = "the gates change with the weights"
    for first, second in [
        (qml.RX(0.1, wires=0), qml.RY(0.1, wires=0)),
        (qml.RX(0.1, wires=0), qml.RX(0.1, wires=1)),
        (qml.PauliRot(0.1, "XY", [0, 1]), qml.PauliRot(0.1, "YX", [0, 1])),
        (qml.evolve(qml.X(0), 0.1), qml.evolve(2 * qml.X(0), 0.1)),
    ]:
        assert gate_spectra([[first], [second]], points) == reason
    assert gate_spectra([[], [qml.X(0)]], points) == reason


def test_a_cone_walks_back_through_the_gates():
    gates = [
        GateSpectrum(frozenset({0}), {0: (1.0,)}),
        GateSpectrum(frozenset({2}), {2: (1.0,)}),
        GateSpectrum(frozenset({0, 1}), {}),
        GateSpectrum(frozenset({1}), {1: (0.5, 1.0)}),
        GateSpectrum(frozenset({1, 2}), {}),
        GateSpectrum(frozenset({0}), {0: (3.0,)}),
    ]
    scales = (1.0, 0.5, 1.0)
    assert cone_degrees(gates, [0], scales) == {0: 4}
    assert cone_degrees(gates, [1], scales) == {0: 1, 1: 2, 2: 1}
    assert cone_degrees(gates, [0, 2], scales) == {0: 4, 1: 2, 2: 1}
    assert cone_degrees([], [0], scales) == {}
