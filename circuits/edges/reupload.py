r"""General data re-uploading on one wire, with axes to choose.

.. math:: \langle Z \rangle \text{ of } W_d\, R_a(x)\, W_{d-1} \cdots R_a(x)\, W_0\, H |0\rangle, \qquad
          W_l = \prod_k R_{b_k}(\theta_{lk}) .

Encode about an axis that no neighbouring trainable rotation shares, or the two merge.

Source: A. Perez-Salinas et al., "Data re-uploading for a universal quantum classifier", Quantum 4, 226 (2020),
arXiv:1907.02085; for its Fourier series M. Schuld, R. Sweke, J. J. Meyer, arXiv:2008.08605.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pennylane as qml

from circuits.declaration import make_circuit
from circuits.definition import Circuit
from circuits.edges.refinement import Refinement, padded
from circuits.errors import CircuitError, UsageError, unknown_name

__all__ = ["reupload"]

_ROTATIONS = {"x": qml.RX, "y": qml.RY, "z": qml.RZ}


def reupload(*, depth: int = 3, encoding: str = "x", rotations: str = "zy") -> Circuit:
    """Return a re-uploading edge, with weights ``theta`` of shape (depth + 1, len(rotations)).

    Args:
        depth: How many times the input is uploaded; the Fourier degree at most.
        encoding: The axis about which the input rotates.
        rotations: The axes of the trainable rotations before, between and after the uploads, in time order.

    Raises:
        UsageError: If an axis is not x, y or z.

    Example:
        >>> reupload(depth=2, encoding="z", rotations="yxy").weight_shapes
        {'theta': (3, 3)}
    """
    for axes in (encoding, rotations):
        if not isinstance(axes, str) or not axes:
            raise UsageError(f"axes are written as a string such as 'zy'; {axes!r} arrived")
        for axis in axes:
            if axis not in _ROTATIONS:
                raise unknown_name("axis", axis, _ROTATIONS)
    if len(encoding) != 1:
        raise UsageError(f"the input is encoded about one axis, x, y or z; {encoding!r} arrived")
    return make_circuit(
        partial(reupload_gates, depth=depth, encoding=encoding, rotations=rotations),
        name=f"reupload(depth={depth}, encoding={encoding!r}, rotations={rotations!r})",
        wires=1,
        weights={"theta": (depth + 1, len(rotations))},
        reference="Perez-Salinas et al., arXiv:1907.02085",
        grow=partial(_grow, depth=depth, encoding=encoding, rotations=rotations),
    )


def reupload_gates(inputs: Any, theta: Any, *, depth: int, encoding: str, rotations: str) -> None:
    """Queue the gates."""
    qml.Hadamard(wires=0)
    for layer in range(depth + 1):
        for index, axis in enumerate(rotations):
            _ROTATIONS[axis](theta[layer][index], wires=0)
        if layer < depth:
            _ROTATIONS[encoding](inputs[..., 0], wires=0)


def _grow(uploads: int, *, depth: int, encoding: str, rotations: str) -> Refinement:
    """Quarter turns about its own axes, at either end, bring the observable or the state onto the axis of the encoding.

    They are found by trying all of them. Where there are none, two uploads undo each other, with a half turn between.
    """
    circuit = reupload(depth=depth + uploads, encoding=encoding, rotations=rotations)
    if found := next(_quarter_turns(encoding, rotations), None):
        front, new, shift = found
        made = padded(circuit, uploads if front else 0)
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
    made = padded(circuit, 0)
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
