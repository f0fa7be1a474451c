r"""The real edge: all amplitudes stay real.

.. math:: \langle Z \rangle \text{ of } \prod_{l=d-1}^{0} \bigl( RY(x)\, Z\, RY(\theta_l)\, X \bigr)\, H |0\rangle .

Up to a phase, X, RY(theta) and Z in a row are RY(pi - theta), so all gates add up to one rotation: the edge is a single
cosine of :math:`d x - \sum_l \theta_l`, and its one frequency is the number of uploads. It is the control that an
expressive edge is held against; for a full spectrum take ``reupload(encoding='y', rotations='x')`` or ``rpz``.

Source: J.-C. Jiang et al., arXiv:2509.14026. There the input may have a trainable rate for each upload; here the layer
scales it once for the edge (``scale=`` of ``qkan.QuantumKANLayer``), so that the spectrum is fixed.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pennylane as qml

from circuits.declaration import make_circuit
from circuits.definition import Circuit
from circuits.edges.refinement import Refinement
from circuits.errors import CircuitError

__all__ = ["real"]


def real(*, depth: int = 3) -> Circuit:
    """Return the real edge of degree ``depth``, with weights ``theta`` of shape (depth,).

    Args:
        depth: How many times the input is uploaded.
    """
    return make_circuit(
        partial(real_gates, depth=depth),
        name=f"real(depth={depth})",
        wires=1,
        weights={"theta": (depth,)},
        reference="Jiang et al., arXiv:2509.14026",
        grow=partial(_grow, depth=depth),
    )


def real_gates(inputs: Any, theta: Any, *, depth: int) -> None:
    """Queue the gates."""
    qml.Hadamard(wires=0)
    for layer in range(depth):
        qml.X(wires=0)
        qml.RY(theta[layer], wires=0)
        qml.Z(wires=0)
        qml.RY(inputs[..., 0], wires=0)


def _grow(uploads: int, *, depth: int) -> Refinement:
    """X, RY(theta), Z in a row are RY(pi - theta) up to a phase: all gates add up to one rotation."""
    raise CircuitError(
        f"'real(depth={depth})' has the frequency {depth} alone, so {uploads} uploads more would change its function; "
        "take an edge with a full spectrum, such as \"reupload(encoding='y', rotations='x')\" or 'rpz'"
    )
