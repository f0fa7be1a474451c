"""The slow twin of every fast path: one hand-made QNode call a row."""

import numpy as np
import pennylane as qml
import pytest

from circuits import series_from_values


@pytest.fixture(scope="session")
def direct():
    """Expectation values as a user would compute them, without batches, series or light cones."""

    def values(circuit, inputs, weights=None, function=None):
        weights = dict(circuit.defaults) | dict(weights or {})
        gates = function or circuit.function

        @qml.qnode(qml.device("default.qubit", wires=circuit.num_wires))
        def node(row):
            with qml.queuing.AnnotatedQueue() as queue:
                gates(row[0] if circuit.convention == "scalar" else row, **weights)
            for gate in qml.tape.QuantumScript.from_queue(queue).operations:
                qml.apply(gate)
            return [qml.expval(observable) for observable in circuit.observables]

        return np.array([[float(value) for value in node(row)] for row in inputs])

    return values


@pytest.fixture(scope="session")
def batched():
    """Expectation values of many rows in one default.qubit execution."""

    def values(circuit, inputs, weights=None):
        weights = dict(circuit.defaults) | dict(weights or {})
        node = qml.QNode(circuit.qfunc, qml.device("default.qubit", wires=circuit.num_wires))
        results = [np.broadcast_to(value, len(inputs)) for value in node(inputs, **weights)]
        return np.stack(results, axis=-1)

    return values


@pytest.fixture(scope="session")
def series_of(direct):
    """A circuit's series at given weights, from node values that were run one by one."""

    def make(circuit, weights=None):
        return series_from_values(circuit, direct(circuit, circuit.plan.inputs, weights))

    return make
