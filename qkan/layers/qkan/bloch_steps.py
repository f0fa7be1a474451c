"""A one-wire program as two chains of steps that meet in the middle, each at as few nodes as it needs.

A Bloch vector that has seen uploads of total degree l is a trigonometric polynomial of degree l: its values at 2l + 1
nodes are all there is to know. So an upload is a constant matrix from 2l + 1 nodes to the next, 2l' + 1, and so is a
fixed gate; only the trainable rotations differ from edge to edge. The state runs forwards, the observable
backwards, and they meet where that costs least.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from circuits import fourier
from circuits.bloch import BlochProgram, Fixed, Rotation

__all__ = ["Chain", "Mix", "Turn", "chains"]


@dataclass(frozen=True)
class Turn:
    """A rotation about ``axis`` by the trainable angle in ``row``; ``sign`` is -1 where it is undone."""

    axis: int
    row: int
    sign: float


@dataclass(frozen=True, eq=False)
class Mix:
    """A constant matrix on the components at all nodes, component by component.

    Attributes:
        matrix: From the components that are not zero, (their number x n), to all three, (3 n',), in float64.
        alive: Which of the components before are not zero for every edge.
    """

    matrix: Tensor
    alive: tuple[bool, ...]


@dataclass(frozen=True)
class Upload:
    """A rotation about ``axis`` by ``harmonic`` times the scaled input; the sign tells whether it is undone."""

    axis: int
    harmonic: int


@dataclass(frozen=True, eq=False)
class Chain:
    """Steps from one end of the program to where the two meet.

    Attributes:
        start: The components that the steps begin with, each (n, 1) in float64, or None where zero.
        steps: What happens to it.
        cost: The work of the trainable rotations, in rotations at one node.
    """

    start: tuple[Tensor | None, ...]
    steps: tuple[Turn | Mix, ...]
    cost: int

    def to(self, dtype: torch.dtype, device: torch.device) -> Chain:
        """Return the chain with its constants in a dtype and on a device."""
        start = tuple(None if part is None else part.to(device, dtype) for part in self.start)
        steps = tuple(
            replace(step, matrix=step.matrix.to(device, dtype)) if isinstance(step, Mix) else step
            for step in self.steps
        )
        return Chain(start, steps, self.cost)


def chains(program: BlochProgram, degree: int) -> tuple[Chain, Chain]:
    """Return the chain of the state and that of the observable; both end at 2 degree + 1 nodes."""
    steps = program.steps
    uploads = [k for k, step in enumerate(steps) if isinstance(step, Rotation) and step.harmonic]
    pairs = [
        (
            _chain(_turns_first(_moves(steps[: last + 1], 1)), (0.0, 0.0, 1.0), degree),
            _chain(_turns_first(_moves(steps[:last:-1], -1)), program.observable[1:], degree),
        )
        for last in uploads
    ]
    return min(pairs, key=lambda pair: pair[0].cost + pair[1].cost)


Move = Turn | Fixed | Upload


def _moves(steps: Sequence[Rotation | Fixed], sign: int) -> Iterator[Move]:
    for step in steps:
        if isinstance(step, Fixed):
            yield step if sign > 0 else Fixed(step.matrix.T)
        else:
            if step.row is not None:
                yield Turn(step.axis, step.row, sign)
            if step.harmonic:
                yield Upload(step.axis, sign * step.harmonic)


def _turns_first(moves: Iterable[Move]) -> list[Move]:
    """Put a trainable rotation before uploads about its own axis: they commute, and there are fewer nodes then."""
    ordered: list[Move] = []
    for move in moves:
        place = len(ordered)
        if isinstance(move, Turn):
            while place and _same_axis(ordered[place - 1], move):
                place -= 1
        ordered.insert(place, move)
    return ordered


def _same_axis(move: Move, turn: Turn) -> bool:
    return isinstance(move, Upload) and move.axis == turn.axis


def _chain(moves: Iterable[Move], start: Sequence[float], degree: int) -> Chain:
    vector: np.ndarray = np.array(start)
    alive = [True, True, True]
    steps: list[Turn | Mix] = []
    reached, cost = 0, 0
    pending = np.eye(3)
    for move in moves:
        if isinstance(move, Turn):
            vector, alive = _flush(vector, alive, steps, pending)
            steps.append(move)
            turned = [axis for axis in range(3) if axis != move.axis]
            for axis in turned:
                alive[axis] = any(alive[other] for other in turned)
            cost += 2 * reached + 1
            pending = np.eye(3 * (2 * reached + 1))
        elif isinstance(move, Fixed):
            pending = np.kron(move.matrix, np.eye(2 * reached + 1)) @ pending
        else:
            before, reached = reached, reached + abs(move.harmonic)
            pending = _upload(move.axis, move.harmonic, before, reached) @ pending
    pending = np.kron(np.eye(3), _interpolation(reached, degree)) @ pending
    vector, _ = _flush(vector, alive, steps, pending)
    parts = [torch.from_numpy(part) if part.any() else None for part in vector.reshape(3, -1, 1)]
    return Chain(tuple(parts), tuple(steps), cost)


def _flush(
    vector: np.ndarray, alive: list[bool], steps: list[Turn | Mix], matrix: np.ndarray
) -> tuple[np.ndarray, list[bool]]:
    """Put a matrix behind the steps, or into the start where there are none yet; tell what is not zero then."""
    if not steps:
        vector = matrix @ vector
        return vector, [bool(part.any()) for part in vector.reshape(3, -1)]
    if matrix.shape[0] == matrix.shape[1] and np.array_equal(matrix, np.eye(len(matrix))):
        return vector, alive
    columns = matrix.reshape(len(matrix), 3, -1)[:, alive].reshape(len(matrix), -1)
    steps.append(Mix(torch.from_numpy(columns), tuple(alive)))
    return vector, [True, True, True]


def _upload(axis: int, harmonic: int, before: int, after: int) -> np.ndarray:
    """The matrix of a rotation about ``axis`` by ``harmonic`` times the node, at the nodes of degree ``after``."""
    wide = _interpolation(before, after)
    phases = harmonic * _nodes(after)
    cos, sin = np.cos(phases)[:, None] * wide, np.sin(phases)[:, None] * wide
    size, source = wide.shape
    blocks = np.zeros((3, size, 3, source))
    first, second = (axis + 1) % 3, (axis + 2) % 3
    blocks[axis, :, axis] = wide
    blocks[first, :, first] = blocks[second, :, second] = cos
    blocks[first, :, second], blocks[second, :, first] = -sin, sin
    return blocks.reshape(3 * size, 3 * source)


def _interpolation(before: int, after: int) -> np.ndarray:
    """The matrix from values at the nodes of one degree to those of a higher one."""
    analysis = fourier.coefficients(np.eye(2 * before + 1), [before])
    values: np.ndarray = fourier.evaluate(analysis, _nodes(after)[None], [1.0])
    return values.T


def _nodes(degree: int) -> np.ndarray:
    grid: np.ndarray = fourier.nodes([degree], [1.0])
    return grid[:, 0]
