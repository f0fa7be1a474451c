"""A circuit as one parameterised ``QuantumCircuit``, and its observables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pennylane as qml
from pennylane.operation import Channel, Operator, StatePrepBase
from pennylane.ops import Controlled
from qiskit.circuit import Instruction, Parameter, ParameterExpression, QuantumCircuit
from qiskit.circuit import library as gates
from qiskit.circuit.library import UnitaryGate
from qiskit.quantum_info import Kraus, SparsePauliOp

from circuits.catalogue import as_circuit
from circuits.errors import CircuitError, UsageError
from circuits.symbols import Symbols, as_symbols
from circuits.tape import CONVENTIONS, record

if TYPE_CHECKING:
    from circuits.definition import Circuit

__all__ = [
    "ANGLE_GATES",
    "FIXED_GATES",
    "append",
    "has_twin",
    "parameter_names",
    "parameter_values",
    "pauli_sum",
    "qiskit_observables",
    "symbols",
    "take_apart",
    "takes_angles",
    "to_qiskit",
]


def to_qiskit(
    circuit: Circuit | str, weights: Mapping[str, Any] | None = None, *, inputs: Any = None
) -> QuantumCircuit:
    """Return the circuit in Qiskit: qubit k is wire k, and what has no value is a parameter.

    The quantum function itself is run with Qiskit's parameters in place of numbers, so that an angle that is a
    function of an input or a weight becomes an expression of it. Parameters are called ``inputs_0``, ``theta_1_0``;
    bind them by name (:func:`circuits.parameter_values`).

    Args:
        circuit: The circuit, or the name of an edge or a filter.
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
    circuit = as_circuit(circuit)
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


def qiskit_observables(circuit: Circuit | str) -> list[SparsePauliOp]:
    """Return the circuit's observables as sums of Pauli words on the qubits of :func:`to_qiskit`.

    Example:
        >>> from circuits import quanvolutional_filter
        >>> [o.paulis.to_labels() for o in qiskit_observables(quanvolutional_filter("demo"))][:2]
        [['IIIZ'], ['IIZI']]
    """
    circuit = as_circuit(circuit)
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
    value = np.asarray(angle).item() if isinstance(angle, np.ndarray) and angle.ndim == 0 else angle
    return value if isinstance(value, ParameterExpression) else float(value)


def parameter_names(name: str, shape: tuple[int, ...]) -> list[str]:
    """Return the parameters' names for an array, in row-major order.

    They are valid in OpenQASM as they are: a name and its indices joined by underscores.

    Example:
        >>> parameter_names("theta", (2, 2))
        ['theta_0_0', 'theta_0_1', 'theta_1_0', 'theta_1_1']
        >>> parameter_names("phi", ())
        ['phi']
    """
    return ["_".join([name, *map(str, index)]) for index in product(*map(range, shape))]


def symbols(circuit: Circuit) -> dict[str, Symbols]:
    """Return arrays of parameters: ``inputs``, and every weight by its name.

    Raises:
        CircuitError: If two of them would be called the same.
    """
    shapes = {"inputs": (circuit.num_inputs,), **circuit.weight_shapes}
    names = {array: parameter_names(array, shape) for array, shape in shapes.items()}
    every = [name for several in names.values() for name in several]
    twice = sorted({name for name in every if every.count(name) > 1})
    if twice:
        raise CircuitError(
            f"circuit {circuit.name!r}: two parameters would be called {twice[0]!r}; rename a weight"
        )
    return {
        array: as_symbols(np.reshape([Parameter(name) for name in names[array]], shape))
        for array, shape in shapes.items()
    }


def parameter_values(
    circuit: Circuit, inputs: Any = None, weights: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the value of each parameter by its name, for ``QuantumCircuit.assign_parameters`` or a PUB.

    Qiskit sorts parameters by name, so values are best bound by name, never by position.

    Args:
        circuit: The circuit.
        inputs: One row, or a batch ``(N, num_inputs)``, which gives an array of N values for each input; None
            leaves the inputs out.
        weights: The weights by name; those left out take the circuit's defaults; None leaves all weights out.

    Raises:
        UsageError: If a shape or a name is wrong, or nothing was given.

    Example:
        >>> from circuits import quanvolutional_filter
        >>> parameter_values(quanvolutional_filter("demo"), inputs=[0.0, 0.1, 0.2, 0.3])
        {'inputs_0': 0.0, 'inputs_1': 0.1, 'inputs_2': 0.2, 'inputs_3': 0.3}
    """
    if inputs is None and weights is None:
        raise UsageError(f"values of circuit {circuit.name!r}: give inputs, weights or both")
    values: dict[str, Any] = {}
    if inputs is not None:
        rows = circuit.check_inputs(inputs)
        if rows.ndim > 2:
            raise UsageError(
                f"inputs of circuit {circuit.name!r} have shape ({circuit.num_inputs},) or "
                f"(N, {circuit.num_inputs}) here; {rows.shape} arrived"
            )
        columns = rows.T if rows.ndim == 2 else rows.tolist()
        values |= zip(parameter_names("inputs", (circuit.num_inputs,)), columns, strict=True)
    if weights is not None:
        for name, value in circuit.check_weights(weights).items():
            values |= zip(parameter_names(name, value.shape), value.ravel().tolist(), strict=True)
    return values


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


_MOST_WIRES = 6
"""A matrix on six wires is a sum of up to 4,096 Pauli words."""


def pauli_sum(observable: Operator, num_wires: int) -> SparsePauliOp:
    """Return an observable as a sum of Pauli words, qubit k being wire k.

    Words are given by their wires, so that nobody has to think of the order in which labels are written.

    Args:
        observable: Any Hermitian operator of PennyLane on the wires 0, 1, ...
        num_wires: The circuit's width.

    Raises:
        CircuitError: If it is neither a sum of Pauli words nor a matrix on a few wires.

    Example:
        >>> pauli_sum(qml.X(0) @ qml.Y(2), num_wires=3)
        SparsePauliOp(['YIX'], coeffs=[1.+0.j])
    """
    words = observable.pauli_rep
    if words is None:
        wires = observable.wires
        if len(wires) > _MOST_WIRES or not observable.has_matrix:
            raise CircuitError(
                f"an Estimator measures sums of Pauli words, and {observable} on {len(wires)} wires is none; "
                f"matrices are decomposed up to {_MOST_WIRES} wires"
            )
        with qml.QueuingManager.stop_recording():
            matrix = np.asarray(qml.matrix(observable, wire_order=wires))
            words = qml.pauli_decompose(matrix, wire_order=wires, pauli=True)
    terms = [
        ("".join(word.values()), list(word.keys()), complex(factor))
        for word, factor in words.items()
    ]
    return SparsePauliOp.from_sparse_list(terms or [("", [], 0.0)], num_qubits=num_wires)
