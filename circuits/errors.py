"""Errors for the people who use the library: what was expected, what arrived, what to do."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any

__all__ = [
    "CircuitError",
    "MissingExtraError",
    "UsageError",
    "check_integer",
    "check_real",
    "unknown_name",
]


class UsageError(ValueError):
    """A mistake in what was asked for.

    The message alone is enough to mend it, so the command line prints it without a traceback and
    ends with exit code 2.
    """


class CircuitError(UsageError):
    """A circuit whose definition contradicts what is declared about it."""


class MissingExtraError(UsageError, ImportError):
    """An optional package that is not installed; the message names the extra that brings it."""


def unknown_name(kind: str, name: Any, choices: Iterable[str]) -> UsageError:
    """Return the error for a name that is not among ``choices``, with the nearest match.

    Example:
        >>> print(unknown_name("circuit", "dmeo", ["demo", "demo-legacy"]))
        unknown circuit 'dmeo'; did you mean 'demo'? Known: demo, demo-legacy
    """
    known = sorted(choices)
    initials = [k for k in known if name == "".join(word[:1] for word in k.split("_")) != k[:1]]
    near = get_close_matches(str(name), known, n=1) or initials  # "lr" for "learning_rate"
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return UsageError(f"unknown {kind} {name!r}{hint} Known: {', '.join(known)}")


def _number(value: Any) -> Any:
    """Return what stands in a 0-dimensional array or tensor, or the value itself."""
    scalar = getattr(value, "shape", None) == () and hasattr(value, "item")
    return value.item() if scalar else value


def check_integer(name: str, value: Any, least: int = 1) -> int:
    """Return an integer of at least ``least``; those of NumPy and torch are taken, booleans are not.

    Raises:
        UsageError: If the value is anything else.

    Example:
        >>> check_integer("depth", 0)
        Traceback (most recent call last):
        circuits.errors.UsageError: depth must be an integer of at least 1, got 0
    """
    number = _number(value)
    if isinstance(number, bool) or not isinstance(number, Integral) or number < least:
        raise UsageError(f"{name} must be an integer of at least {least}, got {value!r}")
    return int(number)


def check_real(
    name: str, value: Any, *, least: float | None = None, above: float | None = None
) -> float:
    """Return a finite real number, at least ``least`` and greater than ``above`` where they are given.

    As for integers, those of NumPy and torch are taken, booleans are not.

    Raises:
        UsageError: If the value is anything else.

    Example:
        >>> check_real("rate", -1, above=0)
        Traceback (most recent call last):
        circuits.errors.UsageError: rate must be a finite number greater than 0, got -1
    """
    given = _number(value)
    real = isinstance(given, Real) and not isinstance(given, bool)
    number = float(given) if real and abs(given) <= sys.float_info.max else math.nan
    fits = (least is None or number >= least) and (above is None or number > above)
    if not (math.isfinite(number) and fits):
        bounds = [] if least is None else [f"of at least {least:g}"]
        bounds += [] if above is None else [f"greater than {above:g}"]
        raise UsageError(f"{name} must be {' '.join(['a finite number', *bounds])}, got {value!r}")
    return number
