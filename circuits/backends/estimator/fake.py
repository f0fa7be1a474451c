"""``aer:fake_manila`` and its like: Aer with the noise, the gates and the coupling map of a real IBM device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from circuits.backends.base import BackendInfo
from circuits.backends.estimator.aer import AerBackend, require_hardware, versions
from circuits.backends.estimator.readout import misread, readout_errors
from circuits.errors import MissingExtraError, UsageError, unknown_name

if TYPE_CHECKING:
    from qiskit.providers import BackendV2
    from qiskit.transpiler import Target
    from qiskit_aer import AerSimulator

__all__ = ["FakeDeviceBackend", "fake_devices"]

_LEVEL = 2


@dataclass(frozen=True)
class FakeDeviceBackend(AerBackend):
    """A snapshot of an IBM device by name: transpiled to its gates and qubits, with its calibrated noise.

    Without shots the values are the limit of many shots, but for the errors of the gates that turn X and Y into Z
    before a measurement.

    Raises:
        MissingExtraError: If qiskit-aer or qiskit-ibm-runtime is not installed.
        UsageError: If there is no such device, or it is asked for more shots than it takes, or for other noise.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        require_hardware("qiskit_ibm_runtime", self.name)
        known = fake_devices()
        if self._device not in known:
            raise unknown_name("fake device", self._device, known)
        if self.noise is not None:
            raise UsageError(
                f"{self.name!r} has the noise of its device, got noise={str(self.noise)!r} beside it; use 'aer' "
                "for a noise channel of your own."
            )
        limit = _most_shots(self._device)
        if limit is not None and (self.shots or 0) > limit:
            raise UsageError(
                f"{self.name!r} takes at most {limit} shots, got shots={self.shots}; take the mean of several runs "
                "with other seeds."
            )

    @classmethod
    def info(cls, name: str) -> BackendInfo:  # noqa: D102  (as in Backend)
        try:
            require_hardware("qiskit_ibm_runtime", name)
        except MissingExtraError as error:
            return BackendInfo(name, installed=False, usable=False, why_not=str(error))
        return replace(super().info(name), noise=False)

    @property
    def _device(self) -> str:
        return self.name.partition(":")[2]

    @property
    def device_name(self) -> str:  # noqa: D102
        return self._device

    @property
    def density_matrix(self) -> bool:  # noqa: D102
        return True

    @property
    def key(self) -> dict[str, str | int | None]:
        """The facts that change the numbers: the snapshot and the transpiler change with their packages."""
        software = versions("qiskit", "qiskit-aer", "qiskit-ibm-runtime")
        return {**super().key, **software}

    @property
    def target(self) -> BackendV2:  # noqa: D102
        return _snapshot(self._device)

    def simulator(self, threads: int) -> AerSimulator:  # noqa: D102
        return _simulator(self._device, threads)

    def estimate(
        self, pubs: Sequence[tuple[Any, ...]], shots: int | None, seed: int
    ) -> list[npt.NDArray[np.float64]]:
        """Run transpiled PUBs; exact values have the device's readout errors, too, which Aer leaves out of them."""
        if shots is None:
            errors = _readout_errors(self._device)
            pubs = [
                (circuit, [[misread(observable, errors)] for (observable,) in rows], values)
                for circuit, rows, values in pubs
            ]
        return super().estimate(pubs, shots, seed)

    @property
    def calibration(self) -> Target:  # noqa: D102
        return self.target.target

    @property
    def optimization_level(self) -> int:  # noqa: D102
        return _LEVEL


@cache
def fake_devices() -> tuple[str, ...]:
    """Return the names of all snapshots."""
    return tuple(sorted(_classes()))


@cache
def _classes() -> dict[str, Any]:
    from qiskit_ibm_runtime.fake_provider import backends

    kinds = (getattr(backends, name) for name in dir(backends) if name.startswith("Fake"))
    return {kind.backend_name: kind for kind in kinds}


@cache
def _snapshot(device: str) -> BackendV2:
    return _classes()[device]()


@cache
def _simulator(device: str, threads: int) -> AerSimulator:
    from qiskit_aer import AerSimulator

    return AerSimulator.from_backend(_snapshot(device), max_parallel_threads=threads)


@cache
def _readout_errors(device: str) -> dict[int, tuple[float, float]]:
    return readout_errors(_simulator(device, 1).options.noise_model)


@cache
def _most_shots(device: str) -> int | None:
    return getattr(_snapshot(device).configuration(), "max_shots", None)
