"""QPY, OpenQASM 3 and 2: what is read back is what was written."""

import numpy as np
import pennylane as qml
import pytest
from qiskit import qasm2, qasm3

from circuits import (
    EDGES,
    FILTERS,
    UsageError,
    circuit,
    edge,
    from_qpy,
    parameter_values,
    quanvolutional_filter,
    to_qasm2,
    to_qasm3,
    to_qiskit,
    to_qpy,
)
from circuits.formats import to_python

LIBRARY = [*(quanvolutional_filter(name) for name in FILTERS), *(edge(name) for name in EDGES)]


@circuit(
    wires=3,
    inputs=2,
    weights={"theta": 2},
    observables=[qml.X(0) @ qml.Y(2)],
    name='an "odd" one',
    direct_only=True,
)
def odd(inputs, theta):
    qml.Hadamard(0)
    qml.CRX(2 * inputs[..., 0] + theta[0], wires=[2, 0])
    qml.IsingXX(inputs[..., 1], wires=[0, 1])
    qml.ctrl(qml.RY(np.pi * inputs[..., 0], wires=1), control=[0, 2], control_values=[0, 1])
    qml.ctrl(qml.PhaseShift, control=[1, 2])(theta[1], wires=0)
    qml.Barrier(wires=[0, 2])
    qml.CPhase(0.3, wires=[0, 1])
    qml.U3(0.1, theta[0] / 3, 0.3, wires=0)
    qml.CRot(0.1, 0.2, inputs[..., 0], wires=[2, 1])
    qml.QubitUnitary(qml.CNOT([0, 1]).matrix() @ np.kron(qml.T(0).matrix(), np.eye(2)), [2, 0])
    qml.PhaseShift(theta[1], wires=2)


@pytest.mark.parametrize("made", [*LIBRARY, odd], ids=lambda made: made.name)
def test_round_trips(made, direct, qiskit_values):
    rng = np.random.default_rng(1)
    x, weights = rng.uniform(-3, 3, made.num_inputs), made.random_weights(rng)
    expected = direct(made, x[None], weights)[0]
    exported = to_qiskit(made)

    (again,) = from_qpy(to_qpy(exported))
    assert again == exported
    assert again.name == made.name

    read = qasm3.loads(to_qasm3(made))
    assert {p.name for p in read.parameters} == {p.name for p in exported.parameters}
    values = parameter_values(made, x, weights)
    values = {p.name: values[p.name] for p in exported.parameters}
    np.testing.assert_allclose(qiskit_values(read, made, x, weights), expected, atol=1e-12)
    if made is not odd:  # a matrix comes back as the gates that it was written by
        assert qasm3.dumps(read) == to_qasm3(made)
        bound = read.assign_parameters(values)
        assert bound.count_ops() == exported.assign_parameters(values).count_ops()

    bound = qasm2.loads(to_qasm2(made, x, weights))
    np.testing.assert_allclose(qiskit_values(bound, made), expected, atol=1e-12)


def test_several_circuits_in_one_qpy():
    circuits = [to_qiskit(edge(name)) for name in ("pz", "rpz")]
    assert from_qpy(to_qpy(circuits)) == circuits


def test_qasm2_needs_every_weight():
    with pytest.raises(UsageError, match="missing"):
        to_qasm2(edge("pz"), [0.0])


@pytest.mark.parametrize("made", [*LIBRARY, odd], ids=lambda made: made.name)
@pytest.mark.parametrize("bound", [False, True])
def test_the_script_makes_the_circuit(made, bound, direct, qiskit_values):
    rng = np.random.default_rng(2)
    x, weights = rng.uniform(-3, 3, made.num_inputs), made.random_weights(rng)
    scope = {}
    exec(to_python(to_qiskit(made, weights if bound else None)), scope)
    again = scope["circuit"]
    assert again.name == made.name
    expected = direct(made, x[None], weights)[0]
    np.testing.assert_allclose(qiskit_values(again, made, x, weights), expected, atol=1e-12)
