"""Tables on standard output: drawn in a terminal, never cut short in a pipe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

__all__ = ["print_table"]


def print_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under a header.

    Example:
        >>> print_table(["name", "wires"], [["demo", 4]])
        name   wires
        ...
    """
    console = Console(highlight=False)
    table = Table(*header, box=SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*(_text(cell) for cell in row))
    console.print(table, markup=False, width=None if console.is_terminal else 200)


def _text(cell: object) -> str:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return str(cell).replace("[", r"\[")
