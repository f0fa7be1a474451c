"""Exported circuits as text or bytes: OpenQASM 3 and 2, QPY, and back."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit import qasm2, qasm3, qpy, transpile
from qiskit.circuit import Barrier, CircuitInstruction, Gate, ParameterExpression, QuantumCircuit
from qiskit.circuit.library import UnitaryGate, get_standard_gate_name_mapping

from circuits.qiskit import to_qiskit

if TYPE_CHECKING:
    from circuits.definition import Circuit

__all__ = [
    "dump_qasm2",
    "dump_qasm3",
    "from_qpy",
    "to_python",
    "to_qasm2",
    "to_qasm3",
    "to_qpy",
]


_STANDARD = frozenset(
    (
        *("p", "x", "y", "z", "h", "s", "sdg", "t", "tdg", "sx", "rx", "ry", "rz", "u"),
        *("cx", "cy", "cz", "cp", "crx", "cry", "crz", "ch", "swap", "ccx", "cu"),
    )
)
"""Gates of the include file of OpenQASM 3 that take angles, and others."""

_QELIB = [
    *("id", "x", "y", "z", "h", "s", "sdg", "t", "tdg", "rx", "ry", "rz", "u1", "u2", "u3"),
    *("cx", "cy", "cz", "ch", "ccx", "crz", "cu1", "cu3"),
]
"""Gates of the include file of OpenQASM 2, as its readers know it."""


def to_qasm3(
    circuit: Circuit | str, weights: Mapping[str, Any] | None = None, *, inputs: Any = None
) -> str:
    """Return the circuit in OpenQASM 3; free parameters are declared as ``input float[64]``.

    Args:
        circuit: The circuit, or the name of an edge or a filter.
        weights: As in :func:`circuits.to_qiskit`.
        inputs: As in :func:`circuits.to_qiskit`.

    Example:
        >>> from circuits import edge
        >>> print(to_qasm3(edge("real(depth=1)"), weights={"theta": [0.5]}))
        OPENQASM 3.0;
        include "stdgates.inc";
        input float[64] inputs_0;
        qubit[1] q;
        h q[0];
        x q[0];
        ry(0.5) q[0];
        z q[0];
        ry(inputs_0) q[0];
        <BLANKLINE>
    """
    return dump_qasm3(to_qiskit(circuit, weights, inputs=inputs))


def dump_qasm3(circuit: QuantumCircuit) -> str:
    """Return a Qiskit circuit in OpenQASM 3."""
    text: str = qasm3.dumps(_spelled_out(circuit))
    return text


def _spelled_out(circuit: QuantumCircuit) -> QuantumCircuit:
    """Take gates of expressions apart that the language lacks: Qiskit would declare their expression twice."""
    result = circuit.copy_empty_like()
    for instruction in circuit.data:
        gate, qubits = instruction.operation, instruction.qubits
        free = any(isinstance(angle, ParameterExpression) for angle in gate.params)
        if free and gate.name not in _STANDARD and gate.definition is not None:
            inner = _spelled_out(gate.definition)
            for part in inner.data:
                places = [qubits[inner.find_bit(qubit).index] for qubit in part.qubits]
                result.append(part.operation, places)
        else:
            result.append(instruction)
    return result


def to_qasm2(circuit: Circuit | str, inputs: Any, weights: Mapping[str, Any] | None = None) -> str:
    """Return the circuit in OpenQASM 2, which knows no parameters: everything is bound.

    Args:
        circuit: The circuit, or the name of an edge or a filter.
        inputs: One row of inputs.
        weights: The weights; those left out take the circuit's defaults.

    Raises:
        UsageError: If a weight has neither a value nor a default.
    """
    return dump_qasm2(to_qiskit(circuit, weights or {}, inputs=inputs))


def dump_qasm2(circuit: QuantumCircuit) -> str:
    """Return a Qiskit circuit without parameters in OpenQASM 2."""
    text: str = qasm2.dumps(transpile(circuit, basis_gates=_QELIB, optimization_level=0))
    return text


def to_qpy(circuits: QuantumCircuit | Sequence[QuantumCircuit]) -> bytes:
    """Return one or several Qiskit circuits in QPY, Qiskit's own format, which loses nothing.

    Example:
        >>> from circuits import edge
        >>> (again,) = from_qpy(to_qpy(to_qiskit(edge("pz"))))
        >>> again.num_parameters
        9
    """
    stream = io.BytesIO()
    qpy.dump(circuits, stream)
    return stream.getvalue()


def from_qpy(content: bytes) -> list[QuantumCircuit]:
    """Return the circuits in the bytes of a QPY file."""
    loaded: list[QuantumCircuit] = qpy.load(io.BytesIO(content))
    return loaded


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
    lines = [f"{p.name} = Parameter({json.dumps(p.name)})" for p in circuit.parameters]
    lines.append(f"circuit = QuantumCircuit({circuit.num_qubits}, name={json.dumps(circuit.name)})")
    for instruction in circuit.data:
        qubits = [circuit.find_bit(qubit).index for qubit in instruction.qubits]
        lines += _lines(instruction, qubits)
    text = "\n".join(lines)
    used = [f"{f} as {name}" for name, f in _FUNCTIONS.items() if re.search(rf"\b{name}\(", text)]
    head = f"from numpy import {', '.join(used)}\n" if used else ""
    return f"{head}from qiskit.circuit import Parameter, QuantumCircuit\n\n{text}\n"


_FUNCTIONS = {
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "exp": "exp",
    "log": "log",
    "sqrt": "sqrt",
}
"""NumPy's functions, which take expressions, by the names in an expression's text."""


def _lines(instruction: CircuitInstruction, qubits: list[int]) -> list[str]:
    gate = instruction.operation
    if isinstance(gate, UnitaryGate):
        matrix = np.asarray(gate.to_matrix()).tolist()
        return [f"circuit.unitary({matrix}, {qubits})"]
    if isinstance(gate, Barrier):
        return [f"circuit.barrier({qubits})"]
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
