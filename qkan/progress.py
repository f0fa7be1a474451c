"""Progress on standard error: bars in a terminal, lines in a log, nothing in a library."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

__all__ = ["Progress"]

_WORTH_A_LINE = 0.1
"""Seconds; what took less is not reported."""


class Progress:
    """Tells a person how far a run is.

    Args:
        console: Where to write, or None to be silent. Bars are drawn only if it is a terminal and
            the environment variable ``CI`` is unset; otherwise each finished task is one line.

    Example:
        >>> with Progress().task("training", total=2) as advance:
        ...     advance()
        ...     advance()
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console

    @classmethod
    def on_stderr(cls) -> Progress:
        """Return the command line's progress."""
        return cls(Console(stderr=True, highlight=False, soft_wrap=True))

    def say(self, text: str) -> None:
        """Print one line."""
        if self._console:
            self._console.print(text, markup=False)

    @contextmanager
    def task(self, name: str, total: int | None = None) -> Iterator[Callable[..., None]]:
        """Show a task of ``total`` steps.

        The value is the function to call after each step, or with the steps done and all steps;
        ``status`` is a text that is shown behind the bar.
        """
        started = time.monotonic()
        if self._console and self._console.is_terminal and not os.environ.get("CI"):
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[status]}", markup=False),
            )
            with Bars(*columns, console=self._console, transient=True) as bars:
                task = bars.add_task(name, total=total, status="")

                def advance(
                    done: int | None = None, of: int | None = total, status: str = ""
                ) -> None:
                    one = 1 if done is None else None
                    bars.update(task, advance=one, completed=done, total=of, status=status)

                yield advance
        else:
            yield lambda *_, **__: None
        elapsed = time.monotonic() - started
        if elapsed > _WORTH_A_LINE:
            self.say(f"{name}: {elapsed:.1f} s")
