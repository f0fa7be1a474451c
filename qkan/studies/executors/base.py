"""The one interface of everything that runs tasks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from types import TracebackType
from typing import Any, Self, TypeVar

from circuits.errors import UsageError
from qkan.studies.executors.call import pack
from qkan.studies.executors.failures import Failure, TaskError

__all__ = ["Executor"]

T = TypeVar("T")
R = TypeVar("R")


class Executor(ABC):
    """Runs independent tasks, somewhere; made by :func:`qkan.studies.executors.executor`.

    A context manager: processes and connections are opened by the first :meth:`map`, kept for the next and closed at
    the end.
    """

    def map(
        self,
        function: Callable[[T], R],
        tasks: Sequence[T],
        on_result: Callable[[int, R], None] | None = None,
        *,
        names: Sequence[str] | None = None,
    ) -> list[R]:
        """Return ``[function(task) for task in tasks]``.

        A task that raises, or that kills its worker again and again, keeps no other from being finished. What a task
        does to its arguments is not seen outside of it.

        Args:
            function: What to do; it takes one task, and its result must not depend on other tasks.
            tasks: Small things rather than data: a task is sent to its worker.
            on_result: Is given a task's index and result as soon as it is there, in the calling thread and in any
                order: to keep it, so that nothing is lost whatever follows.
            names: What the tasks are called in messages; by default ``task 0``, ``task 1``, ...

        Raises:
            TaskError: If tasks failed, after all others are finished; it names them.
            KeyboardInterrupt: At once; results that are there have been given to ``on_result``.

        Example:
            >>> from qkan.studies.executors import executor
            >>> with executor("serial") as here:
            ...     here.map(abs, [-1, 2, -3], lambda index, result: print(index, result))
            0 1
            1 2
            2 3
            [1, 2, 3]
        """
        results: dict[int, R] = {}
        with closing(self.unordered(function, tasks, names=names)) as finished:
            for index, result in finished:
                results[index] = result
                if on_result is not None:
                    on_result(index, result)
        return [results[index] for index in range(len(tasks))]

    def unordered(
        self, function: Callable[[T], R], tasks: Sequence[T], *, names: Sequence[str] | None = None
    ) -> Generator[tuple[int, R]]:
        """Yield each task's index and result as soon as it is there, and keep none of them; see :meth:`map`.

        Closing the iterator stops what still runs.
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
        """Yield each task's index and result as soon as it is there, or why it has none.

        The next task is taken when a worker is free, after what has been yielded was looked at: tasks may come from an
        iterator that chooses them by the results so far.
        """
        with closing(self._outcomes(pack(function, task) for task in tasks)) as outcomes:
            yield from outcomes

    @abstractmethod
    def _outcomes(self, calls: Iterator[bytes | Failure]) -> Generator[tuple[int, Any]]:
        """Yield the index and the outcome of every packed call that could be packed.

        When the iterator is closed or raises, no call is being carried out any more.
        """

    @property
    @abstractmethod
    def workers(self) -> int:
        """How many tasks run at a time."""

    def close(self) -> None:  # noqa: B027  (not every executor has something to close)
        """End processes and connections; the next :meth:`map` opens them again."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
