r"""Larger edges that contain the old ones: more uploads, the same function.

An upload is invisible where it turns about the axis of what it acts on, so new uploads go to an end of the circuit:
behind the last rotation where the encoding commutes with the observable, before the first where the state is its
eigenstate. How an edge grows is written beside it, and given to its circuit as ``grow=``.

Source: the Fourier view of M. Schuld, R. Sweke, J. J. Meyer, arXiv:2008.08605; growing a circuit from the identity is
the start of E. Grant et al., Quantum 3, 214 (2019), arXiv:1903.05076.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from circuits.definition import Circuit
from circuits.errors import CircuitError, check_integer

__all__ = ["Refinement", "behind", "in_front", "padded", "refinement"]


@dataclass(frozen=True, eq=False)
class Refinement:
    """A larger circuit, and where the old weights go: ``new = constants; new[start : start + len(old)] += old``.

    Attributes:
        circuit: The larger circuit.
        constants: For each weight the values of what is new, and what is added to the old.
        start: The first row of the old weights among the new, the same for all of them.
    """

    circuit: Circuit
    constants: Mapping[str, np.ndarray]
    start: int


def refinement(circuit: Circuit, uploads: int = 1) -> Refinement:
    """Return the circuit with so many more uploads, and the weights with which it is the same function.

    Args:
        circuit: An edge of the library.
        uploads: How many times more the input is uploaded, at least once.

    Raises:
        UsageError: If ``uploads`` is no positive integer, or the ansatz cannot grow by so many.
        CircuitError: If the circuit is none of the library's, or cannot grow at all; the message names a way out.

    Example:
        >>> from circuits.edges import edge
        >>> larger = refinement(edge("pz(depth=2)"), uploads=3)
        >>> larger.circuit.name, larger.start, larger.constants["theta"].shape
        ('pz(depth=5)', 0, (6, 2))
    """
    check_integer("uploads", uploads)
    if circuit.grow is None:
        raise CircuitError(
            f"circuit {circuit.name!r} is not one of the library's edges, so what a further upload would change is "
            "not known; give the larger circuit and its weights: refine(edge=..., weights=...)"
        )
    larger: Refinement = circuit.grow(uploads)
    return larger


def padded(circuit: Circuit, start: int) -> Refinement:
    """Return a larger circuit whose new rows of weights are zero; the old ones begin at ``start``."""
    zeros = {name: np.zeros(shape) for name, shape in circuit.weight_shapes.items()}
    return Refinement(circuit, zeros, start)


def behind(uploads: int, *, make: Callable[..., Circuit], depth: int) -> Refinement:
    """Put new uploads behind the last rotation: they commute with the observable."""
    return padded(make(depth=depth + uploads), 0)


def in_front(uploads: int, *, make: Callable[..., Circuit], depth: int) -> Refinement:
    """Put new uploads before the first rotation: the state is an eigenstate of theirs."""
    return padded(make(depth=depth + uploads), uploads)
