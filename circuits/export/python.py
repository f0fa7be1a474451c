"""A Qiskit circuit as a Python script that makes it."""

from __future__ import annotations

import numpy as np
from qiskit.circuit import CircuitInstruction, Gate, ParameterExpression, QuantumCircuit
from qiskit.circuit.library import UnitaryGate, get_standard_gate_name_mapping

__all__ = ["to_python"]

_METHODS = frozenset(get_standard_gate_name_mapping()) & frozenset(dir(QuantumCircuit))


def to_python(circuit: QuantumCircuit) -> str:
    """Return a script whose ``circuit`` is this one; gates that have no method of their own are decomposed.

    Args:
        circuit: A circuit of gates, without measurements.

    Example:
        >>> from circuits import edge, to_qiskit
        >>> print(to_python(to_qiskit(edge("real(depth=1)"))))
        from qiskit.circuit import Parameter, QuantumCircuit
        <BLANKLINE>
        inputs_0 = Parameter("inputs_0")
        theta_0 = Parameter("theta_0")
        circuit = QuantumCircuit(1, name="real(depth=1)")
        circuit.h(0)
        circuit.x(0)
        circuit.ry(theta_0, 0)
        circuit.z(0)
        circuit.ry(inputs_0, 0)
        <BLANKLINE>
    """
    lines = ["from qiskit.circuit import Parameter, QuantumCircuit", ""]
    lines += [f'{p.name} = Parameter("{p.name}")' for p in circuit.parameters]
    lines.append(f'circuit = QuantumCircuit({circuit.num_qubits}, name="{circuit.name}")')
    for instruction in circuit.data:
        qubits = [circuit.find_bit(qubit).index for qubit in instruction.qubits]
        lines += _lines(instruction, qubits)
    return "\n".join(lines) + "\n"


def _lines(instruction: CircuitInstruction, qubits: list[int]) -> list[str]:
    gate = instruction.operation
    if isinstance(gate, UnitaryGate):
        matrix = np.asarray(gate.to_matrix()).tolist()
        return [f"circuit.unitary({matrix}, {qubits})"]
    closed = 2 ** getattr(gate, "num_ctrl_qubits", 0) - 1
    if gate.name in _METHODS and getattr(gate, "ctrl_state", closed) == closed:
        return [f"circuit.{gate.name}({', '.join([*map(_text, gate.params), *map(str, qubits)])})"]
    return _decomposed(gate, qubits)


def _decomposed(gate: Gate, qubits: list[int]) -> list[str]:
    definition = gate.definition
    return [
        line
        for inner in definition.data
        for line in _lines(inner, [qubits[definition.find_bit(q).index] for q in inner.qubits])
    ]


def _text(angle: ParameterExpression | float) -> str:
    return str(angle) if isinstance(angle, ParameterExpression) else repr(float(angle))
