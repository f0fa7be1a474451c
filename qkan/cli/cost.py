"""``qkan cost EXPERIMENT``: what a run will take, before it is run; its options are the settings of its ``Config``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from qkan.cli.reproduce import experiment_commands

__all__ = ["app"]

_PLACES: dict[str, tuple[Any, str]] = {
    "config": (Path, "Read settings from this TOML file; options win over it."),
    "data_dir": (Path, "Where the full MNIST is, or goes (QKAN_DATA)."),
}


def _cost(module: Any, given: dict[str, Any]) -> None:
    from qkan.cli.costs import costs_of, print_costs
    from qkan.config import as_mapping, from_mapping, read_toml
    from qkan.studies.run import Places

    file, data_dir = (given.pop(name, None) for name in _PLACES)
    settings: dict[str, Any] = {}
    if file:
        settings = as_mapping(read_toml(module.Config, file))
    config = from_mapping(module.Config, settings | given)
    if not hasattr(module, "workload"):
        typer.echo("This experiment runs no circuits on a backend of choice: nothing to pay for.")
        return
    costs = costs_of(module, config, Places(data_dir=data_dir))
    print_costs(costs)
    if any(backend.paid for backend, _ in costs):
        typer.echo("Time is that of the shots, without queueing, calibration and compilation.")
    else:
        typer.echo(
            "Time is extrapolated from circuits that were run now. Cached results cost nothing."
        )


app = typer.Typer(
    name="cost",
    cls=experiment_commands(_cost, _PLACES),
    help="Tell the circuits, shots, gates and time that an experiment takes.",
    no_args_is_help=True,
)


@app.callback()
def _group() -> None:
    """Tell the circuits, shots, gates and time that an experiment takes."""
