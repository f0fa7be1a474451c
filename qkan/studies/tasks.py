"""Independent tasks: one interface for everything that runs them, and what is said of those that fail."""

from __future__ import annotations

import os
import pickle
import sys
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self, TypeVar

import cloudpickle
from threadpoolctl import threadpool_limits

from circuits.errors import UsageError

__all__ = ["Executor", "Failure", "SerialExecutor", "TaskError", "answer", "execute"]

T = TypeVar("T")
R = TypeVar("R")

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

_POLL = 5
"""Seconds until an executor is asked again how many workers it has: some may have come."""

_MOST_WORKERS = 1000

_TOLD = 10
"""Failures that a message lists."""


@dataclass(frozen=True)
class Failure:
    """Why a task has no result.

    Attributes:
        reason: In one sentence: the exception, or that its worker died.
        traceback: Where in the task it happened; empty if it killed its worker.
    """

    reason: str
    traceback: str = ""


class TaskError(UsageError):
    """Some tasks failed; all others have been finished before this is raised.

    Args:
        failures: Why, by the tasks' names; at least one.
        total: How many tasks there were.

    Example:
        >>> print(TaskError({"seed 3": Failure("ValueError: no such width")}, total=5))
        1 of 5 tasks failed, the other 4 are finished.
          seed 3: ValueError: no such width
    """

    def __init__(self, failures: Mapping[str, Failure], total: int) -> None:
        self.failures, self.total = dict(failures), total
        failed = len(self.failures)
        rest = f", the other {total - failed} are finished" if failed < total else ""
        lines = [f"{failed} of {total} tasks failed{rest}."]
        lines += [f"  {n}: {f.reason}" for n, f in list(self.failures.items())[:_TOLD]]
        if failed > _TOLD:
            lines.append(f"  and {failed - _TOLD} more")
        super().__init__("\n".join(lines))
        for name, failure in self.failures.items():
            if failure.traceback:  # one is enough to begin with: often all fail alike
                self.add_note(f"\n{name}:\n{failure.traceback}")
                break


class Executor(ABC):
    """Runs independent tasks, somewhere; made by :func:`qkan.studies.executors.executor`.

    A context manager: processes and connections are opened by the first task, kept for the next and closed at the end.
    """

    def map(
        self, function: Callable[[T], R], tasks: Sequence[T], *, names: Sequence[str] | None = None
    ) -> list[R]:
        """Return ``[function(task) for task in tasks]``; see :meth:`unordered`.

        Example:
            >>> with SerialExecutor() as here:
            ...     here.map(abs, [-1, 2, -3])
            [1, 2, 3]
        """
        results = dict(self.unordered(function, tasks, names=names))
        return [results[index] for index in range(len(tasks))]

    def unordered(
        self, function: Callable[[T], R], tasks: Sequence[T], *, names: Sequence[str] | None = None
    ) -> Generator[tuple[int, R]]:
        """Yield each task's index and result as soon as it is there; closing the iterator stops what still runs.

        A task that raises, or that kills its worker twice, keeps no other from being finished. What a task does to its
        arguments is not seen outside of it.

        Args:
            function: What to do; it takes one task, and its result must not depend on other tasks.
            tasks: Small things rather than data: a task is sent to its worker.
            names: What the tasks are called in messages; by default ``task 0``, ``task 1``, ...

        Raises:
            TaskError: If tasks failed, after all others are finished; it names them.
            KeyboardInterrupt: At once, after what is there has been yielded.
        """
        called = [f"task {i}" for i in range(len(tasks))] if names is None else list(names)
        if len(called) != len(tasks):
            raise UsageError(f"expected a name for each of {len(tasks)} tasks, got {len(called)}")
        failures: dict[int, Failure] = {}
        with closing(self.outcomes(function, tasks)) as outcomes:
            for index, outcome in outcomes:
                if isinstance(outcome, Failure):
                    failures[index] = outcome
                else:
                    yield index, outcome
        if failures:
            raise TaskError({called[i]: failures[i] for i in sorted(failures)}, len(tasks))

    def outcomes(
        self, function: Callable[[T], R], tasks: Iterable[T]
    ) -> Generator[tuple[int, R | Failure]]:
        """Yield each task's index and its result or failure; a task is asked for when there is a worker for it.

        A thread of this process waits for each one that runs.
        """
        left = enumerate(tasks)
        pending: dict[Future[R | Failure], int] = {}
        with ThreadPoolExecutor(_MOST_WORKERS) as threads:
            try:
                while True:
                    for index, task in islice(left, max(0, max(1, self.workers) - len(pending))):
                        pending[threads.submit(self._call, function, task)] = index
                    if not pending:
                        return
                    for future in wait(pending, _POLL, return_when=FIRST_COMPLETED).done:
                        yield pending.pop(future), future.result()
            except KeyboardInterrupt:
                for future in [each for each in pending if each.done()]:
                    yield pending.pop(future), future.result()
                raise
            finally:
                if pending:
                    self.close()

    def _call(self, function: Callable[[T], R], task: T) -> R | Failure:
        try:
            # Functions of a notebook, lambdas and closures travel whole, those of a module by their name.
            content: bytes = cloudpickle.dumps((function, task))
        except Exception as error:
            return Failure(_CANNOT_BE_SENT.format(_told(error)))
        return self._run(content)  # type: ignore[no-any-return]

    @abstractmethod
    def _run(self, content: bytes) -> Any:
        """Carry out a packed call, and return its result or the :class:`Failure`."""

    @property
    @abstractmethod
    def workers(self) -> int:
        """How many tasks run at a time."""

    def close(self) -> None:  # noqa: B027  (not every executor has something to close)
        """End what runs, processes and connections; the next task opens them again."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class SerialExecutor(Executor):
    """Runs tasks in this process, in their order: the reference for every other executor."""

    workers = 1

    def _run(self, content: bytes) -> Any:
        return execute(content)

    def outcomes(
        self, function: Callable[[T], R], tasks: Iterable[T]
    ) -> Generator[tuple[int, R | Failure]]:
        """Yield each task's index and its result or failure, in order."""
        for index, task in enumerate(tasks):
            yield index, self._call(function, task)


def execute(content: bytes) -> Any:
    """Carry out a packed call on one thread; return its result, or the :class:`Failure`."""
    try:
        with _one_thread():
            try:
                function, task = cloudpickle.loads(content)
            except (ImportError, AttributeError) as error:
                return Failure(_UNKNOWN.format(_told(error)), traceback.format_exc())
            return function(task)
    except UsageError as error:
        return Failure(str(error), traceback.format_exc())
    except (Exception, SystemExit) as error:
        return Failure(_told(error), traceback.format_exc())


def answer(content: bytes) -> bytes:
    """Carry out a packed call, and pack its result, whose class may be a notebook's."""
    outcome = execute(content)
    try:
        return bytes(cloudpickle.dumps(outcome))
    except Exception as error:
        reason = f"its result, a {type(outcome).__name__}, cannot be sent back: {error}"
        return pickle.dumps(Failure(reason))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Give numerical libraries one thread, and processes that are started in here, too.

    Libraries in memory are told; those that are loaded later, and other processes, read it in the
    environment. A library that is loaded in here keeps its one thread.
    """
    torch = sys.modules.get("torch")  # it has a number of its own beside OpenMP's
    threads = torch.get_num_threads() if torch else 1
    before = dict(os.environ)
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        with threadpool_limits(1):
            if torch:
                torch.set_num_threads(1)
            yield
    finally:
        if torch:
            torch.set_num_threads(threads)
        for name in _THREADS:
            os.environ.pop(name, None)
        os.environ.update({name: before[name] for name in _THREADS if name in before})


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ")


_CANNOT_BE_SENT = (
    "it cannot be sent to another process ({}). Pass names, numbers and arrays, and open files, sessions and devices "
    "inside the task"
)

_UNKNOWN = "its worker does not know all of it ({}). Define circuits and classes in a module that workers can import"
