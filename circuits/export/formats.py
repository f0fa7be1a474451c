"""Exported circuits as text or bytes: OpenQASM 3 and 2, QPY, and back."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qiskit import qasm2, qasm3, qpy
from qiskit.circuit import QuantumCircuit

from circuits.export.convert import to_qiskit

if TYPE_CHECKING:
    from circuits.definition import Circuit

__all__ = ["from_qpy", "to_qasm2", "to_qasm3", "to_qpy"]


def to_qasm3(
    circuit: Circuit, weights: Mapping[str, Any] | None = None, *, inputs: Any = None
) -> str:
    """Return the circuit in OpenQASM 3; free parameters are declared as ``input float[64]``.

    Args:
        circuit: The circuit.
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
    text: str = qasm3.dumps(to_qiskit(circuit, weights, inputs=inputs))
    return text


def to_qasm2(circuit: Circuit, inputs: Any, weights: Mapping[str, Any] | None = None) -> str:
    """Return the circuit in OpenQASM 2, which knows no parameters: everything is bound.

    Args:
        circuit: The circuit.
        inputs: One row of inputs.
        weights: The weights; those left out take the circuit's defaults.

    Raises:
        UsageError: If a weight has neither a value nor a default.
    """
    text: str = qasm2.dumps(to_qiskit(circuit, weights or {}, inputs=inputs))
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
