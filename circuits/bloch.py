r"""One-wire circuits as rotations of the Bloch vector, read off their gates.

A gate about axis :math:`p` by the angle :math:`r s x + \sum_j A_j \theta_j + c` turns the Bloch vector about :math:`p`;
any other gate is a fixed rotation. A circuit of such gates on one wire is a short program that an array library runs
for many circuits at once, without PennyLane.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.operation import Operator

from circuits.definition import Circuit
from circuits.errors import CircuitError
from circuits.symbols import Form

__all__ = ["BlochProgram", "Fixed", "Rotation", "bloch_program"]

_AXES = {"RX": 0, "RY": 1, "RZ": 2, "PhaseShift": 2}
_TOLERANCE = 1e-12

_PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])


@dataclass(frozen=True)
class Rotation:
    """A rotation about an axis, by the angle ``angles[row] + harmonic * scale * x``.

    Attributes:
        axis: 0, 1, 2 for x, y, z.
        row: The row of :attr:`BlochProgram.weights` and :attr:`BlochProgram.constants`, or None for the input alone.
        harmonic: How often the scaled input is in the angle.
    """

    axis: int
    row: int | None
    harmonic: int


@dataclass(frozen=True, eq=False)
class Fixed:
    """A rotation that neither inputs nor weights change, as a 3 x 3 matrix."""

    matrix: np.ndarray


@dataclass(frozen=True, eq=False)
class BlochProgram:
    """What a one-wire circuit does to the Bloch vector (0, 0, 1), and how it is read out.

    Attributes:
        steps: In time order.
        weights: The matrix that takes the flattened weights, in the circuit's order, to the angles.
        constants: What is added to each angle.
        observable: The components of the observable along the identity, X, Y and Z.
    """

    steps: tuple[Rotation | Fixed, ...]
    weights: np.ndarray
    constants: np.ndarray
    observable: tuple[float, float, float, float]


def bloch_program(circuit: Circuit) -> BlochProgram:
    """Return the program of a circuit.

    Raises:
        CircuitError: If the circuit is not of this kind; the message says why.

    Example:
        >>> from circuits.edges import edge
        >>> program = bloch_program(edge("pz(depth=1)"))
        >>> [(step.axis, step.row, step.harmonic) for step in program.steps[1:]]
        [(2, 0, 0), (1, 1, 0), (2, None, 1), (2, 2, 0), (1, 3, 0)]
    """
    circuit.require_series()
    if circuit.num_wires != 1 or circuit.num_inputs != 1 or circuit.num_observables != 1:
        raise _error(circuit, "it does not have one wire, one input and one observable")
    table = circuit.table
    if table.problem is not None:
        raise _error(circuit, table.problem)
    steps: list[Rotation | Fixed] = []
    rows: list[np.ndarray] = []
    constants: list[float] = []
    gates = [part for whole in table.symbolic_gates() for part in _apart(circuit, whole)]
    for gate in gates:
        if gate.name not in _AXES:
            steps.append(Fixed(_rotation(qml.matrix(gate))))
            continue
        form = Form.of(np.asarray(gate.data[0], dtype=object).item())
        if form.bent:
            raise _error(circuit, "an angle is not linear in the weights")
        weights = np.array([form.rates.get(1 + j, 0.0) for j in range(table.num_weights)])
        rate = float(_tidy(form.rates.get(0, 0.0) / circuit.scales[0]))
        if rate != round(rate):
            raise _error(circuit, "the input enters at a rate that is no multiple of the scale")
        turns = bool(np.any(weights) or form.constant)
        if turns or rate:
            steps.append(Rotation(_AXES[gate.name], len(rows) if turns else None, int(rate)))
        if turns:
            rows.append(weights)
            constants.append(form.constant)
    matrix = qml.matrix(circuit.observables[0], wire_order=[0])
    parts = [float(np.trace(p @ matrix).real / 2) for p in (np.eye(2), *_PAULI)]
    return BlochProgram(
        tuple(steps),
        np.reshape(rows, (len(rows), table.num_weights)),
        np.array(constants),
        (parts[0], parts[1], parts[2], parts[3]),
    )


def _apart(circuit: Circuit, gate: Operator) -> list[Operator]:
    if gate.name in {"GlobalPhase", "Identity", "Barrier"}:
        return []
    if gate.name in _AXES or not gate.num_params:
        return [gate]
    if isinstance(gate, qml.QubitUnitary) or not gate.has_decomposition:
        raise _error(circuit, f"{gate.name} is no rotation about x, y or z")
    try:
        with qml.QueuingManager.stop_recording():
            parts = gate.decomposition()
    except Exception as error:  # whatever a gate does with symbols
        raise _error(circuit, f"{gate.name} cannot be taken apart ({error})") from error
    return [part for piece in parts for part in _apart(circuit, piece)]


def _rotation(unitary: np.ndarray) -> np.ndarray:
    """Return the rotation of the Bloch vector, R_ab = tr(P_a U P_b U^+) / 2."""
    matrix: np.ndarray = np.einsum(
        "aij,jk,bkl,il->ab", _PAULI, unitary, _PAULI, unitary.conj()
    ).real
    return _tidy(matrix / 2)


def _tidy(values: Any) -> np.ndarray:
    """Take rounding noise off whole numbers."""
    whole = np.round(values)
    tidy: np.ndarray = np.where(np.abs(values - whole) < _TOLERANCE, whole, values)
    return tidy


def _error(circuit: Circuit, reason: str) -> CircuitError:
    return CircuitError(
        f"circuit {circuit.name!r} has no closed form: {reason}. Evaluate it with evaluate='fourier'."
    )
