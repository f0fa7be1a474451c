"""Backends that are driven by a Qiskit Estimator: transpiled once, one PUB with an array of bindings."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pennylane as qml
from qiskit.circuit import ParameterExpression, QuantumCircuit
from qiskit.transpiler import generate_preset_pass_manager
from qiskit.transpiler.exceptions import TranspilerError

from circuits.backends.base import Backend
from circuits.backends.packing import Packing, placements
from circuits.backends.pubs import EstimatorDevice, Pub, Template, pack, unpack
from circuits.definition import Spectrum
from circuits.errors import UsageError
from circuits.spectrum import GateSpectrum, common_unit, cone_degrees

if TYPE_CHECKING:
    from qiskit.providers import BackendV2
    from qiskit.transpiler import Target

    from circuits.definition import Circuit

__all__ = ["EstimatorBackend", "packed", "placed", "transpiled"]

_SEED = 0
"""The transpiler draws; with one seed the same circuit is the same on the device every time."""

_TRANSPILED = 256

_ONE_AND_TWO = ("u", "cx")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EstimatorBackend(Backend):
    """A place that runs PUBs: a parameterised circuit, its observables and an array of bindings.

    Circuits come as QNodes (``qnode``, on a PennyLane device that joins tapes to PUBs) or as PUBs (``run_pubs``). A
    subclass names its target and its Estimator.

    Args:
        packing: Which qubits run copies of a circuit side by side; None for one circuit at a time, where the transpiler
            puts it.
    """

    optimization_level: ClassVar[int]
    """How hard the transpiler tries, 0 to 3."""

    packing: Packing | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.most_shots is not None and (self.shots or 0) > self.most_shots:
            raise UsageError(
                f"{self.name!r} takes at most {self.most_shots} shots, got shots={self.shots}; take the mean of "
                "several runs with other seeds."
            )

    @property
    def device_name(self) -> str:
        """The device in ``aer:DEVICE`` or ``ibm:DEVICE``."""
        return self.name.partition(":")[2]

    @property
    def most_shots(self) -> int | None:
        """How many shots a circuit may have, if there is a limit."""
        return None

    @property
    def key(self) -> dict[str, str | int | None]:
        """The facts that change the numbers; a packing does on a device, whose qubits differ."""
        return super().key | ({} if self.packing is None else {"packing": str(self.packing)})

    @property
    @abstractmethod
    def target(self) -> BackendV2:
        """What circuits are transpiled for."""

    @property
    @abstractmethod
    def most_rows(self) -> int:
        """How many rows of bindings a PUB may have."""

    @property
    def calibration(self) -> Target | None:
        """The device's qubits, couplings and errors; None where all qubits are alike."""
        return self.target.target if self.facts.own_noise else None

    @property
    def simulated_wires(self) -> int | None:
        """The wires of copies that are simulated as one circuit; None where nothing is simulated."""
        return None

    def run_pubs(
        self, pubs: Sequence[Pub], shots: int | None = None, seed: int = 0
    ) -> list[npt.NDArray[np.float64]]:
        """Transpile, split to the limits, estimate, and put together again.

        Shape: for each PUB ``(rows, observables)``.

        Args:
            pubs: On logical wires.
            shots: Samples for each observable; None for exact values.
            seed: Of the samples.

        Raises:
            UsageError: If a circuit does not fit the device.
        """
        spread = [self._spread(pub) for pub in pubs]
        several = [part for parts in spread for part in parts]
        chunks = [
            (index, slice(start, min(start + self.most_rows, len(part))))
            for index, part in enumerate(several)
            for start in range(0, len(part), self.most_rows)
        ]
        ready = [self.transpiled_pub(several[index], rows) for index, rows in chunks]
        results = [np.empty((len(part), len(part.observables))) for part in several]
        for (index, rows), values in zip(chunks, self.estimate(ready, shots, seed), strict=True):
            results[index][rows] = values
        found = iter(results)
        return [
            unpack(pub, [next(found) for _ in parts], self.copies(pub))
            for pub, parts in zip(pubs, spread, strict=True)
        ]

    def copies(self, pub: Pub) -> int:
        """Return how many rows of a PUB run side by side."""
        return max(1, min(len(placed(self, pub.template)), len(pub)))

    def _spread(self, pub: Pub) -> list[Pub]:
        """Return the PUBs that run one PUB: itself, or groups of copies side by side."""
        places = placed(self, pub.template)[: len(pub)]
        if not places:
            return [pub]
        most, wires = self.simulated_wires, len(places[0])
        # A device runs all copies in one circuit; a simulator is spared the product of their state spaces.
        size = len(places) if most is None else max(1, most // wires)
        fixed = self.calibration is not None
        return [
            pack(pub, places[start : start + size], len(places), start=start, fixed=fixed)
            for start in range(0, len(places), size)
        ]

    @abstractmethod
    def estimate(
        self, pubs: Sequence[tuple[Any, ...]], shots: int | None, seed: int
    ) -> list[npt.NDArray[np.float64]]:
        """Run transpiled PUBs ``(circuit, observables (M, 1), values (N, P))`` and return ``(N, M)`` for each."""

    def transpiled_pub(self, pub: Pub, rows: slice) -> tuple[Any, ...]:
        """Return some rows of a PUB for the device."""
        circuit = transpiled(self, pub.template)
        observables = [[observable.apply_layout(circuit.layout)] for observable in pub.observables]
        # The transpiler may drop a parameter (of a rotation about the axis that is measured), never reorder them.
        kept = {parameter.name for parameter in circuit.parameters}
        names = [parameter.name for parameter in pub.template.circuit.parameters]
        columns = [index for index, name in enumerate(names) if name in kept]
        return circuit, observables, pub.values[rows][:, columns]

    def device(self, circuit: Circuit, stream: tuple[int, ...]) -> qml.devices.Device:  # noqa: D102
        seeds = np.random.SeedSequence(self.seed, spawn_key=stream)
        return EstimatorDevice(circuit.num_wires, self.name, self.run_pubs, seeds)

    def adapted(self, circuit: Circuit) -> Circuit:
        """Return the circuit with the spectrum of what the device runs.

        Where gates have errors, swaps that the device's couplings ask for, and gates that its own are put together
        from, let an observable see more inputs, and more of them, than it does on wires that are all coupled.
        """
        made = super().adapted(circuit)
        if not self.facts.own_noise or made.direct_only is not None:
            return made
        spectrum = self._spectrum(made)
        if spectrum is None:
            why = f"what {self.name!r} runs for it has angles of which the spectrum is unknown"
            spectrum = Spectrum((0,) * made.num_inputs, (1.0,) * made.num_inputs, (), why)
        found = replace(made, **vars(spectrum))
        found.__dict__["table"] = circuit.table
        return found

    def frequencies(self, circuit: Circuit) -> tuple[tuple[float, ...], ...] | None:  # noqa: D102
        found = self._spectrum(circuit) if self.facts.own_noise else None
        if found is None:
            return None
        return tuple(
            tuple(scale * k for k in range(1, degree + 1))
            for scale, degree in zip(found.scales, found.degrees, strict=True)
        )

    def _spectrum(self, circuit: Circuit) -> Spectrum | None:
        """Read the spectrum off the transpiled circuit, whose angles are affine in the inputs as the circuit's are."""
        pubs: list[Pub] = []

        def seen(several: Sequence[Pub], *_: Any) -> list[npt.NDArray[np.float64]]:
            pubs.extend(several)
            return [np.zeros((len(pub), len(pub.observables))) for pub in several]

        steps = np.eye(circuit.num_inputs) / np.asarray(circuit.scales)
        rows = 0.1 * steps.sum(0) + np.concatenate([0 * steps[:1], steps, 2 * steps])
        weights = circuit.random_weights(np.random.default_rng(_SEED)) | dict(circuit.defaults)
        device = EstimatorDevice(circuit.num_wires, self.name, seen, np.random.SeedSequence(0))
        self.qnode(circuit, device=device)(rows, **weights)
        if len(pubs) != 1 or len(pubs[0]) != len(rows):
            return None
        start, once, twice = np.split(pubs[0].values, [1, 1 + circuit.num_inputs])
        rates = once - start  # (inputs, angles), for a step of 1 / scale
        if not np.allclose(twice - once, rates, rtol=0, atol=1e-9):
            return None
        ready, *_ = self.transpiled_pub(pubs[0], slice(0))
        gates = _spectra(ready, pubs[0].template.circuit, rates)
        if gates is None:
            return None
        place = ready.layout.final_index_layout() if ready.layout else range(circuit.num_wires)
        wires = [[place[wire] for wire in o.wires] for o in circuit.observables]
        parts = [
            common_unit([v for gate in gates for v in gate.frequencies.get(k, ())] or [1.0])
            for k in range(circuit.num_inputs)
        ]
        units = [part for part in parts if part is not None]
        if len(units) < len(parts):
            return None
        cones = [cone_degrees(gates, on, units) for on in wires]
        cones = [{k: degree for k, degree in cone.items() if degree} for cone in cones]
        degrees = tuple(max(c.get(k, 0) for c in cones) for k in range(circuit.num_inputs))
        scales = tuple(u * s for u, s in zip(units, circuit.scales, strict=True))
        return Spectrum(degrees, scales, tuple(cones))

    def chunk_size(self, circuit: Circuit) -> int:  # noqa: D102
        side_by_side = 1 if self.packing is None else (self.target.num_qubits or 1)
        return self.most_rows * max(1, side_by_side // circuit.num_wires)


@lru_cache(maxsize=_TRANSPILED)
def placed(backend: EstimatorBackend, template: Template) -> tuple[tuple[int, ...], ...]:
    """Return the places of the copies of a template's circuit; none where circuits run alone.

    Raises:
        UsageError: If the packing names qubits that are not there, or none is good enough.
    """
    if backend.packing is None:
        return ()
    device, alone = backend.calibration, template.circuit
    if device is not None:
        # As the device's gates, so that those which connect three wires are known.
        passes = generate_preset_pass_manager(0, basis_gates=list(_ONE_AND_TWO))
        alone = passes.run(alone)
    places = placements(alone, device, backend.packing)
    if not places:
        _log.warning(
            "no place on %s connects the wires of a circuit as its gates do: it runs alone, with swaps",
            backend.name,
        )
    return places


@lru_cache(maxsize=_TRANSPILED)
def transpiled(backend: EstimatorBackend, template: Template) -> QuantumCircuit:
    """Return a template's circuit as the backend's device runs it; equal backends share the work.

    Raises:
        UsageError: If it has more wires than the device qubits, or its wires cannot be connected there.
    """
    target, circuit = backend.target, template.circuit
    if target.num_qubits is not None and circuit.num_qubits > target.num_qubits:
        raise UsageError(
            f"a circuit of {circuit.num_qubits} wires does not fit {backend.name!r}, which has "
            f"{target.num_qubits} qubits; choose a larger device, or a circuit of fewer wires"
        )
    passes = generate_preset_pass_manager(
        optimization_level=backend.optimization_level,
        backend=target,
        initial_layout=None if template.layout is None else list(template.layout),
        seed_transpiler=_SEED,
    )
    try:
        return passes.run(circuit)
    except TranspilerError as error:
        raise UsageError(
            f"a circuit of {circuit.num_qubits} wires cannot be laid out on {backend.name!r}: {error}; "
            "choose another device"
        ) from error


_ROTATIONS = frozenset({"rx", "ry", "rz", "p", "u", "u1", "rzz", "rxx", "ryy", "r", "u2", "u3"})
"""Gates whose every angle turns with frequency 1."""


def _spectra(
    ready: QuantumCircuit, template: QuantumCircuit, rates: npt.NDArray[np.float64]
) -> list[GateSpectrum] | None:
    """Return how steps of the inputs enter each gate of a transpiled circuit, or None if that is unknown."""
    column = {parameter.name: index for index, parameter in enumerate(template.parameters)}
    gates = []
    for instruction in ready.data:
        wires = frozenset(ready.find_bit(qubit).index for qubit in instruction.qubits)
        for angle in instruction.operation.params:
            if not isinstance(angle, ParameterExpression) or not angle.parameters:
                continue
            try:
                slopes = {column[p.name]: float(angle.gradient(p)) for p in angle.parameters}
            except TypeError:  # it is not linear
                return None
            moved = rates[:, list(slopes)] @ np.array(list(slopes.values()))
            for k in np.flatnonzero(np.abs(moved) > 1e-9):
                if instruction.operation.name not in _ROTATIONS:
                    return None
                gates.append(GateSpectrum(wires, {int(k): (float(abs(moved[k])),)}))
        gates.append(GateSpectrum(frozenset() if instruction.name == "barrier" else wires, {}))
    return gates


def packed(
    backend: Backend, *, qubits: int | Sequence[int] | None = None, most_error: float = 0.1
) -> Backend:
    """Return the backend that runs copies of a circuit side by side, on the device's good qubits, best first.

    Rows of inputs, nodes, shifts and edges then share circuits: values and their statistics stay what they are.

    Args:
        backend: One that runs PUBs: ``aer``, ``aer:fake_manila``, ``ibm:BACKEND``.
        qubits: How many qubits, or which; None for all good ones of a device.
        most_error: A qubit with a larger readout or gate error is left out, and so is a coupling with a larger error.

    Raises:
        UsageError: If the backend runs one circuit at a time, or the qubits are not there.

    Example:
        >>> from circuits import backend
        >>> packed(backend("aer", shots=1000), qubits=27).packing
        Packing(qubits=27, most_error=0.1)
    """
    if not isinstance(backend, EstimatorBackend):
        raise UsageError(
            f"{backend.name!r} is no device with qubits to share; circuits are packed on 'aer', 'aer:fake_manila' "
            "and its like, and 'ibm:BACKEND'."
        )
    chosen: Any = tuple(qubits) if isinstance(qubits, Sequence | np.ndarray) else qubits
    packing = Packing(chosen, most_error)
    if backend.calibration is None and packing.qubits is None:
        raise UsageError(
            f"{backend.name!r} has no qubits of its own: say how many are to run side by side, qubits=27."
        )
    return replace(backend, packing=packing)
