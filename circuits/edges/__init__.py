"""The circuits on the edges of a quantum KAN, and their names. A new edge is a new file here and a line below."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from circuits.definition import Circuit
from circuits.edges.entangled import entangled
from circuits.edges.exponential import exponential
from circuits.edges.px import px
from circuits.edges.pz import pz
from circuits.edges.real import real
from circuits.edges.reupload import reupload
from circuits.edges.rpz import rpz
from circuits.naming import make_by_name

__all__ = ["EDGES", "edge"]

EDGES: dict[str, Callable[..., Circuit]] = {
    "pz": pz,
    "rpz": rpz,
    "real": real,
    "px": px,
    "reupload": reupload,
    "exponential": exponential,
    "entangled": entangled,
}


def edge(name: str, **options: Any) -> Circuit:
    """Return an edge circuit by its name: one input, one expectation value.

    Args:
        name: One of :data:`EDGES`; options may be written into it, ``pz(depth=3)``.
        options: Of the edge: ``depth`` (uploads of the input) of them all, ``wires`` of ``entangled``,
            ``encoding`` and ``rotations`` of ``reupload``.

    Raises:
        UsageError: If the name or an option is unknown.

    Example:
        >>> edge("pz", depth=3)
        Circuit('pz(depth=3)', wires=1, inputs=1, degrees=(3,), weights={'theta': (4, 2)}, observables=1)
        >>> edge("exponential(depth=3)").degrees
        (13,)
    """
    return make_by_name("edge", name, EDGES, options)
