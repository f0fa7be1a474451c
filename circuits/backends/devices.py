"""PennyLane devices as backends, any of them by its own name, all through one QNode path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pennylane as qml

from circuits.backends.base import Backend, BackendInfo
from circuits.backends.probe import probe, require_usable
from circuits.backends.transforms import at_full_precision, expand_trainable_batch
from circuits.errors import UsageError

if TYPE_CHECKING:
    from circuits.definition import Circuit

__all__ = ["PennyLaneBackend"]


@dataclass(frozen=True)
class PennyLaneBackend(Backend):
    """An installed PennyLane device.

    Analytic values are differentiated by backpropagation where the device allows it, else by the
    adjoint method or the device's own, else by parameter shift; sampled ones by parameter shift.

    Threads: ``lightning.*`` starts one for each core, which narrow circuits only pay for. Their
    number is the process's, so it is left to you: see ``circuits.backends.threads``.

    Raises:
        MissingExtraError: If the device comes with an extra that is not installed.
        UsageError: If it is unknown or cannot be made, or cannot do what is asked of it.
    """

    _info: BackendInfo = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        info = require_usable(self.name)
        object.__setattr__(self, "_info", info)
        if self.noise is not None and not info.noise:
            raise UsageError(
                f"{self.name!r} simulates pure states and has no noise channels, got "
                f"noise={str(self.noise)!r}; use 'default.mixed' or 'auto'."
            )
        if self.shots is not None and not info.shots:
            raise UsageError(
                f"{self.name!r} does not sample, got shots={self.shots}; leave shots out."
            )
        if self.shots is not None and self.seed is not None and not info.seed:
            raise UsageError(
                f"the samples of {self.name!r} cannot be seeded, got seed={self.seed}; leave the "
                "seed out, or use 'default.qubit' or 'lightning.qubit'."
            )

    @classmethod
    def info(cls, name: str) -> BackendInfo:  # noqa: D102
        return probe(name)

    @property
    def device_name(self) -> str:  # noqa: D102  (as in Backend)
        return self.name

    @property
    def gradient(self) -> str:  # noqa: D102
        # PennyLane differentiates a density matrix through the root of each probability: NaN where one is 0.
        backprop = self._info.gradient if not self.density_matrix else "parameter-shift"
        return backprop if self.analytic else "parameter-shift"

    @property
    def native_batching(self) -> bool:  # noqa: D102
        return self._info.native_batching

    @property
    def density_matrix(self) -> bool:  # noqa: D102
        return self._info.noise

    def qnode(self, circuit: Circuit, *, stream: int | tuple[int, ...] = 0) -> qml.QNode:
        """Return a QNode of the circuit on a new device, differentiable in inputs and weights.

        The samples of successive calls are independent; a new QNode of the same ``stream`` starts
        them again. Everything else is as in ``Backend.qnode``.

        Raises:
            UsageError: If the device is known to measure one of the observables wrongly.
        """
        self._refuse_wrong_observables(circuit)

        # A list, not a tuple: of a tuple TorchLayer makes (num_observables, N, 1).
        @wraps(circuit.qfunc)
        def qfunc(*args: Any, **kwargs: Any) -> list[Any]:
            return list(circuit.qfunc(*args, **kwargs))

        gradient = self.gradient
        device = self._device(circuit.num_wires, stream)
        if gradient != "backprop" or self.density_matrix:
            device = at_full_precision(device)
        qnode = qml.QNode(qfunc, device, diff_method=gradient)
        if self.shots is not None:
            qnode = qml.set_shots(qnode, shots=self.shots)
        if self.noise is not None:
            qnode = self.noise.apply(qnode)
        return expand_trainable_batch(qnode) if gradient == "parameter-shift" else qnode

    def _device(self, num_wires: int, stream: int | tuple[int, ...]) -> qml.devices.Device:
        options: dict[str, Any] = {}
        if self._info.seed:
            # None must be said: PennyLane's default is to seed from NumPy's global generator.
            options["seed"] = None
            if self.seed is not None:
                key = stream if isinstance(stream, tuple) else (stream,)
                options["seed"] = np.random.SeedSequence(self.seed, spawn_key=key)
        return qml.device(self.name, wires=num_wires, **options)

    def _execute(
        self,
        circuit: Circuit,
        inputs: npt.NDArray[np.float64],
        weights: Mapping[str, npt.NDArray[np.float64]],
        stream: tuple[int, ...],
    ) -> npt.NDArray[np.float64]:
        values = self.qnode(circuit, stream=stream)(inputs, **weights)
        # An observable that no input reaches may come back without the batch's axis.
        columns = [np.broadcast_to(np.real(v), len(inputs)) for v in values]
        return np.stack(columns, axis=1).astype(np.float64)

    def _refuse_wrong_observables(self, circuit: Circuit) -> None:
        # PennyLane 0.45 measures PauliZ in place of the eigenvalues of a Hermitian matrix there.
        if self.name == "reference.qubit":
            for observable in circuit.observables:
                if observable.pauli_rep is None:
                    raise UsageError(
                        f"'reference.qubit' measures {observable} wrongly; use 'default.qubit', or "
                        "write it as a sum of Pauli words (qml.pauli_decompose)."
                    )
