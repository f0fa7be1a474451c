"""One task after the other: the reference for every other executor."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from qkan.experiments.executors.base import Executor, Task
from qkan.experiments.executors.call import execute
from qkan.experiments.executors.failures import Failure

__all__ = ["SerialExecutor"]


class SerialExecutor(Executor):
    """Runs tasks in this process, in their order.

    They travel as bytes all the same: a task that draws from a generator or changes its arguments works on a copy, as
    it would in another process.
    """

    def _outcomes(self, tasks: Sequence[Task]) -> Generator[tuple[int, Any]]:
        for index, task in enumerate(tasks):
            content = task()
            yield index, content if isinstance(content, Failure) else execute(content)

    @property
    def workers(self) -> int:  # noqa: D102
        return 1
