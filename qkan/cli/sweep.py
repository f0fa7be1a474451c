"""``qkan sweep CONFIG.toml``: vary a model's settings; the file is described in the help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qkan.cli.console import interruptible

__all__ = ["EXAMPLE", "sweep"]

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
    example: Annotated[bool, typer.Option("--example", help="Print such a file.")] = False,
) -> None:
    """Train a model with many settings and report which are best.

    A sweep that was stopped, however, goes on with --resume FOLDER. Several processes may work on one: start the same
    command with the same --out again, or give --workers.
    """
    if example:
        typer.echo(EXAMPLE, nl=False)
        return
    from circuits.errors import UsageError

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
        places = Places(out, resume, data_dir, None, Progress.on_stderr(), spread)
        folder = run(settings, places)
    if (folder.path / "results.json").exists():
        typer.echo(folder.summary())
