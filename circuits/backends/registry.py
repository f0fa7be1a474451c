"""Backends by name, and the choice that ``auto`` makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pennylane.operation import Channel

from circuits.backends.base import KINDS, Backend, BackendInfo, kind_of
from circuits.backends.noise import Noise
from circuits.backends.pennylane import installed_devices, probe
from circuits.errors import UsageError, check_integer, unknown_name

if TYPE_CHECKING:
    from circuits.definition import Circuit

__all__ = ["backend", "backend_names", "backend_table", "choose"]


_OPTIONS = ("shots", "seed", "noise", "wires", "batch", "circuit")


def backend(
    name: str | Backend = "auto",
    *,
    shots: int | None = None,
    seed: int | None = None,
    noise: str | Noise | None = None,
    wires: int | None = None,
    batch: int | None = None,
    circuit: Circuit | None = None,
    **unknown: object,
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
        circuit: What will be run; ``auto`` looks at its wires, and whether it has channels.
        **unknown: Refused by name.

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
    for option in unknown:
        raise unknown_name("option of a backend", option, _OPTIONS)
    if isinstance(name, Backend):
        if (shots, seed, noise) != (None, None, None):
            raise UsageError(
                f"shots, seed and noise belong to the backend value {name}; change them with "
                "dataclasses.replace, or pass its name."
            )
        return name
    if not isinstance(name, str):
        raise UsageError(f"a backend is asked for by name, got {type(name).__name__}: {name!r}.")
    for what, hint in (("wires", wires), ("batch", batch)):
        if hint is not None:
            check_integer(what, hint)
    channel = Noise.parse(noise) if isinstance(noise, str) else noise
    reason = ""
    if name == "auto":
        if circuit is not None and any(isinstance(gate, Channel) for gate in circuit.table.gates):
            name, reason = "default.mixed", "the circuit's channels need density matrices"
        else:
            wires = wires if circuit is None else circuit.num_wires
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


_WIDE = 13
_FEW = 3


def choose(wires: int | None, batch: int | None, noise: Noise | None) -> tuple[str, str]:
    """Return the name of the device to take, and why.

    Noise needs ``default.mixed``. Else ``lightning.gpu`` is taken if it can be made, else the fastest CPU device:
    ``default.qubit`` runs a batch as one array, ``lightning.qubit`` one circuit for each sample, but each gate in C++.
    Milliseconds (default.qubit / lightning.qubit) on one thread, PennyLane 0.45, two layers of CNOT rings and
    rotations; ``lightning.kokkos`` was never the fastest:

    ===== ========= ========== ===========
    wires batch 1   batch 20   batch 200
    ===== ========= ========== ===========
    4     2.9 / 1.6 3.0 / 13   3.8 / 133
    12    9.3 / 3.9 28 / 38    411 / 371
    14    15 / 5.2  115 / 56   2837 / 526
    ===== ========= ========== ===========

    Args:
        wires: The circuit's width; ``None`` (unknown) counts as narrow.
        batch: How many inputs are run at a time; ``None`` (unknown) counts as many.
        noise: The noise asked for.
    """
    if noise is not None:
        return "default.mixed", f"{noise} noise needs density matrices"
    gpu = probe("lightning.gpu")
    if gpu.usable:
        return "lightning.gpu", "a GPU that works is here"
    no_gpu = f"lightning.gpu is not usable ({gpu.why_not})"
    wide = wires is not None and wires >= _WIDE
    few = batch is not None and batch <= _FEW
    if not wide and not few:
        why = f"fastest CPU device for batches on fewer than {_WIDE} wires; {no_gpu}"
        return "default.qubit", why
    lightning = probe("lightning.qubit")
    if not lightning.usable:
        why = f"lightning.qubit, faster here, is not usable ({lightning.why_not}); {no_gpu}"
        return "default.qubit", why
    what = f"{_WIDE} wires or more" if wide else f"{_FEW} samples or fewer at a time"
    return "lightning.qubit", f"fastest CPU device for {what}; {no_gpu}"
