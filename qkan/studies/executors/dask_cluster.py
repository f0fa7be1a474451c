"""Tasks on a Dask cluster: on this machine, or wherever a scheduler's workers are."""

from __future__ import annotations

import json
import logging
import socket
import warnings
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

from circuits.errors import MissingExtraError, UsageError
from qkan.studies.executors.base import Executor
from qkan.studies.executors.call import execute
from qkan.studies.executors.failures import Failure

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["DaskExecutor"]

_PATIENCE = 5
"""Seconds for a scheduler to answer."""

_DEATHS = 3
"""Workers that one task may kill on a cluster of ours; a scheduler has its own number."""


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
        self._scheduler = scheduler
        self._wanted = workers
        self._cluster: Any = None
        self._client: Client | None = self._open()

    @property
    def workers(self) -> int:  # noqa: D102
        return sum(self._connected().nthreads().values())

    def close(self) -> None:  # noqa: D102
        for each in (self._client, self._cluster):
            if each is not None:
                each.close()
        self._client = self._cluster = None

    def _outcomes(self, calls: Iterator[bytes | Failure]) -> Generator[tuple[int, Any]]:
        from distributed import KilledWorker
        from distributed.comm.core import CommClosedError

        client = self._connected()
        if self._scheduler and not self.workers:
            warnings.warn(
                f"the scheduler {self._scheduler} has no workers yet; waiting for the first",
                stacklevel=3,
            )
        run, numbered, left = uuid4().hex, enumerate(calls), True
        pending: dict[Any, int] = {}
        try:
            while left or pending:
                while left and len(pending) < max(1, self.workers):
                    index, content = next(numbered, (-1, b""))
                    left = index >= 0
                    if isinstance(content, Failure):
                        yield index, content
                    elif left:
                        key = f"qkan-{run}-{index}"
                        pending[client.submit(execute, content, key=key, pure=False)] = index
                for future in self._finished(pending):
                    try:
                        outcome = future.result()
                    except KilledWorker as error:
                        outcome = Failure(_GIVEN_UP.format(error.allowed_failures + 1))
                    except CancelledError:
                        raise
                    except Exception as error:
                        outcome = Failure(f"it could not be run on the cluster: {error!r}")
                    future.release()
                    yield pending.pop(future), outcome
        except (CancelledError, CommClosedError) as error:
            raise UsageError(_GONE.format(self._scheduler or "")) from error
        finally:
            if pending:
                with suppress(Exception):  # the cluster may be gone
                    client.cancel(list(pending), force=True)

    def _finished(self, pending: Iterable[Any]) -> set[Any]:
        """Wait for the first of them, but not for long: meanwhile, workers may have come."""
        from distributed import wait

        futures = list(pending)
        with self._connected().as_current(), suppress(TimeoutError):
            if futures:
                return set(wait(futures, timeout=_PATIENCE, return_when="FIRST_COMPLETED").done)
        return set()

    def _connected(self) -> Client:
        if self._client is None:
            self._client = self._open()
        return self._client

    def _open(self) -> Client:
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
                "distributed.scheduler.allowed-failures": _DEATHS - 1,
                "distributed.scheduler.worker-saturation": 1.0,  # none waits where another dies
            }
            with dask.config.set(settings):
                self._cluster = LocalCluster(
                    n_workers=self._wanted,
                    threads_per_worker=1,
                    memory_limit=0,  # as for processes: what is there may be used
                    dashboard_address=":0",
                    silence_logs=logging.CRITICAL,
                )
            return Client(self._cluster, set_as_default=False)
        address = _reachable(self._scheduler)
        try:
            return Client(address, timeout=_PATIENCE, set_as_default=False)
        except (OSError, ValueError) as error:
            raise UsageError(_NOT_THERE.format(self._scheduler, error)) from error


def _reachable(scheduler: str) -> str:
    """Return the address of a scheduler where something answers; Dask itself would try on and on."""
    address = scheduler
    try:
        if scheduler.endswith(".json"):
            address = str(json.loads(Path(scheduler).read_text(encoding="utf-8"))["address"])
        parts = urlsplit(address)
        known = parts.scheme in ("tcp", "tls") and parts.hostname and parts.port
        if known:
            socket.create_connection((parts.hostname, parts.port), timeout=_PATIENCE).close()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(_NOT_THERE.format(scheduler, error)) from error
    if not known:
        raise UsageError(_NOT_THERE.format(address, "expected tcp://HOST:PORT or tls://HOST:PORT"))
    return address


_NOT_THERE = (
    "no Dask scheduler answers at {} ({}). Start one with `dask scheduler` and its workers with `dask worker ADDRESS`, "
    "or leave --scheduler out and use --workers N on this machine"
)

_GONE = (
    "the Dask scheduler {} went away. What was finished before is kept; start a scheduler again and continue the run "
    "with --resume"
)

_GIVEN_UP = (
    "it was tried {} times and its worker always died. Run it alone with --workers 1 to see why; if it needs more "
    "memory, give the workers more"
)
