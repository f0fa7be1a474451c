"""``qkan reproduce|cost EXPERIMENT``: run an experiment, or tell what it takes; settings are options."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer
from typer.core import TyperGroup
from typer.main import get_command

from qkan.cli.circuit_tools import Source, circuits_of
from qkan.cli.console import interruptible
from qkan.experiments import EXPERIMENTS

if TYPE_CHECKING:
    from circuits.backends import Backend
    from circuits.costs import Cost
    from qkan.studies.run import Places

__all__ = ["cost", "reproduce"]

Options = Mapping[str, tuple[Any, str]]
"""What is no setting: ``{name: (type, help)}``."""

_RUN: Options = {
    "out": (Path, "The folder of the run (runs/EXPERIMENT-DATE-TIME)."),
    "resume": (Path, "Continue the run in this folder."),
    "config": (Path, "Read settings from this TOML file; options win over it."),
    "data_dir": (Path, "Where the full MNIST is, or goes (QKAN_DATA)."),
    "cache_dir": (Path, "Where results of circuits are kept (QKAN_CACHE)."),
    "workers": (int, "Processes that share the work (1)."),
    "scheduler": (str, "A Dask scheduler that spreads it, such as tcp://HOST:8786."),
    "no_images": (bool, "Draw no figures."),
    "yes": (bool, "Do not ask before circuits are run that are paid for."),
}
_COST: Options = {name: _RUN[name] for name in ("config", "data_dir")}


def _group(
    name: str,
    text: str,
    action: Callable[[Any, dict[str, Any]], None],
    options: Options,
    others: Callable[..., None] | None = None,
) -> typer.Typer:
    """Return a group of one command an experiment; its module is imported when it is called.

    Args:
        name: The group's.
        text: Its help.
        action: What to do with an experiment and the options that were given.
        options: Those beside the settings.
        others: The command for what is no experiment.
    """

    class Experiments(TyperGroup):
        def resolve_command(self, ctx: Any, args: Any) -> Any:
            if others is not None and args and args[0] not in EXPERIMENTS:
                args = ["SOURCE", *args]
            chosen, command, rest = super().resolve_command(ctx, args)
            if chosen in EXPERIMENTS:
                command = _command(chosen, action, options)
            return chosen, command, rest

    app = typer.Typer(name=name, help=text, no_args_is_help=True, cls=Experiments)
    for each, found in EXPERIMENTS.items():
        app.command(each, help=found.about)(lambda: None)
    if others is not None:
        app.command("SOURCE", help=others.__doc__)(others)
    return app


def _command(name: str, action: Callable[[Any, dict[str, Any]], None], options: Options) -> Any:
    """Return the command of one experiment, with one option a setting."""
    found = EXPERIMENTS[name].load()
    kinds = get_type_hints(found.Config)

    def command(**given: Any) -> None:
        action(found, {name: value for name, value in given.items() if value is not None})

    parameters = [
        _option(f.name, kinds[f.name], _text(f, _least(found.Config, f.name, kinds[f.name])))
        for f in dataclasses.fields(found.Config)
    ]
    parameters += [_option(option, kind, text) for option, (kind, text) in options.items()]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {option.name: option.annotation for option in parameters}
    app = typer.Typer(add_completion=False)
    app.command(name, help=EXPERIMENTS[name].about)(command)
    return get_command(app)


def _option(name: str, kind: Any, text: str) -> inspect.Parameter:
    """Return a parameter that is None unless the option is given."""
    text = text.replace("[", r"\[")  # else the help takes widths like [2, 5, 1] for markup
    if kind == bool | None or kind is bool:
        option, kind = typer.Option(f"--{name.replace('_', '-')}", help=text), bool
    else:
        option = typer.Option(help=text, show_default=False)
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind | None, option],
    )


def _text(setting: dataclasses.Field[Any], least: int) -> str:
    default = setting.default
    facts = [] if default is None or default is False else [f"default: {default}"]
    facts += [f"at least {least}"] if least else []
    text = str(setting.metadata.get("help", ""))
    return f"{text[:-1]} ({', '.join(facts)})." if facts else text


def _least(config: Callable[..., Any], name: str, kind: Any) -> int:
    """Return the smallest number that a setting takes, as its own check has it."""
    from circuits.errors import UsageError

    for number in (0, 1, 2) if kind in (int, int | None) else ():
        with contextlib.suppress(UsageError):
            config(**{name: number})
            return number
    return 0


def _settings(found: Any, given: Mapping[str, Any], file: Path | None, resume: Path | None) -> Any:
    """Return the configuration: of the run to resume, or of a file, and the options, which win."""
    from qkan.config import as_mapping, from_mapping, read_toml
    from qkan.studies.run import RunFolder

    settings: dict[str, Any] = {}
    if resume:
        settings = as_mapping(RunFolder.config_of(resume, found.Config))
    elif file:
        settings = as_mapping(read_toml(found.Config, file))
    return from_mapping(found.Config, settings | dict(given))


def _reproduce(found: Any, given: dict[str, Any]) -> None:
    from qkan.progress import Progress
    from qkan.studies.executors import executor
    from qkan.studies.run import Places

    out, resume, file, data_dir, cache_dir, workers, scheduler, bare, yes = (
        given.pop(name, None) for name in _RUN
    )
    config = _settings(found, given, file, resume)
    with interruptible(), executor(scheduler, workers) as spread:
        progress = Progress.on_stderr()
        places = Places(out, resume, data_dir, cache_dir, progress, spread, images=not bare)
        if not yes:
            _confirm(found, config, places)
        folder = found.run(config, places)
    typer.echo(folder.summary())


def _confirm(found: Any, config: Any, places: Places) -> None:
    """Show what a run takes and ask, if circuits are paid for; else do nothing.

    Raises:
        typer.Abort: If the answer is no.
    """
    from circuits.backends.base import kind_of

    name = getattr(config, "backend", "")
    if hasattr(found, "workload") and kind_of(name).paid:
        _print_costs(_costs(found, config, places))
        typer.confirm(f"Run these circuits on {name}?", abort=True, err=True)


def _cost(found: Any, given: dict[str, Any]) -> None:
    from qkan.studies.run import Places

    file, data_dir = (given.pop(name, None) for name in _COST)
    config = _settings(found, given, file, None)
    if not hasattr(found, "workload"):
        typer.echo("This experiment runs no circuits on a backend of choice: nothing to pay for.")
        return
    costs = _costs(found, config, Places(data_dir=data_dir))
    _print_costs(costs)
    if any(backend.paid for backend, _ in costs):
        typer.echo("Time is that of the shots, without queueing, calibration and compilation.")
    else:
        typer.echo(
            "Time is extrapolated from circuits that were run now. Cached results cost nothing."
        )


def _cost_of(
    source: Source,
    backend: Annotated[str, typer.Option(help="Where circuits run.")] = "default.qubit",
    shots: Annotated[int | None, typer.Option(help="Shots a circuit.", min=1)] = None,
) -> None:
    """A circuit by name, a model's file or the folder of a run, once: `qkan cost "pz(depth=3)"`."""
    from circuits import backend as make_backend
    from circuits.costs import cost

    where = make_backend(backend, shots=shots)
    costs = [
        (where, cost(circuit, where, edges * (1 if circuit.direct_only else circuit.num_nodes)))
        for circuit, edges in circuits_of(source).values()
    ]
    _print_costs(costs)
    typer.echo(
        "By the nodes of the Fourier series, once for all inputs; where there is none, for one input."
    )


def _costs(found: Any, config: Any, places: Places) -> list[tuple[Backend, Cost]]:
    """Return what each circuit of a run takes; equal ones together."""
    from circuits.costs import cost

    together: dict[str, tuple[Any, Backend, int]] = {}
    for circuit, backend, count in found.workload(config, places):
        before = together.get(circuit.fingerprint, (circuit, backend, 0))[2]
        together[circuit.fingerprint] = (circuit, backend, before + count)
    return [(b, cost(circuit, b, count)) for circuit, b, count in together.values()]


def _print_costs(costs: list[tuple[Backend, Cost]]) -> None:
    """Print a row for each circuit, and their sum."""
    from qkan.cli.console import print_table

    rows: dict[str, list[object]] = {
        "circuit": [each.circuit for _, each in costs],
        "backend": [backend.name for backend, _ in costs],
        "circuits": [f"{each.circuits:,}" for _, each in costs],
        "bases": [each.bases for _, each in costs],
        "shots": [f"{each.total_shots:,}" if each.shots else "exact" for _, each in costs],
        "PUBs": ["" if each.pubs is None else each.pubs for _, each in costs],
        "depth": [each.depth for _, each in costs],
        "two-qubit gates": [each.two_qubit_gates for _, each in costs],
        "time": [_time(each.seconds) for _, each in costs],
    }
    every = [each for _, each in costs]
    shots = sum(each.total_shots for each in every)
    total = {
        "circuit": "all",
        "circuits": f"{sum(each.circuits for each in every):,}",
        "shots": f"{shots:,}" if shots else "exact",
        "PUBs": sum(each.pubs or 0 for each in every) or "",
        "time": _time(sum(each.seconds for each in every)),
    }
    columns = [[*column, total.get(name, "")] for name, column in rows.items()]
    print_table(list(rows), list(zip(*columns, strict=True)))


def _time(seconds: float) -> str:
    """Return an estimate in the unit that suits it.

    Example:
        >>> _time(0.02), _time(90), _time(8000)
        ('20 ms', '90.0 s', '2.2 h')
    """
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 3600 else f"{seconds / 3600:.1f} h"


reproduce = _group("reproduce", "Run an experiment and write its report.", _reproduce, _RUN)
cost = _group(
    "cost",
    "Tell the circuits, shots, gates and time that an experiment takes, or a circuit, a model's file or a run.",
    _cost,
    _COST,
    _cost_of,
)
