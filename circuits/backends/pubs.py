"""PUBs: what an Estimator takes, made of PennyLane's tapes, and copies of one in one circuit.

Copies do not interact, so each has the expectation values that it has alone, and one circuit runs as many rows of
bindings as there are copies: rows that follow one another, such as the same shift of all edges, stand side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pennylane as qml
from pennylane.devices.preprocess import validate_device_wires, validate_measurements
from pennylane.operation import Operator
from pennylane.transforms.core import CompilePipeline
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.quantum_info import PauliList, SparsePauliOp

from circuits.backends.routes import only
from circuits.errors import UsageError
from circuits.qiskit import (
    ANGLE_GATES,
    FIXED_GATES,
    append,
    has_twin,
    pauli_sum,
    take_apart,
    takes_angles,
)
from circuits.tape import spell

__all__ = ["EstimatorDevice", "Pub", "Template", "pack", "pubs_of", "unpack"]

_KEPT = 256


@dataclass(frozen=True, eq=False)
class Template:
    """A parameterised circuit on logical wires; the same object is transpiled once for each backend.

    Attributes:
        circuit: The circuit, without measurements.
        layout: The device's qubit of each wire, or None to let the transpiler choose.
    """

    circuit: QuantumCircuit
    layout: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False)
class Pub:
    """What an Estimator takes: a circuit, observables, and an array of bindings.

    Attributes:
        template: The circuit.
        observables: On the circuit's qubits; each is estimated for every row.
        values: Shape ``(rows, parameters)``; a column for each of ``template.circuit.parameters``, in their order.
    """

    template: Template
    observables: tuple[SparsePauliOp, ...]
    values: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.values)

    @property
    def bases(self) -> int:
        """In how many bases it is measured: words that commute qubit by qubit share one."""
        words = PauliList(sorted({w for o in self.observables for w in o.paulis.to_labels()}))
        return len(words.group_commuting(qubit_wise=True))


def pubs_of(
    tapes: Sequence[qml.tape.QuantumScript], num_wires: int
) -> tuple[list[Pub], list[tuple[int, slice]]]:
    """Join tapes of the same gates and observables to PUBs, rows one after the other.

    Args:
        tapes: Of gates that have a twin (:func:`circuits.qiskit.has_twin`), on wires 0, 1, ...; a tape may have a
            batch of angles, not of matrices.
        num_wires: The circuits' width.

    Returns:
        The PUBs, and for each tape the index of its PUB and its rows.
    """
    groups: dict[Any, list[int]] = {}
    for index, tape in enumerate(tapes):
        gates = tuple(map(_gate_key, tape.operations))
        groups.setdefault((gates, tuple(_key(m.obs) for m in tape.measurements)), []).append(index)
    pubs: list[Pub] = []
    places: list[tuple[int, slice]] = [(0, slice(0))] * len(tapes)
    for number, ((keys, _), members) in enumerate(groups.items()):
        first = tapes[members[0]]
        rows = [_angles_of(tapes[index]) for index in members]
        start = 0
        for index, part in zip(members, rows, strict=True):
            places[index] = (number, slice(start, start + len(part)))
            start += len(part)
        observables = tuple(pauli_sum(m.obs, num_wires) for m in first.measurements)
        template = _template(_Gates(keys, num_wires, first.operations))
        pubs.append(Pub(template, observables, np.concatenate(rows)))
    return pubs, places


def _angles_of(tape: qml.tape.QuantumScript) -> npt.NDArray[np.float64]:
    """Return the angles of a tape's gates in their order, shape ``(batch or 1, angles)``."""
    size = tape.batch_size or 1
    angles = [np.broadcast_to(a, size) for op in tape.operations for a in _angles(op)]
    return np.stack(angles, axis=1).astype(float) if angles else np.zeros((size, 0))


def _angles(operation: Operator) -> list[Any]:
    return list(operation.data) if takes_angles(operation) else []


def _gate_key(operation: Operator) -> Any:
    if operation.name in ANGLE_GATES or operation.name in FIXED_GATES:
        return operation.name, *operation.wires
    return spell(operation, angles=False) if takes_angles(operation) else _key(operation)


def _key(operator: Operator) -> Any:
    """Return all that an operator is, to the last bit of its numbers."""
    if operator.pauli_rep is not None:
        return tuple((tuple(w.items()), complex(c)) for w, c in operator.pauli_rep.items())
    return spell(operator, angles=False), *(np.asarray(d).tobytes() for d in operator.data)


@dataclass(frozen=True)
class _Gates:
    """A circuit's gates; the operations take no part in comparisons, their keys do."""

    keys: tuple[Any, ...]
    num_wires: int
    operations: Sequence[Operator] = field(compare=False)


@lru_cache(maxsize=_KEPT)
def _template(gates: _Gates) -> Template:
    counts = [len(_angles(op)) for op in gates.operations]
    angles = ParameterVector("angle", sum(counts))
    circuit = QuantumCircuit(gates.num_wires)
    start = 0
    for operation, count in zip(gates.operations, counts, strict=True):
        append(circuit, operation, angles[start : start + count])
        start += count
    return Template(circuit)


RunPubs = Callable[[Sequence[Pub], int | None, int], list[npt.NDArray[np.float64]]]


class EstimatorDevice(qml.devices.Device):  # type: ignore[misc]
    """Runs all tapes of one execution as few PUBs: a tape is a row of bindings, a batch many.

    Args:
        wires: The number of wires.
        name: What the device is called.
        run_pubs: Estimates PUBs with (pubs, shots, seed).
        seeds: Draws the seed of each execution, so that successive samples are independent.
    """

    def __init__(self, wires: int, name: str, run_pubs: RunPubs, seeds: np.random.SeedSequence):
        super().__init__(wires=wires)
        self._name = name
        self._run_pubs = run_pubs
        self._seeds = np.random.default_rng(seeds)

    @property
    def name(self) -> str:  # noqa: D102  (as in PennyLane)
        return self._name

    def preprocess_transforms(
        self, execution_config: qml.devices.ExecutionConfig | None = None
    ) -> CompilePipeline:
        """Return the transforms that leave only what an Estimator takes."""
        pipeline = CompilePipeline()
        pipeline.add_transform(validate_device_wires, self.wires, name=self.name)
        pipeline.add_transform(
            validate_measurements,
            analytic_measurements=_is_expectation,
            sample_measurements=_is_expectation,
            name=self.name,
        )
        pipeline.add_transform(for_pubs)
        return pipeline

    def execute(
        self,
        circuits: Any,
        execution_config: qml.devices.ExecutionConfig | None = None,
    ) -> Any:
        """Run tapes; the result of each is an array or, for several measurements, a tuple of them."""
        tapes = [circuits] if isinstance(circuits, qml.tape.QuantumScript) else list(circuits)
        several = {tape.shots for tape in tapes}
        shots = tapes[0].shots
        if len(several) > 1 or shots.has_partitioned_shots:
            raise UsageError(f"{self.name!r} takes one number of shots, not {several}")
        pubs, places = pubs_of(tapes, len(self.wires))
        seed = int(self._seeds.integers(2**31))
        values = self._run_pubs(pubs, shots.total_shots, seed)
        results = []
        for tape, (pub, rows) in zip(tapes, places, strict=True):
            part = values[pub][rows]
            columns = tuple(part.T if tape.batch_size else part[0])
            results.append(columns if len(columns) > 1 else columns[0])
        return results[0] if isinstance(circuits, qml.tape.QuantumScript) else tuple(results)


def _is_expectation(measurement: Any) -> bool:
    return isinstance(measurement, qml.measurements.ExpectationMP)


@qml.transform  # type: ignore[untyped-decorator]
def for_pubs(tape: qml.tape.QuantumScript) -> tuple[Any, Any]:
    """Decompose what Qiskit has no twin of; make one tape a sample where matrices have a batch."""
    if not all(map(has_twin, tape.operations)):
        tape = tape.copy(operations=take_apart(tape.operations))
    if any(op.batch_size and not takes_angles(op) for op in tape.operations):
        return qml.transforms.broadcast_expand(tape)  # type: ignore[no-any-return]
    return (tape,), only


Places = tuple[tuple[int, ...], ...]


def pack(pub: Pub, places: Places, copies: int, *, start: int = 0, fixed: bool = False) -> Pub:
    """Return the PUB that runs, of each ``copies`` rows that follow one another, those from ``start`` on.

    Args:
        pub: One copy.
        places: The qubits of each copy in this circuit.
        copies: How many there are in all; rows that are missing to a multiple of it are run at angle 0.
        start: The number of the first of them.
        fixed: Whether they are to be put at their places; else all qubits are alike.
    """
    circuits, wires = -(-len(pub) // copies), pub.template.circuit.num_qubits
    values = np.zeros((circuits * copies, pub.values.shape[1]))
    values[: len(pub)] = pub.values
    here = values.reshape(circuits, copies, -1)[:, start : start + len(places)]
    observables = tuple(
        observable.apply_layout(
            list(range(number * wires, (number + 1) * wires)), num_qubits=len(places) * wires
        )
        for number in range(len(places))
        for observable in pub.observables
    )
    template = _side_by_side(pub.template, places if fixed else (), len(places))
    return Pub(template, observables, here.reshape(circuits, -1))


def unpack(
    pub: Pub, parts: Sequence[npt.NDArray[np.float64]], copies: int
) -> npt.NDArray[np.float64]:
    """Return the values of a PUB's rows from the results of all its parts, in their order."""
    rows = -(-len(pub) // copies)
    several = [part.reshape(rows, -1, len(pub.observables)) for part in parts]
    return np.concatenate(several, axis=1).reshape(-1, len(pub.observables))[: len(pub)]


@lru_cache(maxsize=_KEPT)  # the same object is transpiled once for each backend
def _side_by_side(template: Template, places: Places, copies: int) -> Template:
    one = template.circuit
    angles = ParameterVector("angle", copies * one.num_parameters)
    circuit = QuantumCircuit(copies * one.num_qubits)
    for number in range(copies):
        own = angles[number * one.num_parameters : (number + 1) * one.num_parameters]
        wires = range(number * one.num_qubits, (number + 1) * one.num_qubits)
        circuit.compose(one.assign_parameters(list(own)), qubits=wires, inplace=True)
    return Template(circuit, tuple(qubit for place in places for qubit in place) or None)
