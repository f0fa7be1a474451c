"""``qkan bench NAME``: measure, print a table, write it as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(name="bench", help="Measure how fast it is.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep ``bench`` a group while it has one command."""


@app.command()
def quanvolution(
    json: Annotated[Path | None, typer.Option(help="Write the rows here too.")] = None,
) -> None:
    """Time the quanvolution of all of MNIST against a copy of its arrays."""
    from qkan.benchmarks.quanvolution import run

    run(json=json)
