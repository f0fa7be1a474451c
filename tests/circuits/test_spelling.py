import numpy as np
import pennylane as qml
import pytest

from circuits.spelling import spell, spell_numbers, spell_observable

PAIRS = [
    (qml.RX(0.1, wires=0), qml.RX(0.2, wires=0)),
    (qml.adjoint(qml.RX(0.1, wires=0)), qml.adjoint(qml.RX(0.2, wires=0))),
    (qml.ctrl(qml.Rot(1, 2, 3, wires=0), 1), qml.ctrl(qml.Rot(1, 2, 4, wires=0), 1)),
    (qml.QubitUnitary(np.eye(2), wires=0), qml.QubitUnitary(-np.eye(2), wires=0)),
]
OTHERS = [
    (qml.RX(0.1, wires=0), qml.RX(0.1, wires=1)),
    (qml.PauliRot(0.1, "X", 0), qml.PauliRot(0.1, "Y", 0)),
    (qml.pow(qml.RX(0.1, wires=0), 2), qml.pow(qml.RX(0.1, wires=0), 3)),
    (
        qml.ctrl(qml.RX(0.1, wires=0), 1, control_values=[0]),
        qml.ctrl(qml.RX(0.1, wires=0), 1, control_values=[1]),
    ),
    (qml.evolve(qml.X(0), 0.1), qml.evolve(0.5 * qml.X(0), 0.1)),
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_angles_can_be_left_out(one, other):
    assert spell(one) != spell(other)
    assert spell(one, angles=False) == spell(other, angles=False)


@pytest.mark.parametrize(("one", "other"), OTHERS)
def test_everything_else_is_spelled(one, other):
    assert spell(one, angles=False) != spell(other, angles=False)


def test_numbers_and_sets():
    assert spell_numbers(-0.0) == spell_numbers(0.0)
    assert spell_numbers(0.1 + 0.2) == spell_numbers(0.3)
    big = np.zeros(5000)
    changed = big.copy()
    changed[2500] = 1
    assert spell_numbers(big) != spell_numbers(changed)


def test_observables_by_matrix_ignore_the_order_of_wires():
    matrix = np.diag([1.0, 2.0, 3.0, 4.0])
    swapped = np.diag([1.0, 3.0, 2.0, 4.0])
    assert spell_observable(qml.Hermitian(matrix, [0, 1])) == spell_observable(
        qml.Hermitian(swapped, [1, 0])
    )
