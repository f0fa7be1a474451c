"""What became of a task that gave no result, and the error that tells of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from circuits.errors import UsageError

__all__ = ["Failure", "TaskError"]

_TOLD = 10
"""Failures that a message lists."""


@dataclass(frozen=True)
class Failure:
    """Why a task has no result.

    Attributes:
        reason: In one sentence: the exception, or how its worker died.
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
        self.failures = dict(failures)
        self.total = total
        finished = total - len(self.failures)
        lines = [
            f"{len(self.failures)} of {total} tasks failed, the other {finished} are finished."
        ]
        if len(self.failures) == total:
            lines = [f"{total} of {total} tasks failed."]
        lines += [f"  {n}: {f.reason}" for n, f in list(self.failures.items())[:_TOLD]]
        if len(self.failures) > _TOLD:
            lines.append(f"  and {len(self.failures) - _TOLD} more")
        super().__init__("\n".join(lines))
        for name, failure in self.failures.items():
            if failure.traceback:  # one is enough to begin with: often all fail alike
                self.add_note(f"\n{name}:\n{failure.traceback}")
                break

    def __reduce__(self) -> tuple[type[TaskError], tuple[dict[str, Failure], int]]:
        return type(self), (self.failures, self.total)
