"""``aer``: Qiskit's simulator, exact, with shots, or with a noise channel after each gate."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from circuits.backends.base import BackendInfo
from circuits.backends.estimator.base import EstimatorBackend, estimates
from circuits.errors import MissingExtraError

if TYPE_CHECKING:
    from qiskit.circuit import QuantumCircuit
    from qiskit.primitives import BaseEstimatorV2
    from qiskit.providers import BackendV2
    from qiskit.transpiler import Target
    from qiskit_aer import AerSimulator

__all__ = ["AerBackend", "aer_estimator", "require_hardware", "versions"]

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

    def __post_init__(self) -> None:
        super().__post_init__()
        require_hardware("qiskit_aer", self.name)

    @classmethod
    def info(cls, name: str) -> BackendInfo:  # noqa: D102  (as in Backend)
        try:
            require_hardware("qiskit_aer", name)
        except MissingExtraError as error:
            return BackendInfo(name, installed=False, usable=False, why_not=str(error))
        return BackendInfo(
            name,
            installed=True,
            usable=True,
            gradient="parameter-shift",
            native_batching=True,
            shots=True,
            seed=True,
            noise=True,
        )

    @property
    def device_name(self) -> str:  # noqa: D102
        return "aer_simulator"

    @property
    def key(self) -> dict[str, str | int | None]:
        """The facts that change the numbers; samples also follow the versions of Aer and Qiskit."""
        return {**super().key, **({} if self.analytic else versions("qiskit", "qiskit-aer"))}

    @property
    def target(self) -> BackendV2:  # noqa: D102
        return self.simulator(threads=0)

    @property
    def optimization_level(self) -> int:  # noqa: D102
        return 0

    @property
    def most_rows(self) -> int:  # noqa: D102
        return _ROWS

    @property
    def calibration(self) -> Target | None:  # noqa: D102
        return None

    @property
    def simulated_wires(self) -> int:
        """As many as a state vector or a density matrix of moderate size has."""
        return _WIRES // 2 if self.density_matrix else _WIRES

    def estimator(self, shots: int | None, seed: int) -> BaseEstimatorV2:  # noqa: D102
        return aer_estimator(self.simulator(threads=0), shots, seed)

    def estimate(
        self, pubs: Sequence[tuple[Any, ...]], shots: int | None, seed: int
    ) -> list[npt.NDArray[np.float64]]:
        """Run transpiled PUBs; narrow ones on one thread, which is 2 to 6 times less CPU time than on two."""
        narrow = all(_width(circuit) < _THREADED for circuit, *_ in pubs)
        estimator = aer_estimator(self.simulator(threads=1 if narrow else 0), shots, seed)
        return estimates(estimator, pubs, shots)

    def simulator(self, threads: int) -> AerSimulator:
        """Return the simulator with so many threads; 0 is one for each core."""
        return _simulator("density_matrix" if self.density_matrix else "statevector", threads)


def aer_estimator(simulator: Any, shots: int | None, seed: int) -> BaseEstimatorV2:
    """Return an Estimator on an Aer simulator: exact, or one that measures.

    Aer's own Estimator adds normal noise of one width to exact values, whatever their variance is; Qiskit's for any
    backend measures in the observables' bases and counts.
    """
    from qiskit.primitives import BackendEstimatorV2
    from qiskit_aer.primitives import EstimatorV2

    if shots is None:
        return EstimatorV2.from_backend(simulator)
    return BackendEstimatorV2(backend=simulator, options={"seed_simulator": seed})


def require_hardware(module: str, name: str) -> None:
    """Raise an error that names the extra if a module is not installed."""
    if importlib.util.find_spec(module) is None:
        raise MissingExtraError(
            f'backend {name!r} needs {module.replace("_", "-")}; pip install "hybrid-qkan[hardware]"'
        )


def versions(*distributions: str) -> dict[str, str | int | None]:
    """Return the installed versions, for a cache key."""
    return {name: importlib.metadata.version(name) for name in distributions}


@cache
def _simulator(method: str, threads: int) -> AerSimulator:
    from qiskit_aer import AerSimulator

    return AerSimulator(method=method, basis_gates=list(_BASIS), max_parallel_threads=threads)


def _width(circuit: QuantumCircuit) -> int:
    """Return how many qubits have a gate: a device's others are not simulated."""
    return len({qubit for gate in circuit.data for qubit in gate.qubits})
