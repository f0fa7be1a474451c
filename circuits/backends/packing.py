"""Where on a device copies of a small circuit are put side by side: on its good qubits, the best first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from typing import Any

import rustworkx as rx
from qiskit.circuit import QuantumCircuit
from qiskit.transpiler import Target

from circuits.errors import UsageError, check_integer, check_real

__all__ = ["Packing", "placements"]

_MOST_PLACES = 20_000
"""So many places are compared for each connected part of a circuit."""


@dataclass(frozen=True)
class Packing:
    """Which qubits of a device run copies of a circuit at the same time.

    Args:
        qubits: How many, or which; None for all good ones.
        most_error: A qubit with a larger readout or gate error is left out, and so is a coupling with a larger error;
            it does not hold for qubits that are listed.

    Raises:
        UsageError: If there are no qubits, one is listed twice, or the error is not in [0, 1].
    """

    qubits: int | tuple[int, ...] | None = None
    most_error: float = 0.1

    def __post_init__(self) -> None:
        if isinstance(self.qubits, Sequence) and not isinstance(self.qubits, str):
            object.__setattr__(self, "qubits", tuple(self.qubits))
            for qubit in self.listed or (-1,):
                check_integer("a qubit of a packing", qubit, 0)
            if len(set(self.listed)) < len(self.listed):
                raise UsageError(f"a packing lists a qubit twice: {self.qubits}.")
        elif self.qubits is not None:
            check_integer("the qubits of a packing", self.qubits)
        if check_real("most_error", self.most_error, least=0) > 1:
            raise UsageError(f"most_error must be a number in [0, 1], got {self.most_error!r}.")

    @property
    def listed(self) -> tuple[int, ...]:
        """The qubits that were named."""
        return self.qubits if isinstance(self.qubits, tuple) else ()


def placements(
    circuit: QuantumCircuit, target: Target | None, packing: Packing
) -> tuple[tuple[int, ...], ...]:
    """Return the device's qubits for the wires of each copy; no qubit is used twice, and none needs a swap.

    Copies are put one after the other where the sum of the errors of their gates and readouts is least; a best
    assignment of all copies together might hold a few more.

    Args:
        circuit: One copy, on wires 0, 1, ...
        target: The device with its calibration, or None for qubits that are all alike and coupled.
        packing: Which qubits.

    Returns:
        One tuple for each copy; empty if no place on the device connects the wires as the circuit does.

    Raises:
        UsageError: If no qubit is good enough, one that is listed is not there, or they are fewer than the wires.

    Example:
        >>> two = QuantumCircuit(2)
        >>> placements(two, None, Packing(qubits=5))
        ((0, 1), (2, 3))
    """
    wires = circuit.num_qubits
    given = packing.qubits if isinstance(packing.qubits, int) else len(packing.listed) or wires
    if given < wires:
        raise UsageError(
            f"a packing of {given} qubits holds no circuit of {wires} wires; give it at least {wires}."
        )
    if target is None:
        if packing.qubits is None:
            raise UsageError(
                "a simulator has no qubits of its own: say how many are to run side by side, "
                "for example packed(backend, qubits=27)."
            )
        several = packing.listed or range(packing.qubits)  # type: ignore[arg-type]
        return tuple(
            tuple(several[start : start + wires])
            for start in range(0, len(several) - wires + 1, wires)
        )
    errors = _Errors(target, packing)
    device = errors.graph()
    parts = list(_parts(circuit))
    ranked = [_ranked(part, device, errors) for part in parts]
    limit = packing.qubits if isinstance(packing.qubits, int) else len(device)
    found: list[tuple[int, ...]] = []
    free = set(device.nodes())
    while (len(found) + 1) * wires <= limit:
        copy = _next(ranked, free)
        if copy is None:
            break
        free -= set(copy.values())
        found.append(tuple(copy[wire] for wire in range(wires)))
    return tuple(found)


@dataclass(frozen=True)
class _Part:
    """Wires that gates connect, and how often each of them, and each pair, has a gate."""

    wires: tuple[int, ...]
    single: Mapping[int, int]
    pairs: Mapping[tuple[int, int], int]


def _parts(circuit: QuantumCircuit) -> Iterator[_Part]:
    single: Counter[int] = Counter()
    pairs: Counter[tuple[int, int]] = Counter()
    for instruction in circuit.data:
        on = sorted(circuit.find_bit(qubit).index for qubit in instruction.qubits)
        single.update(on if len(on) == 1 else ())
        pairs.update(combinations(on, 2))  # a gate on three wires will need each of its pairs
    graph = rx.PyGraph()
    graph.add_nodes_from(range(circuit.num_qubits))
    graph.add_edges_from_no_data(list(pairs))
    for component in rx.connected_components(graph):
        inside = {pair: count for pair, count in pairs.items() if pair[0] in component}
        yield _Part(tuple(sorted(component)), single, inside)


class _Errors:
    """The errors of a device's calibration, and what they leave of it."""

    def __init__(self, target: Target, packing: Packing):
        count = target.num_qubits or 0
        self._readout = [_error(target, "measure", (q,)) for q in range(count)]
        names = [name for name in target.operation_names if name in _SINGLE]
        self._single = [
            max((_error(target, name, (q,)) for name in names), default=0.0) for q in range(count)
        ]
        self.pairs: dict[tuple[int, int], float] = {}
        for name in target.operation_names:
            for qubits in target[name] or ():
                if qubits is not None and len(qubits) == 2:
                    low, high = sorted(qubits)
                    error = _error(target, name, qubits)
                    self.pairs[low, high] = min(error, self.pairs.get((low, high), 1.0))
        listed = packing.listed
        if any(qubit >= count for qubit in listed):
            raise UsageError(f"the device has the qubits 0 to {count - 1}, got {listed}.")
        most = 1.0 if listed else packing.most_error
        # An error of 1 is how a calibration says that something is broken.
        worst = [max(pair) for pair in zip(self._readout, self._single, strict=True)]
        self._good = [q for q in (listed or range(count)) if worst[q] <= most and worst[q] < 1]
        self._usable = {pair for pair, error in self.pairs.items() if error <= most and error < 1}
        if not self._good:
            least = f"the best has {min(worst):.3g}" if worst else "it has none"
            raise UsageError(
                f"no qubit of the device has errors of at most {most}: {least}; raise most_error, or list qubits."
            )

    def graph(self) -> rx.PyGraph:
        """Return the good qubits and the usable couplings between them."""
        graph = rx.PyGraph()
        place = dict(zip(self._good, graph.add_nodes_from(self._good), strict=True))
        graph.add_edges_from_no_data(
            [(place[a], place[b]) for a, b in sorted(self._usable) if a in place and b in place]
        )
        return graph

    def of(self, part: _Part, at: Mapping[int, int]) -> float:
        """Return the sum of the errors of a part's gates and readouts on these qubits."""
        total = sum(self._readout[at[w]] + part.single[w] * self._single[at[w]] for w in part.wires)
        for (a, b), count in part.pairs.items():
            low, high = sorted((at[a], at[b]))
            total += count * self.pairs[low, high]
        return total


_SINGLE = frozenset({"sx", "x", "u", "u2", "u3", "rx", "ry", "h"})
"""Gates that rotate; a rotation about Z takes no time and has no error."""


def _error(target: Target, name: str, qubits: tuple[int, ...]) -> float:
    properties = target[name] or {} if name in target.operation_names else {}
    known: Any = properties.get(qubits)
    return float(getattr(known, "error", None) or 0.0)


def _ranked(part: _Part, device: rx.PyGraph, errors: _Errors) -> list[dict[int, int]]:
    """Return the places of a part on the device, each a qubit for each wire, the best first."""
    graph = rx.PyGraph()
    node = dict(zip(part.wires, graph.add_nodes_from(part.wires), strict=True))
    graph.add_edges_from_no_data([(node[a], node[b]) for a, b in part.pairs])
    found = rx.vf2_mapping(device, graph, subgraph=True, induced=False)
    places = [
        {graph[inner]: device[outer] for outer, inner in mapping.items()}
        for mapping in islice(found, _MOST_PLACES)
    ]
    return sorted(places, key=lambda place: (errors.of(part, place), sorted(place.items())))


def _next(ranked: Sequence[Sequence[dict[int, int]]], free: set[int]) -> dict[int, int] | None:
    """Return the best free place of every part, or None."""
    copy: dict[int, int] = {}
    for places in ranked:
        taken = set(copy.values())
        for place in places:
            if taken.isdisjoint(place.values()) and free.issuperset(place.values()):
                copy |= place
                break
        else:
            return None
    return copy
