"""A one-wire program as two chains of steps that meet in the middle, each at as few nodes as it needs.

A Bloch vector that has seen uploads of total degree l is a trigonometric polynomial of degree l: its values at 2l + 1
nodes are all there is to know. So an upload is a constant matrix from 2l + 1 nodes to the next, 2l' + 1, and so is a
fixed gate; only the trainable rotations differ from edge to edge. The state runs forwards, the observable
backwards, and they meet where that costs least.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

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
    """A constant matrix on the components at all nodes, from (3 n,) to (3 n',), component by component."""

    matrix: np.ndarray


@dataclass(frozen=True, eq=False)
class Chain:
    """Steps from one end of the program to where the two meet.

    Attributes:
        start: The vector that the steps begin with, (3 n,).
        steps: What happens to it.
        cost: The work of the trainable rotations, in rotations at one node.
    """

    start: np.ndarray
    steps: tuple[Turn | Mix, ...]
    cost: int


def chains(program: BlochProgram, degree: int) -> tuple[Chain, Chain]:
    """Return the chain of the state and that of the observable; both end at 2 degree + 1 nodes."""
    steps = program.steps
    uploads = [k for k, step in enumerate(steps) if isinstance(step, Rotation) and step.harmonic]
    pairs = [
        (
            _chain(_moves(steps[: last + 1], 1), (0.0, 0.0, 1.0), degree),
            _chain(_moves(steps[last + 1 :][::-1], -1), program.observable[1:], degree),
        )
        for last in uploads
    ]
    return min(pairs, key=lambda pair: pair[0].cost + pair[1].cost)


Move = Turn | Fixed | tuple[int, int]
"""A tuple is an upload: the axis and the signed harmonic."""


def _moves(steps: Sequence[Rotation | Fixed], sign: int) -> Iterator[Move]:
    for step in steps:
        if isinstance(step, Fixed):
            yield step if sign > 0 else Fixed(step.matrix.T)
        else:
            if step.row is not None:
                yield Turn(step.axis, step.row, sign)
            if step.harmonic:
                yield (step.axis, sign * step.harmonic)


def _chain(moves: Iterator[Move], start: Sequence[float], degree: int) -> Chain:
    vector = np.array(start)
    steps: list[Turn | Mix] = []
    reached, cost = 0, 0
    pending = np.eye(3)
    for move in moves:
        if isinstance(move, Turn):
            vector = _flush(vector, steps, pending)
            steps.append(move)
            cost += 2 * reached + 1
            pending = np.eye(3 * (2 * reached + 1))
        elif isinstance(move, Fixed):
            pending = np.kron(move.matrix, np.eye(2 * reached + 1)) @ pending
        else:
            axis, harmonic = move
            before, reached = reached, reached + abs(harmonic)
            pending = _upload(axis, harmonic, before, reached) @ pending
    pending = np.kron(np.eye(3), _interpolation(reached, degree)) @ pending
    vector = _flush(vector, steps, pending)
    return Chain(vector, tuple(steps), cost)


def _flush(vector: np.ndarray, steps: list[Turn | Mix], matrix: np.ndarray) -> np.ndarray:
    """Put a matrix behind the steps, or into the start where there are none yet."""
    if not steps:
        return matrix @ vector
    if matrix.shape[0] != matrix.shape[1] or not np.array_equal(matrix, np.eye(len(matrix))):
        steps.append(Mix(matrix))
    return vector


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
    return np.asarray(fourier.evaluate(analysis, _nodes(after)[None], [1.0])).T


def _nodes(degree: int) -> np.ndarray:
    return 2 * math.pi * np.arange(2 * degree + 1) / (2 * degree + 1)
