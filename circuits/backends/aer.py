"""``aer``: Qiskit's simulator, exact, with shots, or with a noise channel after each gate.

``aer:fake_manila`` and its like have the noise, the gates and the coupling map of a real IBM device.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
from qiskit.quantum_info import SparsePauliOp

from circuits.backends.base import BackendInfo
from circuits.backends.estimator import EstimatorBackend
from circuits.backends.pubs import EstimatorDevice, Pub
from circuits.errors import unknown_name

if TYPE_CHECKING:
    from qiskit.circuit import QuantumCircuit
    from qiskit.providers import BackendV2
    from qiskit_aer import AerSimulator

    from circuits.definition import Circuit

__all__ = ["AerBackend", "FakeDeviceBackend", "hardware_info", "ideal_device", "misread"]

_ROWS = 1024

_THREADED = 14
"""Aer itself spreads one state over threads from so many qubits on."""

_ONE_WIRE = ("id", "h", "x", "y", "z", "s", "sdg", "t", "tdg", "sx", "sxdg", "rx", "ry", "rz", "p")
_BASIS = (*_ONE_WIRE, "u", "cx", "cy", "cz", "swap", "ecr", "ccx", "rxx", "ryy", "rzz", "unitary")
"""No controlled rotation: Aer 0.18 leaves their angles unbound, without a word, when it binds an array of parameters
(its issues 2323, 2391 and 2403). They are transpiled to rotations and CNOTs."""

_WIRES = 8
"""Copies side by side on so many wires are simulated as one circuit: fewer circuits, and small states."""


@dataclass(frozen=True)
class AerBackend(EstimatorBackend):
    """Qiskit Aer: state vectors, or density matrices where there is noise.

    Circuits are not optimised, so that a channel follows every gate just as on ``default.mixed``.

    Raises:
        MissingExtraError: If qiskit-aer is not installed.
    """

    optimization_level: ClassVar[int] = 0

    @classmethod
    def info(cls, name: str) -> BackendInfo:  # noqa: D102  (as in Backend)
        return hardware_info(name, "qiskit_aer", noise=True)

    @property
    def key(self) -> dict[str, str | int | None]:
        """The facts that change the numbers; samples also follow the versions of Aer and Qiskit."""
        return {**super().key, **({} if self.analytic else _versions("qiskit", "qiskit-aer"))}

    @property
    def target(self) -> BackendV2:  # noqa: D102
        return self.simulator()

    @property
    def most_rows(self) -> int:  # noqa: D102
        return _ROWS

    @property
    def simulated_wires(self) -> int:
        """As many as a state vector or a density matrix of moderate size has."""
        return _WIRES // 2 if self.density_matrix else _WIRES

    def estimate(
        self, pubs: Sequence[tuple[Any, ...]], shots: int | None, seed: int
    ) -> list[npt.NDArray[np.float64]]:
        """Run transpiled PUBs; narrow ones on one thread, which is 2 to 6 times less CPU time than on two.

        Aer's own Estimator adds normal noise of one width to exact values, whatever their variance is; Qiskit's for
        any backend measures in the observables' bases and counts.
        """
        from qiskit.primitives import BackendEstimatorV2
        from qiskit_aer.primitives import EstimatorV2

        narrow = all(_width(circuit) < _THREADED for circuit, *_ in pubs)
        mixed = any(gate.name == "kraus" for circuit, *_ in pubs for gate in circuit.data)
        simulator = self.simulator(1 if narrow else 0, mixed=mixed)
        if shots is None:
            job = EstimatorV2.from_backend(simulator).run(list(pubs))
        else:
            sampler = BackendEstimatorV2(backend=simulator, options={"seed_simulator": seed})
            # It takes ceil(1 / precision^2) shots, which rounding must not make one more.
            job = sampler.run(list(pubs), precision=(shots - 0.5) ** -0.5)
        return [np.asarray(result.data.evs, dtype=np.float64).T for result in job.result()]

    def simulator(self, threads: int = 0, *, mixed: bool = False) -> AerSimulator:
        """Return the simulator.

        Args:
            threads: How many; 0 is one for each core.
            mixed: Whether circuits have channels of their own: a state vector would draw one outcome of each.
        """
        method = "density_matrix" if mixed or self.density_matrix else "statevector"
        return _simulator(method, threads)


def ideal_device(backend: EstimatorBackend, circuit: Circuit) -> EstimatorDevice:
    """Return a device that runs what a backend's would, transpiled for it, but exactly and without errors."""

    def run(pubs: Sequence[Pub], shots: int | None, seed: int) -> list[npt.NDArray[np.float64]]:
        return AerBackend("aer").estimate(
            [backend.transpiled_pub(pub, slice(None)) for pub in pubs], None, 0
        )

    return EstimatorDevice(circuit.num_wires, backend.name, run, np.random.SeedSequence(0))


def hardware_info(
    name: str, module: str, *, noise: bool = False, own_noise: bool = False
) -> BackendInfo:
    """Return what a kind can do whose module may be installed."""
    if importlib.util.find_spec(module) is None:
        why = f'not installed: it needs {module.replace("_", "-")}; pip install "hybrid-qkan[hardware]"'
        return BackendInfo(name, installed=False, usable=False, why_not=why)
    return BackendInfo(
        name,
        installed=True,
        usable=True,
        gradient="parameter-shift",
        native_batching=True,
        shots=True,
        seed=True,
        noise=noise,
        own_noise=own_noise,
    )


def _versions(*distributions: str) -> dict[str, str | int | None]:
    """Return the installed versions, for a cache key."""
    return {name: importlib.metadata.version(name) for name in distributions}


@cache
def _simulator(method: str, threads: int) -> AerSimulator:
    from qiskit_aer import AerSimulator

    return AerSimulator(method=method, basis_gates=list(_BASIS), max_parallel_threads=threads)


def _width(circuit: QuantumCircuit) -> int:
    """Return how many qubits have a gate: a device's others are not simulated."""
    return len({qubit for gate in circuit.data for qubit in gate.qubits})


@dataclass(frozen=True)
class FakeDeviceBackend(AerBackend):
    """A snapshot of an IBM device by name: transpiled to its gates and qubits, with its calibrated noise.

    Without shots the values are the limit of many shots, but for the errors of the gates that turn X and Y into Z
    before a measurement.

    Raises:
        MissingExtraError: If qiskit-aer or qiskit-ibm-runtime is not installed.
        UsageError: If there is no such device, or it is asked for more shots than it takes, or for other noise.
    """

    optimization_level: ClassVar[int] = 2

    @classmethod
    def info(cls, name: str) -> BackendInfo:  # noqa: D102  (as in Backend)
        here = super().info(name)
        snapshots = hardware_info(name, "qiskit_ibm_runtime", own_noise=True)
        return replace(snapshots, density_matrix=True) if here.usable else here

    @classmethod
    def require_usable(cls, name: str) -> BackendInfo:  # noqa: D102
        info = super().require_usable(name)
        device = name.partition(":")[2]
        if device not in _classes():
            raise unknown_name("fake device", device, _classes())
        return info

    def held_device(self, circuit: Circuit) -> EstimatorDevice:  # noqa: D102
        return ideal_device(self, circuit)

    @property
    def most_shots(self) -> int | None:  # noqa: D102
        return getattr(self.target.configuration(), "max_shots", None)

    @property
    def key(self) -> dict[str, str | int | None]:
        """The facts that change the numbers: the snapshot and the transpiler change with their packages."""
        software = _versions("qiskit", "qiskit-aer", "qiskit-ibm-runtime")
        return {**super().key, **software}

    @property
    def target(self) -> BackendV2:  # noqa: D102
        return _snapshot(self.device_name)

    def simulator(self, threads: int = 0, *, mixed: bool = False) -> AerSimulator:  # noqa: D102
        return _device_simulator(self.device_name, threads)

    def estimate(
        self, pubs: Sequence[tuple[Any, ...]], shots: int | None, seed: int
    ) -> list[npt.NDArray[np.float64]]:
        """Run transpiled PUBs; exact values have the device's readout errors, too, which Aer leaves out of them."""
        if shots is None:
            errors = _readout_errors(self.device_name)
            pubs = [
                (circuit, [[misread(observable, errors)] for (observable,) in rows], values)
                for circuit, rows, values in pubs
            ]
        return super().estimate(pubs, shots, seed)


@cache
def _classes() -> dict[str, Any]:
    from qiskit_ibm_runtime.fake_provider import backends

    kinds = (getattr(backends, name) for name in dir(backends) if name.startswith("Fake"))
    return {kind.backend_name: kind for kind in kinds}


@cache
def _snapshot(device: str) -> BackendV2:
    return _classes()[device]()


@cache
def _device_simulator(device: str, threads: int) -> AerSimulator:
    from qiskit_aer import AerSimulator

    return AerSimulator.from_backend(_snapshot(device), max_parallel_threads=threads)


def misread(observable: SparsePauliOp, errors: Mapping[int, tuple[float, float]]) -> SparsePauliOp:
    """Return what is measured in place of an observable.

    Args:
        observable: A sum of Pauli words on the device's qubits.
        errors: For each qubit that is misread, the probabilities of reading 1 in |0> and 0 in |1>.

    Example:
        >>> misread(SparsePauliOp("Z"), {0: (0.1, 0.2)})
        SparsePauliOp(['Z', 'I'], coeffs=[0.7+0.j, 0.1+0.j])
    """
    terms: list[tuple[str, list[int], complex]] = []
    for word, qubits, factor in observable.to_sparse_list():
        parts: list[tuple[str, list[int], complex]] = [("", [], factor)]
        for pauli, qubit in zip(word, qubits, strict=True):
            zero, one = errors.get(qubit, (0.0, 0.0))
            read = [(w + pauli, [*q, qubit], f * (1 - zero - one)) for w, q, f in parts]
            lost = [(w, q, f * (one - zero)) for w, q, f in parts if one != zero]
            parts = read + lost
        terms += parts
    return SparsePauliOp.from_sparse_list(terms, num_qubits=observable.num_qubits).simplify()


@cache
def _readout_errors(device: str) -> dict[int, tuple[float, float]]:
    """Return the errors of each qubit of a snapshot, for :func:`misread`."""
    found = {}
    for error in _device_simulator(device, 1).options.noise_model.to_dict()["errors"]:
        if error["type"] == "roerror":
            (qubit,) = error["gate_qubits"][0]
            (_, one_in_zero), (zero_in_one, _) = error["probabilities"]
            found[int(qubit)] = (float(one_in_zero), float(zero_in_one))
    return found
