"""Which PennyLane devices are here, which work, what they can do, and why the others do not."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pennylane as qml

from circuits.backends.base import BackendInfo
from circuits.backends.kinds import KINDS
from circuits.backends.threads import short_waits
from circuits.errors import MissingExtraError, UsageError, unknown_name

__all__ = ["EXTRAS", "installed_devices", "probe", "require_usable"]

EXTRAS = {"lightning.gpu": "gpu", "lightning.kokkos": "kokkos"}
"""Devices that an extra of this distribution brings."""

_UNFIT = {"null.qubit": "it computes nothing and returns zeros"}
"""Devices that would run our circuits and return wrong values."""


def installed_devices() -> tuple[str, ...]:
    """Return the names of all PennyLane devices whose package is installed, sorted."""
    return tuple(sorted(qml.plugin_devices))


def probe(name: str) -> BackendInfo:
    """Find out what a PennyLane device can do here, by making one of one wire.

    Nothing is executed, so that asking costs nothing on devices that are paid for. That a plugin is
    installed says little: ``lightning.gpu`` needs a driver and a suitable GPU, and only making the
    device tells (``is_gpu_supported()`` is true without a driver). So nothing is remembered.

    Args:
        name: A PennyLane device name.

    Example:
        >>> probe("default.qubit").gradient
        'backprop'
    """
    if name not in qml.plugin_devices:
        return BackendInfo(name, installed=False, usable=False, why_not=_how_to_install(name))
    try:
        with warnings.catch_warnings(), short_waits():
            # Unfit devices warn that they know no qubit gates.
            warnings.simplefilter("ignore")
            device = qml.device(name, wires=1)
            _require_qubits(device)
    # Plugins fail in their own ways (no driver, no library, missing arguments): all are reasons.
    except Exception as error:
        return BackendInfo(name, installed=True, usable=False, why_not=_one_line(error))
    if name in _UNFIT:
        return BackendInfo(name, installed=True, usable=False, why_not=_UNFIT[name])
    return BackendInfo(
        name,
        installed=True,
        usable=True,
        gradient=_gradient(device),
        native_batching=_count_tapes(device, np.zeros(2)) == 1,
        shots=_takes_shots(device),
        seed="seed" in inspect.signature(qml.plugin_devices[name].load()).parameters,
        noise=name == "default.mixed",
    )


def require_usable(name: str) -> BackendInfo:
    """Return what the device can do, or raise what keeps it from working.

    Raises:
        MissingExtraError: If it comes with an extra of ours that is not installed.
        UsageError: If it is unknown, cannot be made, or runs no qubit circuits.
    """
    info = probe(name)
    if info.usable:
        return info
    if info.installed:
        raise UsageError(f"backend {name!r} is installed but not usable: {info.why_not}.")
    if name in EXTRAS:
        raise MissingExtraError(f"backend {name!r} is {info.why_not}")
    raise unknown_name("backend", name, {"auto", *KINDS, *installed_devices()})


def _how_to_install(name: str) -> str:
    if name in EXTRAS:
        return f'not installed; pip install "hybrid-qkan[{EXTRAS[name]}]"'
    return "no installed PennyLane plugin has a device of this name"


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


def _one_line(error: Exception) -> str:
    """Return the message's first paragraph, without the traceback's line breaks."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text.rstrip(".")
