"""PennyLane's gates in Qiskit: which gate is which, and taking apart those that have no twin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.operation import Channel, Operator, StatePrepBase
from pennylane.ops import Controlled
from qiskit.circuit import Instruction, QuantumCircuit
from qiskit.circuit import library as gates
from qiskit.circuit.library import UnitaryGate
from qiskit.quantum_info import Kraus

from circuits.errors import CircuitError

__all__ = ["ANGLE_GATES", "FIXED_GATES", "append", "has_twin", "take_apart", "takes_angles"]

ANGLE_GATES: dict[str, Callable[..., Instruction]] = {
    "RX": gates.RXGate,
    "RY": gates.RYGate,
    "RZ": gates.RZGate,
    "PhaseShift": gates.PhaseGate,
    "U1": gates.PhaseGate,
    "U2": lambda phi, delta: gates.UGate(np.pi / 2, phi, delta),
    "U3": gates.UGate,
    "CRX": gates.CRXGate,
    "CRY": gates.CRYGate,
    "CRZ": gates.CRZGate,
    "ControlledPhaseShift": gates.CPhaseGate,
    "IsingXX": gates.RXXGate,
    "IsingYY": gates.RYYGate,
    "IsingZZ": gates.RZZGate,
}
"""Gates of angles, by PennyLane's name; the wires come in the same order."""

FIXED_GATES: dict[str, Callable[[], Instruction]] = {
    "Identity": gates.IGate,
    "Hadamard": gates.HGate,
    "PauliX": gates.XGate,
    "PauliY": gates.YGate,
    "PauliZ": gates.ZGate,
    "S": gates.SGate,
    "T": gates.TGate,
    "SX": gates.SXGate,
    "Adjoint(S)": gates.SdgGate,
    "Adjoint(T)": gates.TdgGate,
    "Adjoint(SX)": gates.SXdgGate,
    "CNOT": gates.CXGate,
    "CY": gates.CYGate,
    "CZ": gates.CZGate,
    "CH": gates.CHGate,
    "SWAP": gates.SwapGate,
    "ISWAP": gates.iSwapGate,
    "ECR": gates.ECRGate,
    "CCZ": gates.CCZGate,
    "Toffoli": gates.CCXGate,
    "CSWAP": gates.CSwapGate,
}
"""Gates without numbers, by PennyLane's name."""

_MATRIX_WIRES = 6
"""A gate on more wires is not turned into its matrix."""

_NO_OPERATION = frozenset({"Snapshot", "WireCut", "GlobalPhase"})
"""What changes no expectation value."""


def has_twin(operation: Operator) -> bool:
    """Whether :func:`append` takes the operation as it is."""
    if operation.name in _NO_OPERATION or isinstance(
        operation, qml.QubitUnitary | Channel | qml.Barrier
    ):
        return True
    return _twin(operation) is not None


def takes_angles(operation: Operator) -> bool:
    """Whether the numbers of an operation with a twin are angles, not matrices or probabilities."""
    if isinstance(operation, Controlled) and operation.name not in FIXED_GATES:
        return operation.name in ANGLE_GATES or takes_angles(operation.base)
    return operation.name in ANGLE_GATES


def _twin(operation: Operator) -> Callable[..., Instruction] | None:
    """Return what makes the gate in Qiskit from its angles, with its wires in the same order."""
    name = operation.name
    known = ANGLE_GATES.get(name) or FIXED_GATES.get(name)
    if known is not None or not isinstance(operation, Controlled):
        return known
    base = _twin(operation.base)
    if base is None:
        return None
    values = [int(value) for value in operation.control_values]
    state = sum(value << place for place, value in enumerate(values))
    return lambda *angles: base(*angles).control(len(values), ctrl_state=state, annotated=False)


def take_apart(operations: Iterable[Operator]) -> list[Operator]:
    """Decompose operations until each of them has a twin in Qiskit.

    What PennyLane can decompose, it decomposes; else a gate of known matrix becomes that matrix.

    Raises:
        CircuitError: If neither is possible.
    """
    result: list[Operator] = []
    for operation in operations:
        if has_twin(operation):
            result.append(operation)
        elif operation.has_decomposition:
            with qml.QueuingManager.stop_recording():
                result.extend(take_apart(operation.decomposition()))
        else:
            result.append(_as_matrix(operation))
    return result


def append(target: QuantumCircuit, operation: Operator, angles: Sequence[Any]) -> None:
    """Append an operation that has a twin; ``angles`` stand in for its parameters.

    PennyLane's first wire is a matrix's most significant one, Qiskit's the least: matrices are appended with their
    wires reversed, gates by name are not.

    Args:
        target: The circuit; its qubits are the wires 0, 1, ...
        operation: The gate or channel.
        angles: Numbers, parameters or expressions, as many as an angle gate has.
    """
    wires = operation.wires.tolist()
    twin = _twin(operation)
    if operation.name in _NO_OPERATION:
        return
    if isinstance(operation, qml.Barrier):
        target.barrier(wires)
    elif operation.name == "Identity":  # of any number of wires
        for wire in wires:
            target.append(gates.IGate(), [wire])
    elif twin is not None:
        target.append(twin(*angles), wires)
    elif isinstance(operation, Channel):
        kraus = [np.asarray(matrix) for matrix in operation.kraus_matrices()]
        target.append(Kraus(kraus).to_instruction(), wires[::-1])
    else:
        target.append(UnitaryGate(np.asarray(operation.matrix())), wires[::-1])


def _as_matrix(operation: Operator) -> Operator:
    small = len(operation.wires) <= _MATRIX_WIRES and not isinstance(operation, StatePrepBase)
    try:
        if small and operation.has_matrix:
            matrix = np.asarray(operation.matrix(), dtype=complex)
            return qml.QubitUnitary(matrix, wires=operation.wires)
    except (TypeError, ValueError, AttributeError):
        pass  # an angle is a symbol, which this matrix cannot be made of
    raise CircuitError(
        f"{operation.name} on wires {operation.wires.tolist()} has no twin in Qiskit and no decomposition in "
        f"PennyLane; write it by gates such as {', '.join(list(ANGLE_GATES)[:3])}, CNOT"
    )
