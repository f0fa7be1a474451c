"""Tasks in spawned processes, each with a pipe of its own: a death costs one task's time."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import wait
from typing import Any

from circuits.errors import UsageError
from qkan.experiments.executors.base import Executor, Task
from qkan.experiments.executors.failures import Failure
from qkan.experiments.executors.worker import Worker, WorkerDiedError

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

    def _outcomes(self, tasks: Sequence[Task]) -> Generator[tuple[int, Any]]:
        waiting = deque(range(len(tasks)))
        busy: dict[Any, tuple[Worker, int]] = {}
        died: Counter[int] = Counter()
        try:
            while waiting or busy:
                while waiting and len(busy) < self._workers:
                    index = waiting.popleft()
                    content = tasks[index]()
                    if isinstance(content, Failure):
                        yield index, content
                        continue
                    worker = self._free_worker()
                    busy[worker.connection] = worker, index
                    worker.send(content)
                for connection in wait(list(busy)):
                    worker, index = busy[connection]
                    try:
                        done, outcome = worker.answer()
                    except WorkerDiedError as error:
                        del busy[connection]
                        worker.close()
                        died[index] += 1
                        if worker.never_started:
                            raise UsageError(_CANNOT_START.format(error)) from error
                        if died[index] < self._deaths:
                            waiting.append(index)
                        else:
                            yield index, Failure(_GIVEN_UP.format(self._deaths, error))
                        continue
                    if done:
                        del busy[connection]
                        self._idle.append(worker)
                        yield index, outcome
        except KeyboardInterrupt:
            yield from _already_there(busy)
            raise
        finally:
            for worker, _ in busy.values():
                worker.close()


def _already_there(busy: dict[Any, tuple[Worker, int]]) -> Iterator[tuple[int, Any]]:
    """Yield what was finished while the interrupt came."""
    for worker, index in busy.values():
        with suppress(WorkerDiedError):
            while worker.connection.poll():
                done, outcome = worker.answer()
                if done:
                    yield index, outcome


_GIVEN_UP = (
    "it was tried {} times and its worker always died, the last one {}. Run it alone with --workers 1 to see why; "
    "if it needs more memory, use fewer workers or a smaller task"
)

_CANNOT_START = (
    "a worker process could not start: it {}, its own message is above. In a script, put what starts the work under "
    "if __name__ == '__main__', for every worker imports the script"
)
