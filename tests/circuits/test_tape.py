import numpy as np
import pennylane as qml
import pytest

from circuits.errors import CircuitError
from circuits.reading import probe
from circuits.tape import (
    CONVENTIONS,
    elementary,
    frequencies,
    record,
    spell,
    spell_numbers,
    spell_observable,
)

ROWS = np.array([[0.3, 1.2], [-0.7, -0.1], [2.0, 0.4]])


@pytest.mark.parametrize(
    ("function", "convention"),
    [
        (lambda x: qml.RX(x[..., 1], wires=0), "last"),
        (lambda x: qml.RX(x[1], wires=0), "first"),
        (lambda x: qml.AngleEmbedding(x, wires=[0, 1]), "last"),
        (lambda x: [qml.RX(v, wires=0) for v in x], "first"),
        (lambda x: qml.RX(0.1, wires=0), "last"),
    ],
)
def test_conventions(function, convention):
    assert probe(function, 2, {}, None, "c").convention == convention
    batched = elementary(record(function, CONVENTIONS[convention](ROWS), {})[0])
    for row, x in enumerate(ROWS):
        for many, one in zip(batched, elementary(record(function, x, {})[0]), strict=True):
            angle = np.broadcast_to(many.data[0], 3)[row]
            assert angle == pytest.approx(one.data[0])


def test_one_number():
    assert probe(lambda x: qml.RX(x, wires=0), 1, {}, None, "c").convention == "scalar"


def test_recording_leaves_an_outer_queue_alone():
    with qml.queuing.AnnotatedQueue() as queue:
        record(lambda x: qml.RX(x[..., 0], wires=0), ROWS, {})
    assert not queue.queue


@pytest.mark.parametrize(
    ("gate", "expected"),
    [
        (qml.RX(0.1, wires=0), [[1]]),
        (qml.Rot(0.1, 0.2, 0.3, wires=0), [[1]] * 3),
        (qml.CRX(0.1, wires=[0, 1]), [[0.5, 1]]),
        (qml.evolve(qml.X(0) @ qml.Z(1) + 0.5 * qml.Y(1), 0.1), [[np.sqrt(5)]]),
        (qml.evolve(qml.Z(0) + 0.3 * qml.Z(1), 0.1), [[0.6, 1.4, 2, 2.6]]),
        (qml.evolve(1j * qml.X(0), 0.1), None),
        (qml.QubitUnitary(np.eye(2), wires=0), None),
        (qml.prod(qml.RX(0.1, wires=0), qml.X(1)), None),
        (qml.BitFlip(0.1, wires=0), None),
    ],
)
def test_frequencies(gate, expected):
    found = frequencies(gate)
    if expected is None:
        assert found is None
    else:
        assert [pytest.approx(list(f), rel=1e-14) for f in found] == expected


def test_elementary_gates_are_the_same_unitary():
    def function(x):
        qml.IQPEmbedding(x, wires=[0, 1])
        qml.StronglyEntanglingLayers(np.full((1, 2, 3), 0.3), wires=[0, 1])
        qml.adjoint(qml.QFT(wires=[0, 1]))

    operations, _ = record(function, ROWS[0], {})
    gates = elementary(operations)
    assert all(g.num_params == 0 or frequencies(g) for g in gates)
    whole, parts = (
        qml.matrix(qml.tape.QuantumScript(ops), wire_order=[0, 1]) for ops in (operations, gates)
    )
    np.testing.assert_allclose(whole, parts, rtol=0, atol=1e-14)


def test_a_measured_wire_is_refused():
    with pytest.raises(CircuitError, match=r"circuit 'c': it measures wire \[1\] in mid-circuit"):
        probe(lambda x: qml.measure(1), 2, {}, None, "c")


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
