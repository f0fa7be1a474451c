"""Backends by name."""

from __future__ import annotations

from circuits.backends.auto import choose
from circuits.backends.base import Backend, BackendInfo, check_integer
from circuits.backends.kinds import KINDS, kind_of
from circuits.backends.noise import Noise
from circuits.backends.probe import installed_devices
from circuits.errors import UsageError

__all__ = ["backend", "backend_names", "backend_table"]


def backend(
    name: str | Backend = "auto",
    *,
    shots: int | None = None,
    seed: int | None = None,
    noise: str | Noise | None = None,
    wires: int | None = None,
    batch: int | None = None,
) -> Backend:
    """Return the backend of a name, which is there and works: never a substitute for another.

    Args:
        name: ``"auto"``, a listed name (``"aer:fake_manila"`` for ``"aer:DEVICE"``) or any installed
            PennyLane device; a ``Backend`` is returned as it is, so that functions can take either.
        shots: Samples for each expectation value; ``None`` for exact values.
        seed: Where the samples start; ``None`` for fresh entropy in each run.
        noise: A channel after each gate, such as ``"depolarizing:0.01"``.
        wires: The width of the circuits to come; only ``auto`` looks at it.
        batch: How many inputs will be run at a time; only ``auto`` looks at it.

    Raises:
        MissingExtraError: If the backend comes with an extra that is not installed.
        UsageError: If the name is unknown, the backend cannot be made here, or it cannot do what
            is asked of it.

    Example:
        >>> backend("default.qubit", shots=1024, seed=1)
        PennyLaneBackend(name='default.qubit', shots=1024, seed=1, noise=None)
        >>> backend("auto", noise="depolarizing:0.01").reason
        'depolarizing:0.01 noise needs density matrices'
    """
    if isinstance(name, Backend):
        if (shots, seed, noise) != (None, None, None):
            raise UsageError(
                f"shots, seed and noise belong to the backend value {name}; change them with "
                "dataclasses.replace, or pass its name."
            )
        return name
    if not isinstance(name, str):
        raise UsageError(f"a backend is asked for by name, got {type(name).__name__}: {name!r}.")
    check_integer("wires", wires, least=1)
    check_integer("batch", batch, least=1)
    channel = Noise.parse(noise) if isinstance(noise, str) else noise
    reason = ""
    if name == "auto":
        name, reason = choose(wires, batch, channel)
    return kind_of(name)(name, shots=shots, seed=seed, noise=channel, reason=reason)


def backend_names() -> tuple[str, ...]:
    """Return the listed names, then those of the other installed PennyLane devices."""
    return (*KINDS, *(name for name in installed_devices() if name not in KINDS))


def backend_table() -> list[BackendInfo]:
    """Return what is known of each backend here: a row for each of ``backend_names()``.

    Example:
        >>> next(row.gradient for row in backend_table() if row.name == "lightning.qubit")
        'adjoint'
    """
    return [kind_of(name).info(name) for name in backend_names()]
