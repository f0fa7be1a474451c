"""How the threads of PennyLane's lightning plugins wait for one another."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["short_waits"]

_VARIABLE = "GOMP_SPINCOUNT"
_TURNS = "1000"
"""Turns of the waiting loop before a thread goes to sleep."""


@contextmanager
def short_waits() -> Iterator[None]:
    """Let OpenMP threads that are started in here wait by sleeping, not by spinning.

    ``lightning.*`` starts a thread for each core, and GNU's OpenMP lets them spin at every gate. On
    a machine that is busy with anything else, each gate then costs a time slice: a step of a
    4-wire circuit took 156 ms instead of 2.1 (two processes on two cores, PennyLane 0.45), with
    short waits 4.4 to 6.1 ms; alone 4.3 instead of 2.1 ms. Wide circuits keep their threads.

    OpenMP reads the environment once, when the first plugin loads it, so the variable is set for
    that moment only. Who has set any ``OMP_`` or ``GOMP_`` variable besides
    ``OMP_NUM_THREADS`` has chosen, and nothing is touched. For many narrow circuits
    ``OMP_NUM_THREADS=1``, set before Python starts, is better still.
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
