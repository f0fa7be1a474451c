r"""General data re-uploading on one wire, with axes to choose.

.. math:: \langle Z \rangle \text{ of } W_d\, R_a(x)\, W_{d-1} \cdots R_a(x)\, W_0\, H |0\rangle, \qquad
          W_l = \prod_k R_{b_k}(\theta_{lk}) .

Encode about an axis that no neighbouring trainable rotation shares, or the two merge.

Source: A. Perez-Salinas et al., "Data re-uploading for a universal quantum classifier", Quantum 4, 226 (2020),
arXiv:1907.02085; for its Fourier series M. Schuld, R. Sweke, J. J. Meyer, arXiv:2008.08605.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pennylane as qml

from circuits.definition import Circuit, make_circuit
from circuits.errors import UsageError, unknown_name

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
    )


def reupload_gates(inputs: Any, theta: Any, *, depth: int, encoding: str, rotations: str) -> None:
    """Queue the gates."""
    qml.Hadamard(wires=0)
    for layer in range(depth + 1):
        for index, axis in enumerate(rotations):
            _ROTATIONS[axis](theta[layer][index], wires=0)
        if layer < depth:
            _ROTATIONS[encoding](inputs[..., 0], wires=0)
