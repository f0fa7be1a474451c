"""Every circuit of the library, and users' own, in Qiskit: the same expectation values."""

import numpy as np
import pennylane as qml
import pytest

from circuits import (
    EDGES,
    FILTERS,
    CircuitError,
    UsageError,
    circuit,
    edge,
    parameter_values,
    qiskit_observables,
    quanvolutional_filter,
    to_qiskit,
)
from circuits.qiskit import parameter_names

LIBRARY = [
    *(quanvolutional_filter(name) for name in FILTERS),
    *(quanvolutional_filter(f"{name}/no-entanglement") for name in FILTERS),
    quanvolutional_filter("strongly-entangling(layers=2, wires=9)"),
    *(edge(name) for name in EDGES),
    edge("entangled(wires=3, depth=2)"),
]
MATRIX = np.array([[1.0, 0.3 - 0.2j], [0.3 + 0.2j, -0.5]])


def draw(made, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(-3, 3, made.num_inputs), made.random_weights(rng)


@pytest.mark.parametrize("made", LIBRARY, ids=lambda made: made.name)
def test_library_agrees_with_default_qubit(made, direct, qiskit_values):
    x, weights = draw(made)
    expected = direct(made, x[None], weights)[0]
    free, bound = to_qiskit(made), to_qiskit(made, weights)
    assert {p.name for p in bound.parameters} <= set(parameter_names("inputs", (made.num_inputs,)))
    np.testing.assert_allclose(qiskit_values(free, made, x, weights), expected, atol=1e-12)
    np.testing.assert_allclose(qiskit_values(bound, made, x), expected, atol=1e-12)


def every_gate(inputs, theta):
    """All kinds of gates, none symmetric in its wires; angles that are functions of what comes in."""
    a, b = inputs[..., 0], inputs[..., 1]
    for wire, angle in enumerate((0.3, 1.1, -0.7)):
        qml.U3(angle, theta[0], np.pi * a, wires=wire)
    qml.CRX(2 * a + theta[1], wires=[2, 0])
    qml.CRY(a - b, wires=[0, 1])
    qml.CRZ(theta[2] * b, wires=[1, 2])
    qml.ControlledPhaseShift(np.sin(a), wires=[2, 1])
    qml.CRot(theta[0], b, theta[1], wires=[0, 2])
    qml.IsingXX(a, wires=[0, 1])
    qml.IsingYY(b, wires=[1, 2])
    qml.IsingZZ(a * b, wires=[0, 2])
    qml.IsingXY(theta[1], wires=[2, 0])
    qml.PauliRot(b, "XYZ", wires=[1, 0, 2])
    qml.MultiRZ(a, wires=[0, 1, 2])
    qml.U2(theta[2], a, wires=1)
    qml.PhaseShift(b, wires=0)
    qml.adjoint(qml.S)(2)
    qml.adjoint(qml.RX)(a, wires=1)
    qml.ctrl(qml.RY, control=[0, 2], control_values=[0, 1])(b, wires=1)
    qml.CH(wires=[2, 0])
    qml.Toffoli(wires=[2, 0, 1])
    qml.CSWAP(wires=[1, 2, 0])
    qml.ISWAP(wires=[0, 1])
    qml.QubitUnitary(
        np.kron(qml.RX(0.4, 0).matrix(), qml.T(0).matrix()) @ qml.CNOT([0, 1]).matrix(), [2, 0]
    )
    qml.SingleExcitation(a, wires=[1, 0])
    qml.RX(theta[0] + a * theta[1] - inputs[..., 1] ** 2, wires=2)
    qml.AngleEmbedding(theta[2] * inputs, wires=[2, 0], rotation="Y")
    qml.ctrl(qml.PhaseShift, control=[2, 1])(np.pi * b, wires=0)
    qml.evolve(qml.X(0) @ qml.Y(2), a)
    for angle in theta:
        qml.RX(qml.math.cos(angle), wires=1)
    qml.GlobalPhase(b)


def test_wire_order_gates_and_asymmetric_observables(direct, qiskit_values):
    observables = [
        qml.Z(0),
        qml.X(0) @ qml.Y(1) @ qml.Z(2),
        qml.X(2) @ qml.Y(0),
        0.3 * (qml.Z(0) @ qml.X(2)) + 0.7 * qml.Y(1) - 0.2 * qml.I(0),
        qml.Hermitian(MATRIX, wires=2),
        qml.Hermitian(np.kron(MATRIX, qml.Y(0).matrix()), wires=[2, 0]),
        qml.Projector([1, 0], wires=[2, 1]),
        qml.Hamiltonian([0.5, -1.5], [qml.Y(2), qml.X(1) @ qml.Z(0)]),
    ]
    made = circuit(
        wires=3, inputs=2, weights={"theta": 3}, observables=observables, direct_only=True
    )(every_gate)
    x, weights = draw(made, seed=5)
    expected = direct(made, x[None], weights)[0]
    assert len(np.unique(expected.round(6))) == len(observables)
    np.testing.assert_allclose(
        qiskit_values(to_qiskit(made), made, x, weights), expected, atol=1e-12
    )


def test_templates_and_state_preparation(direct, qiskit_values):
    @circuit(
        wires=3, inputs=3, weights={"w": (2, 3, 3)}, observables=[qml.X(1), qml.Z(0) @ qml.Y(2)]
    )
    def made(inputs, w):
        qml.BasisState([1, 0, 1], wires=[2, 0, 1])
        qml.AngleEmbedding(inputs, wires=[2, 0, 1], rotation="X")
        qml.StronglyEntanglingLayers(w, wires=range(3))
        qml.IQPEmbedding(inputs, wires=range(3))

    x, weights = draw(made)
    expected = direct(made, x[None], weights)[0]
    np.testing.assert_allclose(
        qiskit_values(to_qiskit(made), made, x, weights), expected, atol=1e-12
    )


def test_parameters_are_bound_by_name_not_by_their_sorted_place(qiskit_values, direct):
    @circuit(wires=1, inputs=12, weights={"b": 11, "a": ()}, observables=qml.Y(0))
    def made(inputs, b, a):
        for k in range(12):
            qml.RX((k + 1) * inputs[..., k], wires=0)
            if k < 11:
                qml.RY(b[k], wires=0)
        qml.RZ(a, wires=0)

    exported = to_qiskit(made)
    names = [parameter.name for parameter in exported.parameters]
    assert names.index("inputs_10") < names.index("inputs_2")
    assert {"a", "b_10", "inputs_11"} <= set(names)
    x, weights = draw(made)
    expected = direct(made, x[None], weights)[0]
    np.testing.assert_allclose(qiskit_values(exported, made, x, weights), expected, atol=1e-12)


def test_a_batch_of_values_is_an_array_for_each_parameter():
    demo = quanvolutional_filter("demo")
    values = parameter_values(demo, np.arange(8.0).reshape(2, 4), {})
    np.testing.assert_array_equal(values["inputs_3"], [3.0, 7.0])
    assert values["angles_1"] == demo.defaults["angles"][1]
    with pytest.raises(UsageError, match="give inputs, weights or both"):
        parameter_values(demo)
    with pytest.raises(UsageError, match=r"\(2, 2, 4\)"):
        parameter_values(demo, np.zeros((2, 2, 4)))


def test_observables_that_are_too_wide():
    made = circuit(wires=7, observables=qml.Projector([0] * 7, wires=range(7)))(
        lambda inputs: qml.RX(inputs[..., 0], wires=0)
    )
    with pytest.raises(CircuitError, match="up to 6 wires"):
        qiskit_observables(made)


def test_names_that_would_collide():
    @circuit(wires=1, weights={"a": 2, "a_0": ()})
    def made(inputs, a, a_0):
        qml.RX(inputs[..., 0] + a[0] + a[1] + a_0, wires=0)

    with pytest.raises(CircuitError, match="'a_0'; rename a weight"):
        to_qiskit(made)


def test_a_function_that_computes_with_numbers_only():
    @circuit(wires=1, weights={"w": ()}, direct_only=True)
    def made(inputs, w):
        qml.RX(inputs[..., 0] * float(np.tanh(w)), wires=0)

    with pytest.raises(CircuitError, match="Bind the weights"):
        to_qiskit(made)
    assert to_qiskit(made, {"w": 0.5}).num_parameters == 1


def test_bound_values_are_checked():
    with pytest.raises(UsageError, match="shape"):
        to_qiskit(edge("pz"), {"theta": [0.0]})
    with pytest.raises(UsageError, match="NaN"):
        to_qiskit(quanvolutional_filter("demo"), {}, inputs=[0, 0, 0, np.nan])
    with pytest.raises(UsageError, match=r"\(\.\.\., 4\)"):
        to_qiskit(quanvolutional_filter("demo"), {}, inputs=[0.0])
