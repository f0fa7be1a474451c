"""Circuits by name, with options written like a call: ``random(layers=2, seed=5)``."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from circuits.definition import Circuit
from circuits.errors import UsageError, check_integer, unknown_name

__all__ = ["make_by_name", "parse_call"]

Maker = Callable[..., Circuit]

_CALL = re.compile(r"\s*([\w-]+)\s*(?:\(((?:[^()]|\([^()]*\))*)\))?\s*")
"""A name, then options in parentheses; one pair more may be inside."""

_MOST = 512
"""Uploads, layers, wires and the like of a circuit by name; more would be read for minutes."""

_MOST_SEED = 2**63 - 1


def make_by_name(
    kind: str, name: str, makers: Mapping[str, Maker], options: Mapping[str, Any]
) -> Circuit:
    """Return the circuit that ``name`` asks for.

    Args:
        kind: What the circuits are, for the errors: "filter", "edge".
        name: One of ``makers``, with options in parentheses or without.
        makers: The functions that make the circuits; their arguments are the options.
        options: More options; they go before those in the name.

    Raises:
        UsageError: If the name or an option is unknown, or an integer is none or too small.
    """
    key, written = parse_call(kind, name)
    if key not in makers:
        raise unknown_name(kind, key, makers)
    given = written | dict(options)
    known = inspect.signature(makers[key]).parameters
    for option, value in given.items():
        if option not in known:
            raise unknown_name(f"option of {kind} {key!r}:", option, known or ["(none)"])
        if str(known[option].annotation).startswith("int"):
            least = 0 if option == "seed" else 1
            if value is not None or known[option].default is not None:
                number = given[option] = check_integer(f"{option} of {kind} {key!r}", value, least)
                most = _MOST_SEED if option == "seed" else _MOST
                if number > most:
                    raise UsageError(
                        f"{option} of {kind} {key!r} must be at most {most:,}, got {number:,}"
                    )
    return makers[key](**given)


def parse_call(kind: str, text: str) -> tuple[str, dict[str, Any]]:
    """Return the name and the options of a text that is written like a call.

    Args:
        kind: What is named, for the errors.
        text: A name, with options in parentheses or without.

    Raises:
        UsageError: If its options cannot be read.

    Example:
        >>> parse_call("layer", "bspline(grid=8, domain=(0, 1))")
        ('bspline', {'grid': 8, 'domain': (0, 1)})
    """
    if not isinstance(text, str):
        raise UsageError(f"the name of a {kind} is text, not {text!r}")
    match = _CALL.fullmatch(text)
    if match is None:  # then all of it is the name, which nobody knows
        return text, {}
    return match[1].replace("_", "-").lower(), _options(match[2] or "", text)


def _options(text: str, name: str) -> dict[str, Any]:
    try:
        call = cast(ast.Call, ast.parse(f"f({text})", mode="eval").body)
        options = {word.arg: ast.literal_eval(word.value) for word in call.keywords}
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
        raise UsageError(f"cannot read the options in {name[:200]!r}: {error}") from error
    if call.args or None in options or len(options) < len(call.keywords):
        raise UsageError(f"write the options of {name!r} as name=value, each once")
    return cast("dict[str, Any]", options)
