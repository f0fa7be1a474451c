"""The nodes that fix the Fourier series of a circuit's observables: blocks of observables, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from circuits import fourier

__all__ = ["Block", "NodePlan", "count_nodes", "plan_nodes"]


@dataclass(frozen=True)
class Block:
    """Observables that see the same inputs, and the runs that fix their series.

    Attributes:
        inputs: The inputs in the light cone, in ascending order; may be empty.
        degrees: The Fourier degree of each of them.
        outputs: The observables.
        start: The first row of the plan's nodes that belongs to this block.
    """

    inputs: tuple[int, ...]
    degrees: tuple[int, ...]
    outputs: tuple[int, ...]
    start: int = 0

    @property
    def size(self) -> int:
        """The number of nodes, prod(2 d_k + 1)."""
        return prod(2 * degree + 1 for degree in self.degrees)

    @property
    def rows(self) -> slice:
        """The rows of the plan's nodes that belong to this block."""
        return slice(self.start, self.start + self.size)


@dataclass(frozen=True, eq=False)
class NodePlan:
    """The rows of inputs to run, and the blocks that read them.

    Attributes:
        blocks: Every observable is in exactly one of them.
        inputs: The nodes, shape ``(num_nodes, num_inputs)``.
    """

    blocks: tuple[Block, ...]
    inputs: np.ndarray


def count_nodes(cones: Sequence[Mapping[int, int]]) -> int:
    """Return the number of nodes without making them."""
    return sum(max(block.size for block in shelf) for shelf in _shelves(_merge(cones)))


def plan_nodes(cones: Sequence[Mapping[int, int]], scales: Sequence[float]) -> NodePlan:
    """Plan the runs for observables that see inputs with the given degrees.

    Blocks that share no input run side by side: two observables that see one input each, of degree 1,
    need three runs, not six.

    Args:
        cones: For each observable, the degree of each input that it sees.
        scales: The scale of each input.

    Example:
        >>> plan_nodes([{0: 1}, {1: 1}], [1.0, 1.0]).inputs.shape
        (3, 2)
    """
    placed: list[Block] = []
    rows: list[np.ndarray] = []
    start = 0
    for shelf in _shelves(_merge(cones)):
        height = max(block.size for block in shelf)
        runs = np.zeros((height, len(scales)))
        for block in shelf:
            grid = fourier.nodes(block.degrees, [scales[k] for k in block.inputs])
            runs[: block.size, list(block.inputs)] = grid
            placed.append(Block(block.inputs, block.degrees, block.outputs, start))
        rows.append(runs)
        start += height
    return NodePlan(tuple(placed), np.concatenate(rows))


def _merge(cones: Sequence[Mapping[int, int]]) -> list[Block]:
    """Join each observable to the largest one whose inputs and degrees contain its own."""
    order = sorted(
        range(len(cones)), key=lambda o: -prod(2 * degree + 1 for degree in cones[o].values())
    )
    groups: list[tuple[Mapping[int, int], list[int]]] = []
    for output in order:
        cone = cones[output]
        for owner, members in groups:
            if all(owner.get(k, 0) >= degree for k, degree in cone.items()):
                members.append(output)
                break
        else:
            groups.append((cone, [output]))
    return [
        Block(tuple(sorted(cone)), tuple(cone[k] for k in sorted(cone)), tuple(sorted(members)))
        for cone, members in groups
    ]


def _shelves(blocks: Sequence[Block]) -> list[list[Block]]:
    """Put blocks with disjoint inputs together, largest first."""
    shelves: list[tuple[set[int], list[Block]]] = []
    for block in sorted(blocks, key=lambda b: (-b.size, b.outputs)):
        for used, shelf in shelves:
            if used.isdisjoint(block.inputs):
                used.update(block.inputs)
                shelf.append(block)
                break
        else:
            shelves.append((set(block.inputs), [block]))
    return [shelf for _, shelf in shelves]
