"""``qkan jets``: generate samples of jets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qkan.cli.console import interruptible

__all__ = ["app"]

app = typer.Typer(name="jets", help="Generate samples of jets.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep the command's name although there is one."""


@app.command()
def generate(
    process: Annotated[str | None, typer.Option(help="qg, top or w (default: qg).")] = None,
    events: Annotated[
        int | None, typer.Option(help="Selected events, one jet each, half signal (default: 1000).")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the sample (default: 0).")] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder to make.", show_default=False)
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Go on in this folder.", show_default=False)
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Chunks made at a time (1).")] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Make chunks on this Dask scheduler.", show_default=False)
    ] = None,
) -> None:
    """Generate jets with Pythia and FastJet (extra hep-gen); the same seed gives the same bytes."""
    from qkan.config import as_mapping, from_mapping
    from qkan.experiments.jets.generation import Generation, generate_sample
    from qkan.progress import Progress
    from qkan.studies.executors import executor
    from qkan.studies.run import Places, RunFolder

    started = as_mapping(RunFolder.config_of(resume, Generation)) if resume else {}
    given = {"process": process, "events": events, "seed": seed}
    chosen = {name: value for name, value in given.items() if value is not None}
    config = from_mapping(Generation, started | chosen)
    with interruptible(), executor(scheduler, workers) as where:
        places = Places(out, resume, progress=Progress.on_stderr(), executor=where)
        folder = generate_sample(config, places)
    typer.echo(f"{config.events} jets: {folder.path / 'jets.npz'}")
