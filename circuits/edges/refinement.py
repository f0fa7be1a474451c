r"""Larger edges that contain the old ones: more uploads, the same function.

An upload is invisible where it turns about the axis of what it acts on, so new uploads go to an end of the circuit:

- ``pz``, ``rpz``, ``exponential`` upload by RZ and measure Z, which commute: behind the last rotation.
- ``px`` uploads by RX and starts from :math:`|+\rangle`, its eigenstate: before the first rotation.
- ``reupload``: with quarter turns about its own axes, at either end, that bring the observable or the state onto the
  axis of the encoding; they are found by trying all of them. Where there are none, two uploads with a half turn
  between them that undo each other.
- ``entangled`` uploads by RZ on every wire; its chain of CNOTs takes :math:`Z_0` to a product of Zs, which no upload
  turns, and after r layers back to :math:`Z_0`: r = 2 for two wires, 4 for three and four.
- ``real`` has one frequency, its number of uploads: :math:`X`, :math:`RY(\theta)`, :math:`Z` in a row are
  :math:`RY(\pi - \theta)` up to a phase, so that all gates add up to one rotation: it cannot grow.

Source: the Fourier view of M. Schuld, R. Sweke, J. J. Meyer, arXiv:2008.08605; growing a circuit from the identity is
the start of E. Grant et al., Quantum 3, 214 (2019), arXiv:1903.05076.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from circuits.definition import Circuit
from circuits.edges.entangled import entangled, entangled_gates
from circuits.edges.exponential import exponential, exponential_gates
from circuits.edges.px import px, px_gates
from circuits.edges.pz import pz, pz_gates
from circuits.edges.real import real_gates
from circuits.edges.reupload import reupload, reupload_gates
from circuits.edges.rpz import rpz, rpz_gates
from circuits.errors import CircuitError, UsageError

__all__ = ["Refinement", "refinement"]


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
    if isinstance(uploads, bool) or not isinstance(uploads, int) or uploads < 1:
        raise UsageError(f"uploads must be an integer of at least 1, got {uploads!r}")
    function = circuit.function
    if not isinstance(function, partial) or function.func not in _RULES:
        raise CircuitError(
            f"circuit {circuit.name!r} is not one of the library's edges, so what a further upload would change is "
            "not known; give the larger circuit and its weights: refine(edge=..., weights=...)"
        )
    return _RULES[function.func](uploads, **function.keywords)


def _padded(circuit: Circuit, uploads: int, start: int) -> Refinement:
    zeros = {name: np.zeros(shape) for name, shape in circuit.weight_shapes.items()}
    return Refinement(circuit, zeros, start)


def _behind(make: Callable[..., Circuit]) -> Callable[..., Refinement]:
    def rule(uploads: int, *, depth: int) -> Refinement:
        return _padded(make(depth=depth + uploads), uploads, 0)

    return rule


def _px(uploads: int, *, depth: int) -> Refinement:
    return _padded(px(depth=depth + uploads), uploads, uploads)


def _real(uploads: int, *, depth: int) -> Refinement:
    raise CircuitError(
        f"'real(depth={depth})' has the frequency {depth} alone, so {uploads} uploads more would change its function; "
        "take an edge with a full spectrum, such as \"reupload(encoding='y', rotations='x')\" or 'rpz'"
    )


def _entangled(uploads: int, *, wires: int, depth: int) -> Refinement:
    period = 2 if wires == 2 else 4
    if uploads % period:
        raise UsageError(
            f"an edge entangled on {wires} wires keeps its function only if its uploads grow by a multiple of "
            f"{period}, not by {uploads}: the chain of CNOTs brings Z back to wire 0 after {period} layers; "
            f"try refine({period * (uploads // period + 1)})"
        )
    return _padded(entangled(wires=wires, depth=depth + uploads), uploads, 0)


def _reupload(uploads: int, *, depth: int, encoding: str, rotations: str) -> Refinement:
    circuit = reupload(depth=depth + uploads, encoding=encoding, rotations=rotations)
    if found := next(_quarter_turns(encoding, rotations), None):
        front, new, shift = found
        made = _padded(circuit, uploads, uploads if front else 0)
        theta = made.constants["theta"]
        order = range(uploads - 1, -1, -1) if front else range(depth + 1, depth + uploads + 1)
        for row in order:
            theta[row + 1 if front else row - 1] += shift
            theta[row] = new
        return made
    pair = _flips(encoding, rotations)
    if pair is None:
        raise CircuitError(
            f"all rotations of 'reupload(encoding={encoding!r}, rotations={rotations!r})' have one axis and add up, so "
            "a further upload would change its function; let the trainable rotations have another axis"
        )
    if uploads % 2:
        raise UsageError(
            f"'reupload(encoding={encoding!r}, rotations={rotations!r})' keeps its function only if a second upload "
            f"undoes the first, so its uploads grow by 2, 4, ..., not by {uploads}; try refine({uploads + 1})"
        )
    made = _padded(circuit, uploads, 0)
    made.constants["theta"][depth + 1 :] = np.tile(pair, (uploads // 2, 1))
    return made


def _quarter_turns(encoding: str, rotations: str) -> Iterator[tuple[bool, np.ndarray, np.ndarray]]:
    """Yield (at the front?, angles of the new rotations, what their old neighbours' angles change by)."""
    turns, fixed = _turns(rotations), np.eye(3)["xyz".index(encoding)]
    old = np.random.default_rng(0).uniform(-3, 3, len(rotations))
    for front, end in ((False, np.eye(3)[2]), (True, np.eye(3)[0])):
        # Behind, the observable is pulled back; in front, the state is pushed forward.
        moved = partial(_moved, rotations, end=end, front=front)
        axes = moved(turns)
        for new, axis in zip(turns, axes, strict=True):
            step = 1e-3 * np.eye(len(new))
            trains = np.abs(moved(new + step) - axis).max() > 1e-6
            if trains and np.isclose(abs(axis @ fixed), 1):
                reached = _moved(rotations, old + turns, end=axis, front=front)
                for shift in turns[np.isclose(reached, moved(old)).all(-1)]:
                    yield front, new, shift


def _flips(encoding: str, rotations: str) -> np.ndarray | None:
    """Return angles between and behind two uploads with which the second undoes the first, (2, rotations)."""
    turns = _turns(rotations)
    fixed, end = np.eye(3)["xyz".index(encoding)], np.eye(3)[2]
    matrices = _rotation(rotations, turns)
    pulled = end @ matrices
    for between, flip in zip(turns, matrices, strict=True):
        if np.allclose(flip @ fixed, -fixed):
            undone = np.isclose(pulled @ flip, end).all(-1)
            if undone.any():
                return np.stack([between, turns[undone.argmax()]])
    return None


def _turns(rotations: str) -> np.ndarray:
    """All quarter turns about these axes, those by 0 first, (4^rotations, rotations)."""
    return np.array(list(product((0, 1, -1, 2), repeat=len(rotations)))) * np.pi / 2


def _moved(rotations: str, angles: np.ndarray, *, end: np.ndarray, front: bool) -> np.ndarray:
    """Turn a state, or turn an observable back."""
    matrices = _rotation(rotations, angles)
    moved: np.ndarray = matrices @ end if front else end @ matrices
    return moved


def _rotation(rotations: str, angles: np.ndarray) -> np.ndarray:
    """The rotations of the Bloch vector by rotations about these axes, in time order; (..., n) -> (..., 3, 3)."""
    matrix: np.ndarray = np.eye(3)
    for index, axis in enumerate(rotations):
        p = "xyz".index(axis)
        q, r = (p + 1) % 3, (p + 2) % 3
        cos, sin = np.cos(angles[..., index]), np.sin(angles[..., index])
        turn = np.zeros((*cos.shape, 3, 3))
        turn[..., p, p] = 1
        turn[..., q, q] = turn[..., r, r] = cos
        turn[..., r, q], turn[..., q, r] = sin, -sin
        matrix = turn @ matrix
    return matrix


_RULES: dict[Any, Callable[..., Refinement]] = {
    pz_gates: _behind(pz),
    rpz_gates: _behind(rpz),
    exponential_gates: _behind(exponential),
    px_gates: _px,
    real_gates: _real,
    entangled_gates: _entangled,
    reupload_gates: _reupload,
}
