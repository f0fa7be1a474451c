"""From a name to an executor."""

from __future__ import annotations

import os

from circuits.errors import UsageError, unknown_name
from qkan.studies.executors.base import Executor
from qkan.studies.executors.serial import SerialExecutor

__all__ = ["executor"]

_NAMES = ("serial", "processes", "dask")
_CHOICES = (*_NAMES, "tcp://HOST:PORT", "tls://HOST:PORT", "FILE.json")


def executor(name: str | None = None, workers: int | None = None) -> Executor:
    """Return the executor of a name; the table is in :mod:`qkan.studies.executors`.

    Args:
        name: ``serial``, ``processes``, ``dask``, or the address or the file of a Dask scheduler. By default serial
            for one worker and processes for more.
        workers: How many tasks run at a time; by default as many as there are cores for ``processes`` and ``dask``. A
            scheduler has workers of its own.

    Raises:
        UsageError: If there is none of that name, or the number of workers does not suit it.
        MissingExtraError: If it needs Dask, which the extra ``cluster`` brings.

    Example:
        >>> executor(workers=4).workers
        4
        >>> executor("treads")
        Traceback (most recent call last):
        circuits.errors.UsageError: unknown executor 'treads'. Known: ...
    """
    if workers is not None and workers < 1:
        raise UsageError(f"expected 1 worker or more, got {workers}")
    if name is None:
        name = "serial" if workers in (None, 1) else "processes"
    if name == "serial":
        if workers not in (None, 1):
            raise UsageError(f"'serial' has one worker, got {workers}; ask for 'processes'")
        return SerialExecutor()
    if name == "processes":
        from qkan.studies.executors.processes import ProcessExecutor

        return ProcessExecutor(workers or cores())
    from qkan.studies.executors.dask_cluster import DaskExecutor

    if name == "dask":
        return DaskExecutor(workers=workers or cores())
    if "://" in name or name.endswith(".json"):
        if workers is not None:
            raise UsageError(
                f"the scheduler {name} has workers of its own, got workers={workers}: leave it out"
            )
        return DaskExecutor(name)
    raise unknown_name("executor", name, _CHOICES)


def cores() -> int:
    """Return how many processors this process may use (a batch system grants a part of them)."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    return len(affinity(0)) if affinity else os.cpu_count() or 1
