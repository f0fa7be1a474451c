"""The choice that ``auto`` makes, and its reason."""

from __future__ import annotations

from circuits.backends.noise import Noise
from circuits.backends.probe import probe

__all__ = ["choose"]

_WIDE = 13
_FEW = 3


def choose(wires: int | None, batch: int | None, noise: Noise | None) -> tuple[str, str]:
    """Return the name of the device to take, and why.

    Noise needs ``default.mixed``. Else ``lightning.gpu`` is taken if it can be made, else
    the fastest CPU device. ``default.qubit`` runs a batch as one array, ``lightning.qubit`` one
    circuit for each sample, but each gate in C++. Measured with one thread on a 2-core machine,
    PennyLane 0.45, two layers of CNOT rings and rotations, milliseconds for a batch
    (default.qubit / lightning.qubit):

    ===== ========= ========== ===========
    wires batch 1   batch 20   batch 200
    ===== ========= ========== ===========
    4     2.9 / 1.6 3.0 / 13   3.8 / 133
    10    7.1 / 3.5 15 / 31    108 / 289
    12    9.3 / 3.9 28 / 38    411 / 371
    14    15 / 5.2  115 / 56   2837 / 526
    20    718 / 142 28 s / 2 s 254 s / 28 s
    ===== ========= ========== ===========

    ``lightning.kokkos`` was never the fastest (1.0 to 2.1 times ``lightning.qubit``), so ``auto``
    leaves it to those who ask for it.

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
        return (
            "default.qubit",
            f"fastest CPU device for batches on fewer than {_WIDE} wires; {no_gpu}",
        )
    lightning = probe("lightning.qubit")
    if not lightning.usable:
        why = f"lightning.qubit, faster here, is not usable ({lightning.why_not}); {no_gpu}"
        return "default.qubit", why
    what = f"{_WIDE} wires or more" if wide else f"{_FEW} samples or fewer at a time"
    return "lightning.qubit", f"fastest CPU device for {what}; {no_gpu}"
