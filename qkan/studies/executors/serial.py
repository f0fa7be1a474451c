"""One task after the other: the reference for every other executor."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

from qkan.studies.executors.base import Executor
from qkan.studies.executors.call import execute
from qkan.studies.executors.failures import Failure

__all__ = ["SerialExecutor"]


class SerialExecutor(Executor):
    """Runs tasks in this process, in their order.

    They travel as bytes all the same: a task that draws from a generator or changes its arguments works on a copy, as
    it would in another process.
    """

    def _outcomes(self, calls: Iterator[bytes | Failure]) -> Generator[tuple[int, Any]]:
        for index, call in enumerate(calls):
            yield index, call if isinstance(call, Failure) else execute(call)

    @property
    def workers(self) -> int:  # noqa: D102
        return 1
