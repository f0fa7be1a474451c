"""``qkan reproduce EXPERIMENT``: run an experiment; its options are the settings of its ``Config``."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from qkan.cli.costs import confirm
from qkan.cli.interrupts import interruptible
from qkan.experiments import EXPERIMENTS

__all__ = ["app", "experiment_commands"]

_PLACES: dict[str, tuple[Any, str]] = {
    "out": (Path, "The folder of the run (runs/EXPERIMENT-DATE-TIME)."),
    "resume": (Path, "Continue the run in this folder."),
    "config": (Path, "Read settings from this TOML file; options win over it."),
    "data_dir": (Path, "Where the full MNIST is, or goes (QKAN_DATA)."),
    "cache_dir": (Path, "Where results of circuits are kept (QKAN_CACHE)."),
    "workers": (int, "Processes that share the work (1)."),
    "scheduler": (str, "A Dask scheduler that spreads it, such as tcp://HOST:8786."),
    "yes": (bool, "Do not ask before circuits are run that are paid for."),
}


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


class _Experiment(TyperCommand):
    """A command that imports its experiment when it is called, not when commands are listed."""

    def __init__(self, name: str, command: Callable[[], Any]) -> None:
        super().__init__(name, help=EXPERIMENTS[name].about)
        self.command = command

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        return self.command().make_context(*arguments, **options)


def experiment_commands(
    action: Callable[[Any, dict[str, Any]], None], places: Mapping[str, tuple[Any, str]]
) -> type[TyperGroup]:
    """Return a group with one command an experiment, each with one option a setting.

    Args:
        action: What to do with an experiment and the options that were given.
        places: More options: their type and their help.
    """

    class Group(TyperGroup):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.commands = {
                name: _Experiment(name, partial(_command, name, action, places))
                for name in EXPERIMENTS
            }

    return Group


def _command(
    experiment: str,
    action: Callable[[Any, dict[str, Any]], None],
    places: Mapping[str, tuple[Any, str]],
) -> Any:
    module_name, _, attribute = EXPERIMENTS[experiment].place.partition(":")
    module: Any = import_module(module_name)
    module = getattr(module, attribute) if attribute else module
    kinds = get_type_hints(module.Config)
    settings = {f.name: f for f in dataclasses.fields(module.Config)}

    def command(**given: Any) -> None:
        action(module, {name: value for name, value in given.items() if value is not None})

    options = [_option(n, kinds[n], _text(f)) for n, f in settings.items()]
    options += [_option(name, kind, text) for name, (kind, text) in places.items()]
    command.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    command.__annotations__ = {option.name: option.annotation for option in options}
    alone = typer.Typer(add_completion=False)
    alone.command(experiment, help=module.__doc__)(command)
    return get_command(alone)


def _text(setting: dataclasses.Field[Any]) -> str:
    help_text = str(setting.metadata.get("help", ""))
    default = setting.default
    return (
        help_text
        if default is None or default is False
        else f"{help_text[:-1]} (default: {default})."
    )


def _run(module: Any, given: dict[str, Any]) -> None:
    from qkan.config import as_mapping, from_mapping, read_toml
    from qkan.progress import Progress
    from qkan.studies.executors import executor
    from qkan.studies.run import Places, RunFolder

    out, resume, file, data_dir, cache_dir, workers, scheduler, yes = (
        given.pop(name, None) for name in _PLACES
    )
    settings: dict[str, Any] = {}
    if resume:
        settings = as_mapping(RunFolder.config_of(resume, module.Config))
    elif file:
        settings = as_mapping(read_toml(module.Config, file))
    config = from_mapping(module.Config, settings | given)
    with interruptible(), executor(scheduler, workers) as spread:
        places = Places(out, resume, data_dir, cache_dir, Progress.on_stderr(), spread)
        if not yes:
            confirm(module, config, places)
        folder = module.run(config, places)
    typer.echo(folder.summary())


app = typer.Typer(
    name="reproduce",
    cls=experiment_commands(_run, _PLACES),
    help="Run an experiment and write its report.",
    no_args_is_help=True,
)


@app.callback()
def _group() -> None:
    """Run an experiment and write its report."""
