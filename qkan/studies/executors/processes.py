"""Tasks in spawned processes, each with a pipe of its own: a death costs one task's time."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any

from circuits.errors import UsageError
from qkan.studies.executors.base import Executor
from qkan.studies.executors.failures import Failure
from qkan.studies.executors.worker import Worker, WorkerDiedError

__all__ = ["ProcessExecutor"]


class ProcessExecutor(Executor):
    """Runs tasks in a pool of processes on this machine.

    A process that dies (killed, out of memory, a crash in a library) loses the task that it was at; that task is tried
    again in a new process, after all others that wait. When it has killed so many processes that it must be its own
    doing, it is given up and named.

    The pools that are there break whole: after one death, :class:`concurrent.futures.ProcessPoolExecutor` and loky
    fail every task that runs or waits, and do not tell which one was at fault; Pebble's processes share one pipe and
    its locks, which a killed one may hold. Here is nothing that two of them share.

    Args:
        workers: How many processes.
        deaths: Processes that one task may kill before it is given up.

    Raises:
        UsageError: If either is below one; from :meth:`map`, if processes cannot even start.
    """

    def __init__(self, workers: int, *, deaths: int = 3) -> None:
        if workers < 1 or deaths < 1:
            raise UsageError(f"expected 1 worker and 1 death or more, got {workers} and {deaths}")
        self._workers = workers
        self._deaths = deaths
        self._idle: list[Worker] = []

    @property
    def workers(self) -> int:  # noqa: D102
        return self._workers

    def close(self) -> None:  # noqa: D102
        while self._idle:
            self._idle.pop().close()

    def _free_worker(self) -> Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
            worker.close()
        return Worker()

    def _outcomes(self, calls: Iterator[bytes | Failure]) -> Generator[tuple[int, Any]]:
        numbered = enumerate(calls)
        again: deque[_Call] = deque()
        busy: dict[Any, tuple[Worker, _Call]] = {}
        try:
            while True:
                while len(busy) < self._workers:
                    index, content = next(numbered, (-1, b""))
                    if isinstance(content, Failure):
                        yield index, content
                        continue
                    if index < 0 and not again:
                        break
                    call = _Call(index, content) if index >= 0 else again.popleft()
                    worker = self._free_worker()
                    busy[worker.connection] = worker, call
                    worker.send(call.content)
                if not busy:
                    return
                for connection in wait(list(busy)):
                    worker, call = busy[connection]
                    answered, outcome = self._answer(worker, call)
                    if not answered:
                        continue
                    del busy[connection]
                    if outcome is _TRY_AGAIN:
                        again.append(call)
                    else:
                        yield call.index, outcome
        except KeyboardInterrupt:
            yield from _already_there(busy)
            raise
        finally:
            for worker, _ in busy.values():
                worker.close()

    def _answer(self, worker: Worker, call: _Call) -> tuple[bool, Any]:
        """Return whether the worker is through with the call, and the outcome."""
        try:
            done, outcome = worker.answer()
        except WorkerDiedError as error:
            worker.close()
            if worker.never_started:
                raise UsageError(_CANNOT_START.format(error)) from error
            call.deaths += 1
            if call.deaths < self._deaths:
                return True, _TRY_AGAIN
            return True, Failure(_GIVEN_UP.format(call.deaths, error))
        if done:
            self._idle.append(worker)
        return done, outcome


_TRY_AGAIN = object()


@dataclass
class _Call:
    """A packed call, and how many workers have died of it."""

    index: int
    content: bytes
    deaths: int = 0


def _already_there(busy: dict[Any, tuple[Worker, _Call]]) -> Iterator[tuple[int, Any]]:
    """Yield what was finished while the interrupt came."""
    for worker, call in busy.values():
        with suppress(WorkerDiedError):
            while worker.connection.poll():
                done, outcome = worker.answer()
                if done:
                    yield call.index, outcome


_GIVEN_UP = (
    "it was tried {} times and its worker always died, the last one {}. Run it alone with --workers 1 to see why; "
    "if it needs more memory, use fewer workers or a smaller task"
)

_CANNOT_START = (
    "a worker process could not start: it {}, its own message is above. In a script, put what starts the work under "
    "if __name__ == '__main__', for every worker imports the script"
)
