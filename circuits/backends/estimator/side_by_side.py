"""Copies of a PUB's circuit in one circuit, and the values of each copy out of its results.

Copies do not interact, so each has the expectation values that it has alone, and one circuit runs as many rows of
bindings as there are copies: rows that follow one another, such as the same shift of all edges, stand side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from qiskit.circuit import ParameterVector, QuantumCircuit

from circuits.backends.estimator.template import Pub, Template

__all__ = ["Group", "groups_of", "pack", "unpack"]

_KEPT = 64

Places = tuple[tuple[int, ...], ...]

Group = tuple[int, Places]
"""The number of the first of some copies that are really run in one circuit, and their places."""


def groups_of(places: Places, most_wires: int | None) -> list[Group]:
    """Part copies into groups of at most ``most_wires`` wires, at least one copy each.

    A device runs all of them in one circuit. A simulator is spared the product of their state spaces: what a group
    measures does not depend on the others.
    """
    size = len(places) if most_wires is None else max(1, most_wires // len(places[0]))
    return [(start, places[start : start + size]) for start in range(0, len(places), size)]


def pack(pub: Pub, group: Group, copies: int, *, fixed: bool) -> Pub:
    """Return the PUB that runs, of each ``copies`` rows that follow one another, those of this group.

    Args:
        pub: One copy.
        group: Which of the copies.
        copies: How many there are.
        fixed: Whether they are to be put at their places; else all qubits are alike.
    """
    start, places = group
    values = _in_rows(pub.values, copies)[:, start : start + len(places)]
    wires = pub.template.circuit.num_qubits
    observables = tuple(
        observable.apply_layout(
            list(range(number * wires, (number + 1) * wires)), num_qubits=len(places) * wires
        )
        for number in range(len(places))
        for observable in pub.observables
    )
    template = _side_by_side(pub.template, places if fixed else (), len(places))
    return Pub(template, observables, values.reshape(len(values), -1))


def unpack(
    pub: Pub, parts: Sequence[npt.NDArray[np.float64]], copies: int
) -> npt.NDArray[np.float64]:
    """Return the values of a PUB's rows from the results of all its groups, in their order."""
    rows = -(-len(pub) // copies)
    several = [part.reshape(rows, -1, len(pub.observables)) for part in parts]
    return np.concatenate(several, axis=1).reshape(-1, len(pub.observables))[: len(pub)]


def _in_rows(values: npt.NDArray[np.float64], copies: int) -> npt.NDArray[np.float64]:
    """Return (N, P) as (circuits, copies, P); copies that are too many run at angle 0."""
    circuits = -(-len(values) // copies)
    padded = np.zeros((circuits * copies, values.shape[1]))
    padded[: len(values)] = values
    return padded.reshape(circuits, copies, -1)


@lru_cache(maxsize=_KEPT)  # the same object is transpiled once for each backend
def _side_by_side(template: Template, places: Places, copies: int) -> Template:
    one = template.circuit
    angles = ParameterVector("angle", copies * one.num_parameters)
    circuit = QuantumCircuit(copies * one.num_qubits)
    for number in range(copies):
        own = angles[number * one.num_parameters : (number + 1) * one.num_parameters]
        wires = range(number * one.num_qubits, (number + 1) * one.num_qubits)
        circuit.compose(one.assign_parameters(list(own)), qubits=wires, inplace=True)
    return Template(circuit, tuple(qubit for place in places for qubit in place) or None)
