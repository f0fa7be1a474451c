"""Where on a device copies of a small circuit are put side by side: on its good qubits, the best first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
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
            listed = tuple(
                check_integer("a qubit of a packing", q, 0) for q in self.qubits or (-1,)
            )
            if len(set(listed)) < len(listed):
                raise UsageError(f"a packing lists a qubit twice: {self.qubits}.")
            object.__setattr__(self, "qubits", listed)
        elif self.qubits is not None:
            count = check_integer("the qubits of a packing", self.qubits)
            object.__setattr__(self, "qubits", count)
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
    device = _device(target, packing)
    ranked = [_ranked(part, device) for part in _parts(circuit)]
    limit = packing.qubits if isinstance(packing.qubits, int) else len(device)
    found: list[tuple[int, ...]] = []
    free = {qubit for qubit, *_ in device.nodes()}
    while (len(found) + 1) * wires <= limit:
        copy = _next(ranked, free)
        if not copy:
            break
        free -= set(copy.values())
        found.append(tuple(copy[wire] for wire in range(wires)))
    return tuple(found)


def _device(target: Target, packing: Packing) -> rx.PyGraph:
    """Return the good qubits, each with the errors of its readout and its gates, and the couplings with theirs."""
    count, listed = target.num_qubits or 0, packing.listed
    if any(qubit >= count for qubit in listed):
        raise UsageError(f"the device has the qubits 0 to {count - 1}, got {listed}.")
    names = [name for name in target.operation_names if name in _SINGLE]
    errors = [
        (_error(target, "measure", (q,)), max([0.0, *(_error(target, n, (q,)) for n in names)]))
        for q in range(count)
    ]
    pairs: dict[tuple[int, ...], float] = {}
    for name in target.operation_names:
        for qubits in target[name] or ():
            if qubits is not None and len(qubits) == 2:
                pair = tuple(sorted(qubits))
                pairs[pair] = min(_error(target, name, qubits), pairs.get(pair, 1.0))
    most = 1.0 if listed else packing.most_error

    def good(*found: float) -> bool:
        return max(found) <= most and max(found) < 1  # an error of 1 says that something is broken

    device = rx.PyGraph()
    node = {q: device.add_node((q, *errors[q])) for q in listed or range(count) if good(*errors[q])}
    if not node:
        least = f"the best has {min(map(max, errors)):.3g}" if errors else "it has none"
        raise UsageError(
            f"no qubit of the device has errors of at most {most}: {least}; raise most_error, or list qubits."
        )
    for (a, b), error in sorted(pairs.items()):
        if a in node and b in node and good(error):
            device.add_edge(node[a], node[b], error)
    return device


_SINGLE = frozenset({"sx", "x", "u", "u2", "u3", "rx", "ry", "h"})
"""Gates that rotate; a rotation about Z takes no time and has no error."""


def _error(target: Target, name: str, qubits: tuple[int, ...]) -> float:
    properties = target[name] or {} if name in target.operation_names else {}
    known: Any = properties.get(qubits)
    return float(getattr(known, "error", None) or 0.0)


def _parts(circuit: QuantumCircuit) -> list[rx.PyGraph]:
    """Return the parts that gates connect: wires with the number of their own gates, pairs with that of theirs."""
    single: Counter[int] = Counter()
    pairs: Counter[tuple[int, int]] = Counter()
    for instruction in circuit.data:
        on = sorted(circuit.find_bit(qubit).index for qubit in instruction.qubits)
        single.update(on if len(on) == 1 else ())
        pairs.update(combinations(on, 2))  # a gate on three wires will need each of its pairs
    graph = rx.PyGraph()
    graph.add_nodes_from([(wire, single[wire]) for wire in range(circuit.num_qubits)])
    graph.add_edges_from([(*pair, count) for pair, count in pairs.items()])
    return [graph.subgraph(sorted(part)) for part in rx.connected_components(graph)]


def _ranked(part: rx.PyGraph, device: rx.PyGraph) -> list[dict[int, int]]:
    """Return the places of a part on the device, each a qubit for each wire, those of the least errors first."""
    found = []
    mappings = rx.vf2_mapping(device, part, subgraph=True, induced=False)
    for mapping in islice(mappings, _MOST_PLACES):
        at = {inner: outer for outer, inner in mapping.items()}
        total, place = 0.0, {}
        for inner, (wire, gates) in enumerate(part.nodes()):
            qubit, readout, single = device[at[inner]]
            total += readout + gates * single
            place[wire] = qubit
        for a, b, gates in part.weighted_edge_list():
            total += gates * device.get_edge_data(at[a], at[b])
        found.append((total, sorted(place.items())))
    return [dict(place) for _, place in sorted(found)]


def _next(ranked: Sequence[Sequence[dict[int, int]]], free: set[int]) -> dict[int, int]:
    """Return the best free place of every part; nothing if one has none."""
    copy: dict[int, int] = {}
    for places in ranked:
        left = free.difference(copy.values())
        place = next((place for place in places if left.issuperset(place.values())), None)
        if place is None:
            return {}
        copy |= place
    return copy
