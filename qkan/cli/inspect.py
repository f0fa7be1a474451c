"""``qkan inspect RUN|CHECKPOINT``: one HTML page about trained models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["inspect"]


def inspect(
    path: Annotated[Path, typer.Argument(help="A model's file, or the folder of a run.")],
    out: Annotated[
        Path | None, typer.Option(help="The page (PATH.html; RUN/inspect.html).")
    ] = None,
    inputs: Annotated[
        str | None,
        typer.Option(help="Inputs to look with: a .npy file, or mnist; else the layers' domains."),
    ] = None,
) -> None:
    """Show what a model has learnt: its network, edges, formulas, spectra, circuits."""
    from circuits.errors import UsageError
    from qkan.experiments.inspect import inspect_path, read_inputs
    from qkan.studies.run import RunFolder

    if not path.exists():
        raise UsageError(f"{path} does not exist; expected a model's file or the folder of a run")
    if out is not None and out.is_dir():
        raise UsageError(f"{out} is a folder; give the page a name: --out {out / 'inspect.html'}")
    target = out or (path / "inspect.html" if path.is_dir() else path.with_suffix(".html"))
    page = inspect_path(path, None if inputs is None else read_inputs(inputs))
    typer.echo(RunFolder(target.parent).write(target.name, page))
