"""Ctrl-C in long commands: how to go on is printed, and the exit code is a shell's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

__all__ = ["interruptible"]

_INTERRUPTED = 130  # 128 + SIGINT, as shells have it


@contextmanager
def interruptible() -> Iterator[None]:
    """Print the notes of an interrupt, such as how to go on, on standard error, and leave with 130.

    Caught here, for Typer forgets an interrupt and its notes.

    Raises:
        typer.Exit: In place of the interrupt.
    """
    try:
        yield
    except KeyboardInterrupt as stop:
        for line in ("Interrupted.", *getattr(stop, "__notes__", [])):
            typer.echo(line, err=True)
        raise typer.Exit(_INTERRUPTED) from stop
