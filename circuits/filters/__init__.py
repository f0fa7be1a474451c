"""The quanvolutional filters and their names. A new filter is a new file here and a line below."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from circuits.definition import Circuit
from circuits.filters.control import SUFFIX, without_entanglement
from circuits.filters.demo import demo, demo_legacy
from circuits.filters.entangling import basic_entangler, strongly_entangling
from circuits.filters.random_layers import random_filter
from circuits.naming import make_by_name

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
    control = isinstance(name, str) and name.endswith(SUFFIX)
    made = make_by_name("filter", name.removesuffix(SUFFIX) if control else name, FILTERS, options)
    return without_entanglement(made) if control or not entanglement else made
