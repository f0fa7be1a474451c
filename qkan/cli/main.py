"""The entry point: commands by name, and errors as messages instead of tracebacks."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer

import qkan
from circuits.errors import UsageError
from qkan.cli import bench, circuit_tools, experiments, kept, studies

__all__ = ["app", "main"]

_BROKEN_PIPE = 141  # 128 + SIGPIPE, as shells have it
_HOME = re.compile(r"^(--[\w-]+=)?~(?=/|$)")

app = typer.Typer(
    help="Quantum Kolmogorov-Arnold networks and quanvolution: experiments and tools.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

for group in (experiments.reproduce, experiments.cost, kept.cache, studies.jets, kept.jobs):
    app.add_typer(group)
for command in (
    bench.bench,
    circuit_tools.circuits,
    circuit_tools.draw,
    circuit_tools.export,
    studies.inspect,
    studies.sweep,
    circuit_tools.backends,
):
    app.command()(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hybrid-qkan {qkan.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option(help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """Take the options that stand before every command."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    A mistake in what was asked for (``UsageError``), or a file that cannot be read or written, is
    a message on standard error and code 2; with ``--debug`` also a traceback. Ctrl-C is code 130.

    Example:
        >>> main(["--version"])
        hybrid-qkan ...
        0
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    # Wherever it stands, for who adds it to a command that failed puts it last. A shell leaves --out=~/x as it is.
    words = [_HOME.sub(_at_home, word) for word in words if word != "--debug"]
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115  (it may have been closed)
    try:
        with _short_warnings():
            code = int(app(words, prog_name="qkan", standalone_mode=False) or 0)
            sys.stdout.flush()
            return code
    except BrokenPipeError:  # whoever read has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except (KeyboardInterrupt, typer.Abort):
        _say("Interrupted.")
        return 130
    except (UsageError, OSError, MemoryError) as error:
        if debug:
            raise
        from circuits.store import explained  # it brings NumPy

        said = explained(error) if isinstance(error, OSError) else str(error)
        _say(f"Error: {said or 'there is not enough memory for this'}")
        return 2
    except Exception as error:
        # Typer's own complaints (an unknown option, a missing argument) print themselves.
        if not hasattr(error, "exit_code") or not hasattr(error, "show"):
            raise
        error.show()
        return int(error.exit_code)


@contextmanager
def _short_warnings() -> Iterator[None]:
    """Print a warning as its message, once: the line of code that gave it helps no user."""
    told: set[str] = set()

    def show(message: Warning | str, *_: object, **__: object) -> None:
        if str(message) not in told:
            told.add(str(message))
            _say(f"Warning: {message}")

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _at_home(found: re.Match[str]) -> str:
    return (found[1] or "") + os.path.expanduser("~")


def _say(line: str) -> None:
    typer.echo(line, err=True)
