"""Backends that are driven by a Qiskit Estimator: transpiled once, one PUB with an array of bindings."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pennylane as qml
from qiskit.circuit import QuantumCircuit
from qiskit.transpiler import generate_preset_pass_manager
from qiskit.transpiler.exceptions import TranspilerError

from circuits.backends.base import Backend
from circuits.backends.estimator.device import EstimatorDevice
from circuits.backends.estimator.packing import Packing, placements
from circuits.backends.estimator.side_by_side import groups_of, pack, unpack
from circuits.backends.estimator.template import Pub, Template
from circuits.backends.transforms import expand_trainable_batch
from circuits.errors import UsageError

if TYPE_CHECKING:
    from qiskit.primitives import BaseEstimatorV2
    from qiskit.providers import BackendV2
    from qiskit.transpiler import Target

    from circuits.definition import Circuit

__all__ = ["EstimatorBackend", "estimates", "placed", "transpiled"]

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

    packing: Packing | None = None

    @property
    def key(self) -> dict[str, str | int | None]:
        """The facts that change the numbers; a packing does on a device, whose qubits differ."""
        packed = {} if self.packing is None else {"packing": str(self.packing)}
        return {**super().key, **packed}

    @property
    def gradient(self) -> str:  # noqa: D102  (as in Backend)
        return "parameter-shift"

    @property
    def native_batching(self) -> bool:  # noqa: D102
        return True

    @property
    def density_matrix(self) -> bool:  # noqa: D102
        return self.noise is not None

    @property
    @abstractmethod
    def target(self) -> BackendV2:
        """What circuits are transpiled for."""

    @property
    @abstractmethod
    def optimization_level(self) -> int:
        """How hard the transpiler tries, 0 to 3."""

    @property
    @abstractmethod
    def most_rows(self) -> int:
        """How many rows of bindings a PUB may have."""

    @property
    def calibration(self) -> Target | None:
        """The device's qubits, couplings and errors; None where all qubits are alike."""
        return self.target.target

    @property
    def simulated_wires(self) -> int | None:
        """The wires of copies that are simulated as one circuit; None where nothing is simulated."""
        return None

    @abstractmethod
    def estimator(self, shots: int | None, seed: int) -> BaseEstimatorV2:
        """Return what estimates transpiled PUBs.

        Args:
            shots: Samples for each observable; None for exact values.
            seed: Of the samples.
        """

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
        ready = [self._transpiled_pub(several[index], rows) for index, rows in chunks]
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
        fixed = self.calibration is not None
        groups = groups_of(places, self.simulated_wires)
        return [pack(pub, group, len(places), fixed=fixed) for group in groups]

    def estimate(
        self, pubs: Sequence[tuple[Any, ...]], shots: int | None, seed: int
    ) -> list[npt.NDArray[np.float64]]:
        """Run transpiled PUBs ``(circuit, observables (M, 1), values (N, P))`` and return ``(N, M)`` for each."""
        return estimates(self.estimator(shots, seed), pubs, shots)

    def _transpiled_pub(self, pub: Pub, rows: slice) -> tuple[Any, ...]:
        circuit = transpiled(self, pub.template)
        observables = [[observable.apply_layout(circuit.layout)] for observable in pub.observables]
        # The transpiler may drop a parameter (of a rotation about the axis that is measured), never reorder them.
        kept = {parameter.name for parameter in circuit.parameters}
        names = [parameter.name for parameter in pub.template.circuit.parameters]
        columns = [index for index, name in enumerate(names) if name in kept]
        return circuit, observables, pub.values[rows][:, columns]

    def qnode(self, circuit: Circuit, *, stream: int | tuple[int, ...] = 0) -> qml.QNode:
        """Return a QNode of the circuit, differentiable by parameter shift in inputs and weights.

        The samples of successive calls are independent; a new QNode of the same ``stream`` starts them again.
        Everything else is as in ``Backend.qnode``.
        """

        # A list, not a tuple: of a tuple TorchLayer makes (num_observables, N, 1).
        @wraps(circuit.qfunc)
        def qfunc(*args: Any, **kwargs: Any) -> list[Any]:
            return list(circuit.qfunc(*args, **kwargs))

        key = stream if isinstance(stream, tuple) else (stream,)
        seeds = np.random.SeedSequence(self.seed, spawn_key=key)
        device = EstimatorDevice(circuit.num_wires, self.name, self.run_pubs, seeds)
        qnode = qml.QNode(qfunc, device, diff_method=self.gradient)
        if self.shots is not None:
            qnode = qml.set_shots(qnode, shots=self.shots)
        if self.noise is not None:
            qnode = self.noise.apply(qnode)
        return expand_trainable_batch(qnode)

    def _execute(
        self,
        circuit: Circuit,
        inputs: npt.NDArray[np.float64],
        weights: Mapping[str, npt.NDArray[np.float64]],
        stream: tuple[int, ...],
    ) -> npt.NDArray[np.float64]:
        values = self.qnode(circuit, stream=stream)(inputs, **weights)
        # An observable of a circuit without inputs comes back without the batch's axis.
        return np.stack([np.broadcast_to(value, len(inputs)) for value in values], axis=1)

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
    if (
        device is not None
    ):  # as the device's gates, so that those which connect three wires are known
        passes = generate_preset_pass_manager(0, basis_gates=list(_ONE_AND_TWO))
        alone = passes.run(alone)
    places = placements(alone, device, backend.packing)
    if not places:
        _log.warning(
            "no place on %s connects the wires of a circuit as its gates do: it runs alone, with swaps",
            backend.name,
        )
    return places


def estimates(
    estimator: BaseEstimatorV2, pubs: Sequence[tuple[Any, ...]], shots: int | None
) -> list[npt.NDArray[np.float64]]:
    """Run transpiled PUBs by an Estimator that runs at once, and return ``(N, M)`` for each."""
    # Estimators take ceil(1 / precision^2) shots, which rounding must not make one more.
    precision = None if shots is None else (shots - 0.5) ** -0.5
    job = estimator.run(list(pubs), precision=precision)
    return [np.asarray(result.data.evs, dtype=np.float64).T for result in job.result()]


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
