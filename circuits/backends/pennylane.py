"""PennyLane devices as backends, any of them by its own name, all through one QNode path."""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pennylane as qml

from circuits.backends.base import KINDS, Backend, BackendInfo, one_line
from circuits.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from circuits.definition import Circuit

__all__ = ["PennyLaneBackend", "installed_devices", "probe", "short_waits"]

EXTRAS = {"lightning.gpu": "gpu", "lightning.kokkos": "kokkos"}
"""Devices that an extra of this distribution brings."""


def installed_devices() -> tuple[str, ...]:
    """Return the names of all PennyLane devices whose package is installed, sorted."""
    return tuple(sorted(qml.plugin_devices))


def probe(name: str) -> BackendInfo:
    """Find out what a PennyLane device can do here, by making one of one wire; nothing is executed or remembered.

    That a plugin is installed says little: ``lightning.gpu`` needs a driver and a suitable GPU, and only making the
    device tells.

    Example:
        >>> probe("default.qubit").gradient
        'backprop'
    """
    if name not in qml.plugin_devices:
        why = "no installed PennyLane plugin has a device of this name"
        if name in EXTRAS:
            why = f'not installed; pip install "hybrid-qkan[{EXTRAS[name]}]"'
        return BackendInfo(name, installed=False, usable=False, why_not=why)
    if name == "null.qubit":
        return BackendInfo(name, True, False, "it computes nothing and returns zeros")
    try:
        with warnings.catch_warnings(), short_waits():
            # Unfit devices warn that they know no qubit gates.
            warnings.simplefilter("ignore")
            device = qml.device(name, wires=1)
            _require_qubits(device)
    # Plugins fail in their own ways (no driver, no library, missing arguments): all are reasons.
    except Exception as error:
        return BackendInfo(name, installed=True, usable=False, why_not=one_line(error))
    mixed = name == "default.mixed"
    return BackendInfo(
        name,
        installed=True,
        usable=True,
        # PennyLane differentiates a density matrix through the root of each probability: NaN where one is 0.
        gradient="parameter-shift" if mixed else _gradient(device),
        native_batching=_count_tapes(device, np.zeros(2)) == 1,
        shots=_takes_shots(device),
        seed="seed" in inspect.signature(qml.plugin_devices[name].load()).parameters,
        noise=mixed,
        density_matrix=mixed,
        reference=name == "default.qubit",
    )


def _tape(angle: object, shots: int | None = None) -> qml.tape.QuantumScript:
    return qml.tape.QuantumScript([qml.RX(angle, wires=0)], [qml.expval(qml.Z(0))], shots=shots)


def _require_qubits(device: qml.devices.Device) -> None:
    if isinstance(device, qml.devices.LegacyDeviceFacade):
        if "RX" not in device.target_device.operations:
            raise UsageError("it has no qubit gates (RX)")
    else:
        _count_tapes(device, 0.0)


def _count_tapes(device: qml.devices.Device, angle: object, shots: int | None = None) -> int:
    """Return how many tapes the device makes of one, after its own checks."""
    tape = _tape(angle, shots)
    config = device.setup_execution_config(circuit=tape)
    tapes, _ = device.preprocess_transforms(config)((tape,))
    return len(tapes)


def _takes_shots(device: qml.devices.Device) -> bool:
    try:
        _count_tapes(device, 0.0, shots=1)
    except Exception:  # each device refuses in its own way
        return False
    return True


def _gradient(device: qml.devices.Device) -> str:
    for method in ("backprop", "adjoint", "device"):
        config = qml.devices.ExecutionConfig(gradient_method=method)
        if device.supports_derivatives(config, _tape(0.0)):
            return method
    return "parameter-shift"


@dataclass(frozen=True)
class PennyLaneBackend(Backend):
    """An installed PennyLane device.

    Analytic values are differentiated by backpropagation where the device allows it, else by the
    adjoint method or the device's own, else by parameter shift; sampled ones by parameter shift.

    Threads: ``lightning.*`` starts one for each core, which narrow circuits only pay for. Their
    number is the process's, so it is left to you: see ``short_waits``.
    """

    @classmethod
    def info(cls, name: str) -> BackendInfo:  # noqa: D102  (as in Backend)
        return probe(name)

    @classmethod
    def require_usable(cls, name: str) -> BackendInfo:  # noqa: D102
        if name not in qml.plugin_devices and name not in EXTRAS:
            raise unknown_name("backend", name, {"auto", *KINDS, *installed_devices()})
        return super().require_usable(name)

    def device(self, circuit: Circuit, stream: tuple[int, ...]) -> qml.devices.Device:  # noqa: D102
        # PennyLane 0.45 measures PauliZ in place of the eigenvalues of a Hermitian matrix there.
        if self.name == "reference.qubit":
            for observable in circuit.observables:
                if observable.pauli_rep is None:
                    raise UsageError(
                        f"'reference.qubit' measures {observable} wrongly; use 'default.qubit', or "
                        "write it as a sum of Pauli words (qml.pauli_decompose)."
                    )
        options: dict[str, Any] = {}
        if self.facts.seed:
            # PennyLane's default is to seed from NumPy's global generator.
            options["seed"] = np.random.SeedSequence(self.seed, spawn_key=stream)
        made = qml.device(self.name, wires=circuit.num_wires, **options)
        if self.gradient == "backprop":
            return made
        return _at_full_precision(made, by_matrices=self.density_matrix)


def _at_full_precision(
    device: qml.devices.Device, *, by_matrices: bool = False
) -> qml.devices.Device:
    """Make a device compute and return what float64 can hold, and return it.

    ``lightning.*`` returns Python's ``float``, which PennyLane's torch interface reads in torch's default dtype.
    ``default.mixed`` takes diagonal gates by their eigenvalues, which PennyLane computes from a torch scalar in torch's
    default dtype: a RZ would be off by 1e-7. Their matrices are complex128.
    """
    plain: Any = type(device)
    device.__class__ = _derived(plain, by_matrices)
    return device


@cache  # PennyLane reads a device's configuration file whenever its class is derived from
def _derived(plain: Any, by_matrices: bool) -> type:
    def execute(self: Any, tapes: Any, *args: Any, **kwargs: Any) -> Any:
        if by_matrices:
            single = isinstance(tapes, qml.tape.QuantumScript)
            tapes = _with_matrices(tapes) if single else [_with_matrices(tape) for tape in tapes]
        return _float64(plain.execute(self, tapes, *args, **kwargs))

    def differentiate(self: Any, *args: Any, **kwargs: Any) -> Any:
        values, jacobians = plain.execute_and_compute_derivatives(self, *args, **kwargs)
        return _float64(values), jacobians

    derived: Any = type(plain.__name__, (plain,), {})
    # Set afterwards: methods that a derived class brings along count their executions, once more.
    derived.execute = execute
    derived.execute_and_compute_derivatives = differentiate
    return derived  # type: ignore[no-any-return]


def _float64(results: Any) -> Any:
    if isinstance(results, tuple | list):
        return type(results)(_float64(r) for r in results)
    return np.float64(results) if isinstance(results, float) else results


def _with_matrices(tape: qml.tape.QuantumScript) -> qml.tape.QuantumScript:
    operations = [
        qml.QubitUnitary(op.matrix(), wires=op.wires, unitary_check=False)
        if op.num_params and op in qml.ops.qubit.attributes.diagonal_in_z_basis
        else op
        for op in tape.operations
    ]
    return tape.copy(operations=operations)


_VARIABLE = "GOMP_SPINCOUNT"
_TURNS = "1000"
"""Turns of the waiting loop before a thread goes to sleep."""


@contextmanager
def short_waits() -> Iterator[None]:
    """Let OpenMP threads that are started in here wait by sleeping, not by spinning.

    ``lightning.*`` starts a thread for each core, which GNU's OpenMP lets spin at every gate. On a busy machine each
    gate then costs a time slice: a step of a 4-wire circuit took 156 ms instead of 2.1 (two processes on two cores),
    with short waits 4.4 to 6.1 ms. For narrow circuits ``OMP_NUM_THREADS=1``, set before Python starts, is better.

    OpenMP reads the environment once, when the first plugin loads it, so the variable is set for that moment only. Who
    has set any ``OMP_`` or ``GOMP_`` variable besides ``OMP_NUM_THREADS`` has chosen, and nothing is touched.
    """
    chosen = {name for name in os.environ if name.startswith(("OMP_", "GOMP_"))}
    if chosen - {"OMP_NUM_THREADS"}:
        yield
        return
    os.environ[_VARIABLE] = _TURNS
    try:
        yield
    finally:
        os.environ.pop(_VARIABLE, None)
