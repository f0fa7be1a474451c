"""The script that makes a circuit, run."""

import numpy as np
import pennylane as qml
import pytest
from qiskit.circuit import QuantumCircuit

from circuits import EDGES, FILTERS, circuit, edge, quanvolutional_filter, to_qiskit
from circuits.formats import to_python

LIBRARY = [*(quanvolutional_filter(name) for name in FILTERS), *(edge(name) for name in EDGES)]


@circuit(wires=3, inputs=2, weights={"theta": 2}, observables=[qml.X(0) @ qml.Y(2)])
def odd(inputs, theta):
    qml.Hadamard(0)
    qml.CRX(2 * inputs[..., 0] + theta[0] / 3, wires=[2, 0])
    qml.ctrl(qml.RY, control=[0, 2], control_values=[0, 1])(inputs[..., 1] - 0.1, wires=1)
    qml.ctrl(qml.PhaseShift, control=[1, 2])(theta[1], wires=0)
    qml.adjoint(qml.S(1))
    qml.QubitUnitary(qml.CNOT([0, 1]).matrix() @ np.kron(qml.T(0).matrix(), np.eye(2)), [2, 0])


@pytest.mark.parametrize("made", [*LIBRARY, odd], ids=lambda made: made.name)
@pytest.mark.parametrize("bound", [False, True])
def test_the_script_makes_the_circuit(made, bound, direct, qiskit_values):
    rng = np.random.default_rng(2)
    x, weights = rng.uniform(-3, 3, made.num_inputs), made.random_weights(rng)
    scope = {}
    exec(to_python(to_qiskit(made, weights if bound else None)), scope)
    again = scope["circuit"]
    assert isinstance(again, QuantumCircuit)
    assert again.name == made.name
    expected = direct(made, x[None], weights)[0]
    np.testing.assert_allclose(qiskit_values(again, made, x, weights), expected, atol=1e-12)
