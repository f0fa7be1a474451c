"""The library's circuits by name, edges and filters alike, for what takes a circuit or a name."""

from __future__ import annotations

from typing import Any

from circuits.definition import Circuit
from circuits.edges import EDGES, edge
from circuits.errors import UsageError, unknown_name
from circuits.filters import FILTERS, quanvolutional_filter
from circuits.filters.control import SUFFIX
from circuits.naming import parse_call

__all__ = ["as_circuit"]


def as_circuit(value: Any) -> Circuit:
    """Return a circuit as it is, or the library's of this name.

    Raises:
        UsageError: If it is neither.

    Example:
        >>> as_circuit("pz(depth=3)").degrees
        (3,)
    """
    if isinstance(value, Circuit):
        return value
    if not isinstance(value, str):
        raise UsageError(
            f"expected a circuit, or the name of an edge or a filter; {type(value).__name__} arrived. Of a layer of "
            "circuits pass its circuit, of a model one of its layers': model[0].circuit"
        )
    name, _ = parse_call("circuit", value.removesuffix(SUFFIX))
    if name not in EDGES and name not in FILTERS:
        raise unknown_name("circuit", name, [*EDGES, *FILTERS])
    return edge(value) if name in EDGES else quanvolutional_filter(value)
