"""What commands share: tables on standard output, and Ctrl-C that says how to go on."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import typer

__all__ = ["interruptible", "print_table"]

_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
_PIPE_WIDTH = 1000


def print_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under a header: drawn to fit in a terminal, never cut short in a pipe.

    Example:
        >>> print_table(["name", "wires"], [["demo", 4]])
        name   wires
        ...
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in header:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(_text(cell) for cell in row))
    console.print(table)


def _text(cell: object) -> str:
    from rich.markup import escape

    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return escape(str(cell))


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
