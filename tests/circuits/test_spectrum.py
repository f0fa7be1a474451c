"""Light cones and degrees: what each observable sees, and that it sees nothing else."""

import numpy as np
import pennylane as qml
import pytest

from circuits import CircuitError, circuit, quanvolutional_filter, series_from_values
from circuits.backends import backend
from circuits.declaration import make_circuit
from circuits.spectrum import GateSpectrum, common_unit, cone_degrees, find_departure, gate_spectra


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


def read(function, **declared):
    made = make_circuit(function, **{"wires": 2, "inputs": 2, "direct_only": True} | declared)
    return gate_spectra(made.table)[0]


def test_rates_and_frequencies_multiply():
    found = read(lambda x: qml.CRX(-3 * x[..., 0] + 1, wires=[0, 1])).frequencies
    assert found.keys() == {0}
    assert found[0] == pytest.approx((1.5, 3.0))


def test_angles_of_one_gate_add_up():
    found = read(lambda x: qml.Rot(x[..., 0], 2 * x[..., 1], 3 * x[..., 0], wires=0)).frequencies
    assert found[0] == pytest.approx((1, 2, 3, 4))
    assert found[1] == pytest.approx((2,))


def test_a_marker_joins_no_wires():
    @circuit(wires=2, inputs=2)
    def apart(x):
        qml.RX(x[..., 0], wires=0)
        qml.RX(x[..., 1], wires=1)
        qml.Barrier(wires=[0, 1])

    assert apart.num_nodes == 3


@pytest.mark.parametrize("factor", [1e-9, 1.0, 1e9])
def test_a_small_observable_is_compared_as_closely(factor):
    with pytest.raises(CircuitError, match="is not the Fourier series declared"):
        circuit(wires=1, degree=0, observables=factor * qml.Z(0))(
            lambda x: qml.RY(x[..., 0], wires=0)
        )


def test_a_small_rate_is_a_rate(direct):
    made = circuit(wires=1)(lambda x: qml.RY(1e-12 * x[..., 0], wires=0))
    assert (made.degrees, made.scales) == ((1,), (1e-12,))


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


LADDER = [qml.Z(0), qml.X(1), qml.Z(2) @ qml.X(3), qml.Z(3), 0.5 * qml.Z(0) + qml.X(3)]


@circuit(wires=4, inputs=4, observables=LADDER)
def ladder(x):
    for wire in range(4):
        qml.RY((1 + wire % 2) * x[..., wire], wires=wire)
    qml.CNOT([0, 1])
    qml.CRX(x[..., 3], wires=[3, 2])
    qml.RX(0.3, wires=1)
    qml.RY(x[..., 0], wires=0)


CONES = ({0: 2, 1: 1}, {0: 1, 1: 1}, {2: 1, 3: 6}, {2: 1, 3: 6}, {0: 2, 1: 1, 2: 1, 3: 6})


def test_cones_are_those_of_the_gates():
    assert ladder.scales == (1.0, 2.0, 1.0, 0.5)
    assert ladder.cones == CONES
    assert ladder.degrees == (2, 1, 1, 6)


@pytest.mark.parametrize("noise", [None, "depolarizing:0.05", "amplitude-damping:0.2"])
def test_an_input_outside_the_cone_changes_nothing(noise):
    where = backend("default.qubit") if noise is None else backend("default.mixed", noise=noise)
    x = np.random.default_rng(0).uniform(-4, 4, (3, 4))
    before = where.run(ladder, x)
    for k in range(4):
        moved = x.copy()
        moved[:, k] += 0.7
        changed = np.abs(where.run(ladder, moved) - before).max(axis=0) > 1e-13
        assert [
            k for cone, seen in zip(CONES, changed, strict=True) if seen and k not in cone
        ] == []
        assert changed.any()


NOISE = ["depolarizing:0.05", "amplitude-damping:0.2", "bit-flip:0.1", "phase-damping:0.3"]


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("name", ["demo", "demo-legacy", "random(seed=2)"])
def test_the_series_holds_for_noise_after_each_gate(name, noise):
    filt = quanvolutional_filter(name)
    noisy = backend("default.mixed", noise=noise)
    series = series_from_values(filt, noisy.run(filt, filt.plan.inputs))
    x = np.random.default_rng(1).uniform(-4, 4, (6, 4))
    np.testing.assert_allclose(series(x), noisy.run(filt, x), rtol=0, atol=1e-12)


def test_noise_does_not_undo_a_cancellation_in_the_cone():
    """Gates that cancel are in the cone all the same: with noise between them they do not."""

    @circuit(wires=2, inputs=2, observables=[qml.X(0)])
    def cancelled(x):
        qml.RX(x[..., 0], wires=0)
        qml.RY(x[..., 1], wires=1)
        qml.CZ([0, 1])
        qml.CZ([0, 1])

    assert cancelled.cones == ({0: 1, 1: 1},)


def test_declared_degrees_bound_the_cones():
    @circuit(wires=2, inputs=1, degree=1, observables=[qml.Z(0), qml.Z(1)])
    def cancels(x):
        qml.RX(x[..., 0], wires=0)
        qml.RZ(x[..., 0], wires=0)

    assert cancels.cones == ({0: 1}, {})


def test_a_wider_declaration_keeps_the_cones():
    @circuit(wires=2, inputs=2, degree=3, scale=0.5)
    def wide(x):
        qml.RX(x[..., 0], wires=0)
        qml.RX(x[..., 1], wires=1)

    assert wide.degrees == (3, 3)
    assert wide.cones == ({0: 2}, {1: 2})


@pytest.mark.parametrize(
    ("name", "nodes"),
    [("demo", 9), ("demo-legacy", 9), ("strongly-entangling", 81), ("basic-entangler", 81)],
)
def test_nodes_of_the_filters(name, nodes):
    assert quanvolutional_filter(name).num_nodes == nodes


def departure(values, cones, scales):
    return find_departure(
        lambda x: np.stack(values(*x.T), -1), cones, scales, np.random.default_rng(0)
    )


def test_a_trigonometric_polynomial_does_not_depart():
    def values(x, y):
        return np.cos(2 * x) * np.sin(3 * y) + 0.2, np.sin(x)

    assert departure(values, [{0: 2, 1: 1}, {0: 1}], (1.0, 3.0)) is None
    assert departure(values, [{0: 5, 1: 3}, {0: 5, 1: 3}], (1.0, 3.0)) is None


@pytest.mark.parametrize(
    ("values", "cones", "scales", "where"),
    [
        (lambda x, y: (np.cos(2 * x) + y * 0,), [{0: 1}], (1.0, 1.0), "along input 0"),
        (lambda x, y: (np.cos(x) + np.sin(y),), [{0: 1}], (1.0, 1.0), "along input 1"),
        (lambda x, y: (np.cos(x), np.cos(x)), [{0: 1}, {}], (1.0, 1.0), "observable 1"),
        (lambda x, y: (np.cos(x),), [{0: 1}], (1.1, 1.0), "along input 0"),
        (lambda x, y: (np.cos(x * y),), [{0: 2, 1: 2}], (1.0, 1.0), "along input 0"),
        (lambda x, y: (np.cos(x) + 1e-6 * np.cos(2 * x),), [{0: 1}], (1.0, 1.0), "input 0"),
        (lambda x, y: (x * np.nan,), [{0: 1}], (1.0, 1.0), "along input 0"),
        (lambda x, y: (np.where(np.abs(x) > 20, np.nan, 1.0),), [{0: 1}], (1.0, 1.0), "input 0"),
    ],
)
def test_departures_are_found_and_named(values, cones, scales, where):
    assert where in departure(values, cones, scales)


def test_a_smaller_declared_degree_holds_without_noise_only():
    """RY(x) Z RY(x) is Z; with noise between the gates it is not."""

    @circuit(wires=1, degree=0, scale=1)
    def cancels(x):
        qml.RY(x[..., 0], wires=0)
        qml.Z(0)
        qml.RY(x[..., 0], wires=0)

    noisy = backend("default.mixed", noise="amplitude-damping:0.2")
    assert cancels.on(noisy=False).degrees == (0,)
    safe = cancels.on(noisy=True)
    assert safe.degrees == (2,)
    x = np.linspace(-4, 4, 7)[:, None]
    series = series_from_values(safe, noisy.run(safe, safe.plan.inputs))
    np.testing.assert_allclose(series(x), noisy.run(cancels, x), rtol=0, atol=1e-12)


def test_a_declared_series_of_matrices_is_direct_with_noise():
    def matrix(x):
        c, s = np.cos(x[..., 0]), np.sin(x[..., 0])
        qml.QubitUnitary(qml.math.moveaxis(np.array([[c, -s], [s, c]]), (0, 1), (-2, -1)), wires=0)

    made = circuit(wires=1, degree=1, scale=2)(matrix)
    assert made.direct_only is None
    assert "without noise only" in made.on(noisy=True).direct_only
