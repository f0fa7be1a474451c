"""Errors for the people who use the library: what was expected, what arrived, what to do."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["CircuitError", "MissingExtraError", "UsageError", "unknown_name"]


class UsageError(ValueError):
    """A mistake in what was asked for.

    The message alone is enough to mend it, so the command line prints it without a traceback and
    ends with exit code 2.
    """


class CircuitError(UsageError):
    """A circuit whose definition contradicts what is declared about it."""


class MissingExtraError(UsageError, ImportError):
    """An optional package that is not installed; the message names the extra that brings it."""


def unknown_name(kind: str, name: str, choices: Iterable[str]) -> UsageError:
    """Return the error for a name that is not among ``choices``, with the nearest match.

    Example:
        >>> print(unknown_name("circuit", "dmeo", ["demo", "demo-legacy"]))
        unknown circuit 'dmeo'; did you mean 'demo'? Known: demo, demo-legacy
    """
    known = sorted(choices)
    near = get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return UsageError(f"unknown {kind} {name!r}{hint} Known: {', '.join(known)}")
