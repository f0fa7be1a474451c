"""A circuit as one parameterised ``QuantumCircuit``, and its observables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pennylane as qml
from qiskit.circuit import ParameterExpression, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from circuits.errors import CircuitError
from circuits.export.gates import append, take_apart, takes_angles
from circuits.export.observables import pauli_sum
from circuits.export.symbols import symbols
from circuits.tape import CONVENTIONS, record

if TYPE_CHECKING:
    from circuits.definition import Circuit

__all__ = ["qiskit_observables", "to_qiskit"]


def to_qiskit(
    circuit: Circuit, weights: Mapping[str, Any] | None = None, *, inputs: Any = None
) -> QuantumCircuit:
    """Return the circuit in Qiskit: qubit k is wire k, and what has no value is a parameter.

    The quantum function itself is run with Qiskit's parameters in place of numbers, so that an angle that is a
    function of an input or a weight becomes an expression of it. Parameters are called ``inputs_0``, ``theta_1_0``;
    bind them by name (:func:`circuits.parameter_values`).

    Args:
        circuit: The circuit.
        weights: None leaves the weights free. A mapping binds them; those left out take the circuit's defaults.
        inputs: One row of inputs to bind, or None to leave them free.

    Raises:
        CircuitError: If a gate has no twin in Qiskit and no decomposition, or the function computes angles in a way
            that parameters cannot go.

    Example:
        >>> from circuits import edge
        >>> qc = to_qiskit(edge("pz(depth=1)"))
        >>> [parameter.name for parameter in qc.parameters]
        ['inputs_0', 'theta_0_0', 'theta_0_1', 'theta_1_0', 'theta_1_1']
        >>> to_qiskit(edge("pz(depth=1)"), weights={"theta": [[0, 0], [0, 0]]}).num_parameters
        1
    """
    values: dict[str, Any] = dict(symbols(circuit))
    if weights is not None:
        values |= circuit.check_weights(weights)
    if inputs is not None:
        values["inputs"] = circuit.check_inputs(inputs).reshape(circuit.num_inputs)
    target = QuantumCircuit(circuit.num_wires, name=circuit.name)
    for operation in _operations(circuit, values):
        angles = operation.data if takes_angles(operation) else ()
        append(target, operation, [_plain(angle) for angle in angles])
    return target


def qiskit_observables(circuit: Circuit) -> list[SparsePauliOp]:
    """Return the circuit's observables as sums of Pauli words on the qubits of :func:`to_qiskit`.

    Example:
        >>> from circuits import quanvolutional_filter
        >>> [o.paulis.to_labels() for o in qiskit_observables(quanvolutional_filter("demo"))][:2]
        [['IIIZ'], ['IIZI']]
    """
    return [pauli_sum(observable, circuit.num_wires) for observable in circuit.observables]


def _operations(circuit: Circuit, values: dict[str, Any]) -> list[qml.operation.Operator]:
    inputs = CONVENTIONS[circuit.convention](values.pop("inputs"))
    try:
        operations, _ = record(circuit.function, inputs, values)
        return take_apart(operations)
    except CircuitError:
        raise
    except Exception as error:  # whatever a user's function does with something that is no number
        raise CircuitError(
            f"circuit {circuit.name!r} cannot be exported with free parameters: {type(error).__name__}: {error}. "
            "Bind the weights or the inputs that its function computes with, or compute angles by NumPy's "
            "functions, which parameters understand"
        ) from error


def _plain(angle: Any) -> ParameterExpression | float:
    """Return a parameter or an expression out of the array that holds it, else a number."""
    value = angle.item() if isinstance(angle, np.ndarray) and angle.ndim == 0 else angle
    return value if isinstance(value, ParameterExpression) else float(value)
