"""``qkan bench NAME``: measure, print a table, write it as JSON."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["bench"]

BENCHMARKS = {
    "backends": "qkan.benchmarks.backends",
    "layers": "qkan.benchmarks.layers",
    "qkan": "qkan.benchmarks.qkan",
    "quanvolution": "qkan.benchmarks.quanvolution",
}
"""The module of every benchmark; its ``run()`` returns a report."""


def bench(
    name: Annotated[str, typer.Argument(help=f"What to measure: {', '.join(BENCHMARKS)}.")],
    json: Annotated[
        Path | None, typer.Option(help="Write the rows here too.", show_default=False)
    ] = None,
) -> None:
    """Measure how fast it is, beside what bounds it."""
    from circuits.errors import unknown_name

    if name not in BENCHMARKS:
        raise unknown_name("benchmark", name, BENCHMARKS)
    if json:
        # A file that cannot be written is better found before the minutes than after them.
        json.touch()
    # Read when torch is loaded: one thread, and a profiler that keeps its log to itself.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    report = import_module(BENCHMARKS[name]).run()
    report.print()
    if json:
        report.write_json(json)
