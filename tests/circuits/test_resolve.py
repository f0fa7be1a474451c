"""Light cones and degrees: what each observable sees, and that it sees nothing else."""

import numpy as np
import pennylane as qml
import pytest

from circuits import circuit, quanvolutional_filter, series_from_values
from circuits.backends import backend

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
