"""The kinds of backends, as text: a kind is imported when one of its names is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from circuits.backends.base import Backend

__all__ = ["KINDS", "kind_of"]

_PENNYLANE = "circuits.backends.devices:PennyLaneBackend"

KINDS: dict[str, str] = {
    "default.qubit": _PENNYLANE,
    "lightning.qubit": _PENNYLANE,
    "lightning.kokkos": _PENNYLANE,
    "lightning.gpu": _PENNYLANE,
    "default.mixed": _PENNYLANE,
    "aer": "circuits.backends.estimator.aer:AerBackend",
    "aer:DEVICE": "circuits.backends.estimator.fake:FakeDeviceBackend",
    "ibm:DEVICE": "circuits.backends.estimator.ibm:IBMBackend",
}
"""The kind of each listed name, ``module:class``; DEVICE stands for a name. All others are PennyLane devices."""


def kind_of(name: str) -> type[Backend]:
    """Return the class of the backend of this name.

    Example:
        >>> kind_of("aer:fake_manila").__name__
        'FakeDeviceBackend'
    """
    head, colon, _ = name.partition(":")
    module, _, kind = KINDS.get(f"{head}:DEVICE" if colon else head, _PENNYLANE).partition(":")
    found: type[Backend] = getattr(import_module(module), kind)
    return found
