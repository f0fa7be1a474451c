"""Where independent tasks run: here, in a pool of processes, or on a Dask cluster.

The results are the same numbers everywhere, bit by bit on one kind of machine: a task travels as bytes also where it
runs in this process (so it works on its own copy of a generator), and wherever it runs it has one thread (a sum's
rounding depends on how many share it).

=====================  ============================================================================
``executor("serial")``  One task after the other, in this process.
``"processes"``         A pool of processes; ``workers=N``, by default one a core.
``"dask"``              A Dask cluster on this machine; ``workers=N``.
``"tcp://HOST:PORT"``   A Dask scheduler that is running; also ``tls://`` or its ``scheduler.json``.
=====================  ============================================================================

A cluster of batch jobs is a Dask scheduler, too: dask-jobqueue submits the workers, and its address is given to
``--scheduler``. On SLURM, from a session that stays open while the run lasts::

    from dask_jobqueue import SLURMCluster
    cluster = SLURMCluster(cores=8, processes=8, memory="32GB", walltime="08:00:00",
                           worker_extra_args=["--lifetime", "7h50m"])
    cluster.scale(jobs=20)
    print(cluster.scheduler_address)        # qkan sweep CONFIG.toml --scheduler tcp://...

and on HTCondor the same with ``HTCondorCluster(cores=1, memory="4GB", disk="4GB")``. ``processes`` equal to ``cores``
gives every worker one thread. The workers need the same Python and the same version of this package as the session.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import pickle
import signal
import threading
import warnings
from concurrent.futures import CancelledError, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circuits.errors import MissingExtraError, UsageError, unknown_name
from qkan.studies.tasks import Executor, Failure, SerialExecutor, answer

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["DaskExecutor", "ProcessExecutor", "executor"]

_PATIENCE = 5
"""Seconds for a scheduler to answer."""


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
        return ProcessExecutor(workers or _cores())
    if name == "dask":
        return DaskExecutor(workers=workers or _cores())
    if "://" in name or name.endswith(".json"):
        if workers is not None:
            raise UsageError(
                f"the scheduler {name} has workers of its own, got workers={workers}: leave it out"
            )
        return DaskExecutor(name)
    choices = ("serial", "processes", "dask", "tcp://HOST:PORT", "tls://HOST:PORT", "FILE.json")
    raise unknown_name("executor", name, choices)


class ProcessExecutor(Executor):
    """Runs tasks in a pool of processes on this machine.

    When a process dies (killed, out of memory, a crash in a library), the pool breaks and is made anew. Nobody can say
    which of the tasks that it ran was at fault, so each of them is run again alone, in a process of its own; one that
    dies there, too, is given up and named.

    Args:
        workers: How many processes.

    Raises:
        UsageError: From a task, if processes cannot even start.
    """

    workers = 1

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None
        self._open: set[ProcessPoolExecutor] = set()
        self._times_closed = 0

    def close(self) -> None:
        """End the processes, whatever they do; the next task starts new ones."""
        with self._lock:
            self._times_closed += 1
            for pool in self._open:
                processes = list((pool._processes or {}).values())
                pool.shutdown(wait=False, cancel_futures=True)
                for process in processes:  # shutdown() alone would wait for what they do
                    process.kill()
            self._open.clear()
            self._pool = None

    def _run(self, content: bytes) -> Any:
        with self._lock:
            times_closed = self._times_closed
            pool = self._pool = self._pool or self._started(self.workers)
        outcome = _ask(pool, content)
        if outcome is not None:
            return pickle.loads(outcome)
        with self._lock:
            if times_closed != self._times_closed:
                return Failure("it was stopped")
            if self._pool is pool:
                self._pool = None
                self._open.discard(pool)
            alone = self._started(1)
        outcome = _ask(alone, content)
        alone.shutdown()
        self._open.discard(alone)
        return Failure(_GIVEN_UP) if outcome is None else pickle.loads(outcome)

    def _started(self, workers: int) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(workers, context, _begin)
        try:
            pool.submit(os.getpid).result()
        except BrokenProcessPool as error:
            raise UsageError(_CANNOT_START) from error
        self._open.add(pool)
        return pool


def _ask(pool: ProcessPoolExecutor, content: bytes) -> bytes | None:
    """Return the answer to a packed call, or None if the pool broke or was shut down."""
    try:
        return pool.submit(answer, content).result()
    except (BrokenProcessPool, CancelledError, RuntimeError):
        return None


class DaskExecutor(Executor):
    """Runs tasks on a Dask cluster, which gives the tasks of a dead worker to others.

    The connection is made at once, so that an address that is wrong is found before the work begins. A task that is
    running on somebody's cluster when the run is interrupted goes on to its end there, and its result is dropped.

    Args:
        scheduler: The address of a scheduler, or the JSON file that it wrote; None starts a cluster on this machine.
        workers: How many processes that cluster has, each with one thread.

    Raises:
        MissingExtraError: If Dask is not installed.
        UsageError: If there is no scheduler.
    """

    def __init__(self, scheduler: str | None = None, *, workers: int | None = None) -> None:
        self._scheduler, self._wanted = scheduler, workers
        self._lock = threading.Lock()
        self._cluster: Any = None
        self._client: Client | None = self._connect()
        if scheduler and not self.workers:
            warnings.warn(
                f"the scheduler {scheduler} has no workers yet; waiting for the first", stacklevel=3
            )

    @property
    def workers(self) -> int:
        """How many tasks run at a time; it changes while a scheduler's workers come and go."""
        return sum(self._connected().nthreads().values())

    def close(self) -> None:
        """End the connection, and the cluster if it is ours."""
        with self._lock:
            for each in (self._client, self._cluster):
                if each is not None:
                    each.close()
            self._client = self._cluster = None

    def _run(self, content: bytes) -> Any:
        from distributed import KilledWorker
        from distributed.comm.core import CommClosedError

        try:
            future = self._connected().submit(answer, content, pure=False)
            return pickle.loads(future.result())
        except KilledWorker:
            return Failure(_GIVEN_UP)
        except (CancelledError, CommClosedError) as error:
            raise UsageError(_GONE.format(self._scheduler or "")) from error
        except Exception as error:
            return Failure(f"it could not be run on the cluster: {error!r}")

    def _connected(self) -> Client:
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> Client:
        try:
            import dask
            from distributed import Client, LocalCluster
        except ImportError as error:
            raise MissingExtraError(
                "Dask is not installed; the extra 'cluster' brings it: "
                "pip install 'hybrid-qkan[cluster]'"
            ) from error
        if self._scheduler is None:
            settings = {
                "distributed.scheduler.allowed-failures": 1,  # as for processes
                "distributed.scheduler.worker-saturation": 1.0,  # none waits where another dies
            }
            with dask.config.set(settings):
                self._cluster = LocalCluster(
                    n_workers=self._wanted,
                    threads_per_worker=1,
                    memory_limit=0,  # as for processes: what is there may be used
                    host="127.0.0.1",
                    dashboard_address=None,
                    silence_logs=logging.CRITICAL,
                )
            return Client(self._cluster, set_as_default=False)
        try:
            address = self._scheduler
            if address.endswith(".json"):
                address = json.loads(Path(address).read_text(encoding="utf-8"))["address"]
            return Client(address, timeout=_PATIENCE, set_as_default=False)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(_NOT_THERE.format(self._scheduler, error)) from error


def _cores() -> int:
    """Return how many processors this process may use (a batch system grants a part of them)."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _begin() -> None:
    """Begin a process of the pool: it leaves Ctrl-C to its parent, and ends when that does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


_GIVEN_UP = (
    "its worker died, and died again of this task alone (was there too little memory?). Run it with --workers 1 to see "
    "why; if it needs more memory, use fewer workers or a smaller task"
)

_CANNOT_START = (
    "a worker process could not start: its own message is above. In a script, put what starts the work under "
    "if __name__ == '__main__', for every worker imports the script"
)

_NOT_THERE = (
    "no Dask scheduler answers at {} ({}); expected tcp://HOST:PORT or tls://HOST:PORT. Start one with "
    "`dask scheduler` and its workers with `dask worker ADDRESS`, or leave --scheduler out and use --workers N here"
)

_GONE = (
    "the Dask scheduler {} went away. What was finished before is kept; start a scheduler again and continue the run "
    "with --resume"
)
