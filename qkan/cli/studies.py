"""``qkan sweep | inspect | jets``: many trainings of one model, a look at trained ones, and samples of jets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from circuits.errors import UsageError
from qkan.cli.circuit_tools import Source, circuit_of_run, circuits_of, stem
from qkan.cli.console import interruptible

__all__ = ["EXAMPLE", "inspect", "jets", "sweep"]

EXAMPLE = """\
metric = "val_accuracy"     # or val_loss, train_loss
sampler = "tpe"             # or grid, random
trials = 30
seed = 0

[model]                     # as qkan.models.make takes it
kind = "kan"
sizes = [784, 32, 10]

[data]                      # MNIST; or file = "data.npz", with the arrays x and y
train = 2000
validation = 500

[training]                  # as qkan.TrainingConfig takes it
epochs = 5

[space]                     # a list of values, or a range
model.sizes = [[784, 16, 10], [784, 64, 10]]
model.grid = { low = 3, high = 10 }
training.learning_rate = { low = 1e-4, high = 1e-1, log = true }
"""


def sweep(
    config: Annotated[
        Path | None, typer.Argument(help="The TOML file.", show_default=False)
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The folder of the sweep.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Continue the sweep in this folder.")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that share the trials (1).")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="A Dask scheduler, such as tcp://HOST:8786.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where the full MNIST is, or goes (QKAN_DATA).")
    ] = None,
    images: Annotated[bool, typer.Option(help="Draw figures.")] = True,
    example: Annotated[bool, typer.Option("--example", help="Print such a file.")] = False,
) -> None:
    """Train a model with many settings and report which are best.

    A sweep that was stopped, however, goes on with --resume FOLDER. Several processes may work on one: start the same
    command with the same --out again, or give --workers.
    """
    if example:
        typer.echo(EXAMPLE, nl=False)
        return
    if (config is None) == (resume is None):
        raise UsageError(
            "expected CONFIG.toml for a new sweep, or --resume FOLDER for one that is there"
        )
    if resume and out:
        raise UsageError(
            "expected --out for a new sweep or --resume for one that is there, got both"
        )
    from qkan.progress import Progress
    from qkan.studies.executors import executor
    from qkan.studies.run import Places, RunFolder
    from qkan.studies.sweep import run
    from qkan.studies.sweep_config import SweepConfig, read_config

    settings = read_config(config) if config else RunFolder.config_of(resume or Path(), SweepConfig)
    with interruptible(), executor(scheduler, workers) as spread:
        places = Places(out, resume, data_dir, None, Progress.on_stderr(), spread, images)
        folder = run(settings, places)
    typer.echo(folder.summary())


def inspect(
    source: Source,
    out: Annotated[
        Path | None, typer.Option(help="The page (SOURCE.html; RUN/inspect.html).")
    ] = None,
    inputs: Annotated[
        str | None,
        typer.Option(help="Inputs to look with: a .npy file, or mnist; else the layers' domains."),
    ] = None,
    images: Annotated[bool, typer.Option(help="Show figures.")] = True,
) -> None:
    """Show what a model has learnt: its network, edges, formulas, spectra, circuits; or what a circuit can reach."""
    from dataclasses import replace

    from qkan.experiments.inspect import inspect_circuits, inspect_path, read_inputs
    from qkan.progress import Progress
    from qkan.studies.report import render_report
    from qkan.studies.run import RunFolder

    path = Path(source)
    if out is not None and out.is_dir():
        raise UsageError(f"{out} is a folder; give the page a name: --out {out / 'inspect.html'}")
    with interruptible():
        if path.exists() and circuit_of_run(path) is None:
            x = None if inputs is None else read_inputs(inputs)
            report = inspect_path(path, x, Progress.on_stderr())
        else:
            if inputs is not None:
                raise UsageError("--inputs are for models; a circuit alone is looked at without")
            circuits = [circuit for circuit, _ in circuits_of(source).values()]
            report = inspect_circuits(circuits, Progress.on_stderr())
    if not images:
        report = replace(report, sections=[replace(s, pictures=[]) for s in report.sections])
    page = path / "inspect.html" if path.is_dir() else path.with_suffix(".html")
    target = out or (page if path.exists() else Path(f"{stem(source)}.html"))
    typer.echo(RunFolder(target.parent).write(target.name, render_report(report, "html")))


jets = typer.Typer(name="jets", help="Generate samples of jets.", no_args_is_help=True)


@jets.callback()
def _group() -> None:
    """Keep the command's name although there is one."""


@jets.command()
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
