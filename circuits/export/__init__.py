"""Circuits in Qiskit's terms: parameterised circuits, Pauli sums, OpenQASM and QPY."""

from circuits.export.convert import qiskit_observables, to_qiskit
from circuits.export.formats import from_qpy, to_qasm2, to_qasm3, to_qpy
from circuits.export.python import to_python
from circuits.export.symbols import parameter_values

__all__ = [
    "from_qpy",
    "parameter_values",
    "qiskit_observables",
    "to_python",
    "to_qasm2",
    "to_qasm3",
    "to_qiskit",
    "to_qpy",
]
