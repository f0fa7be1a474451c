"""The quanvolutional filters and their names. A new filter is a new file here and a line below."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any, cast

from circuits.definition import Circuit
from circuits.errors import UsageError, unknown_name
from circuits.filters.control import SUFFIX, without_entanglement
from circuits.filters.demo import demo, demo_legacy
from circuits.filters.entangling import basic_entangler, strongly_entangling
from circuits.filters.random_layers import random_filter

__all__ = ["FILTERS", "quanvolutional_filter", "without_entanglement"]

FILTERS: dict[str, Callable[..., Circuit]] = {
    "demo": demo,
    "demo-legacy": demo_legacy,
    "random": random_filter,
    "strongly-entangling": strongly_entangling,
    "basic-entangler": basic_entangler,
}


def quanvolutional_filter(name: str, *, entanglement: bool = True, **options: Any) -> Circuit:
    """Return a quanvolutional filter by its name.

    Args:
        name: One of :data:`FILTERS`; options may be written into it, ``random(layers=2, seed=5)``,
            and ``/no-entanglement`` behind it asks for the control.
        entanglement: False gives the control without the gates that join wires.
        options: Of the filter: ``wires``, ``layers``, ``rotations``, ``seed``.

    Raises:
        UsageError: If the name or an option is unknown.

    Example:
        >>> quanvolutional_filter("random(layers=2, seed=5)").num_observables
        4
    """
    if not isinstance(name, str):
        raise UsageError(f"the name of a filter is text, not {name!r}")
    base, _, rest = name.partition(SUFFIX)
    match = re.fullmatch(r"\s*([\w-]+)\s*(?:\(([^()]*)\))?\s*", base)
    key = match[1].replace("_", "-").lower() if match else name
    if match is None or rest or key not in FILTERS:
        raise unknown_name("filter", key, FILTERS)
    made = _call(FILTERS[key], key, _options(match[2] or "", name) | options)
    return made if entanglement and base == name else without_entanglement(made)


def _options(text: str, name: str) -> dict[str, Any]:
    try:
        call = cast(ast.Call, ast.parse(f"f({text})", mode="eval").body)
        options = {word.arg: ast.literal_eval(word.value) for word in call.keywords}
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"cannot read the options in {name!r}: {error}") from error
    if call.args or None in options or len(options) < len(call.keywords):
        raise UsageError(f"write the options of {name!r} as name=value, each once")
    return cast("dict[str, Any]", options)


def _call(make: Callable[..., Circuit], name: str, options: dict[str, Any]) -> Circuit:
    import inspect

    known = inspect.signature(make).parameters
    for option, value in options.items():
        if option not in known:
            raise unknown_name(f"option of filter {name!r}:", option, known or ["(none)"])
        least = 0 if option == "seed" else 1
        left_out = value is None and known[option].default is None
        if not left_out and (
            isinstance(value, bool) or not isinstance(value, int) or value < least
        ):
            raise UsageError(
                f"{option} of filter {name!r} must be an integer >= {least}, not {value!r}"
            )
    return make(**options)
