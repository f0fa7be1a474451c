import numpy as np
import pytest

from circuits import quanvolutional_filter
from circuits.filters.random_layers import random_filter

FROZEN = [
    (
        0,
        "RZ1 CNOT20 RX1 RZ2 CNOT31 CNOT32 RZ1",
        [4.585668117381231, 5.647567524490951, 4.297597791358023, 2.966560172624361],
    ),
    (
        1,
        "CNOT32 CNOT13 RZ0 CNOT31 RX1 RX3 RX0",
        [3.401794894179865, 5.900848220819947, 2.395176865277171, 1.3609341495950262],
    ),
    (
        2,
        "RZ0 CNOT32 RX2 RY0 RY2",
        [6.250635661220641, 5.9652276872422805, 3.4191652289122776, 2.795101302439578],
    ),
]


def drawn_gates(filt):
    """The gates behind the encoding, such as CNOT20 or RZ1."""
    gates = filt.gates(np.zeros(filt.num_inputs), **filt.defaults)[filt.num_wires :]
    return " ".join(gate.name + "".join(map(str, gate.wires)) for gate in gates)


@pytest.mark.parametrize(("seed", "gates", "angles"), FROZEN)
def test_the_draw_is_frozen(seed, gates, angles):
    filt = random_filter(seed=seed)
    assert drawn_gates(filt) == gates
    assert filt.defaults["angles"].tolist() == [angles]


def test_angles_reach_the_rotations_in_order():
    filt = random_filter(seed=1, layers=2, rotations=3, wires=3)
    angles = np.arange(6.0).reshape(2, 3) + 0.5
    gates = filt.gates(np.zeros(3), angles=angles)[3:]
    assert [float(g.data[0]) for g in gates if g.num_params] == angles.ravel().tolist()


@pytest.mark.parametrize("wires", [1, 2, 9])
@pytest.mark.parametrize("rotations", [None, 7])
def test_sizes(wires, rotations):
    filt = random_filter(wires=wires, layers=2, rotations=rotations, seed=5)
    names = drawn_gates(filt).split()
    assert len([n for n in names if n.startswith("R")]) == 2 * (rotations or wires)
    assert filt.num_inputs == filt.num_wires == filt.num_observables == wires
    assert filt.scales == (np.pi,) * wires


def test_seeds_differ_and_repeat():
    prints = [quanvolutional_filter("random", seed=seed).fingerprint for seed in range(8)]
    assert len(set(prints)) == 8
    assert quanvolutional_filter("random(seed=3)").fingerprint == prints[3]
