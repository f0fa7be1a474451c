r"""The X edge: uploads by RX between rotations about Z.

.. math:: \langle Z \rangle \text{ of } RX(t)\, RZ(\theta_{d-1}) \cdots RX(t)\, RZ(\theta_0)\, H |0\rangle .

Source: J.-C. Jiang et al., arXiv:2509.14026, and its software. There the angle is :math:`t = \arccos x`, as in quantum
signal processing, and makes polynomials of x; here the circuit's input is the angle, and the arccosine belongs to the
layer (``input_map="arccos"`` of ``qkan.QuantumKANLayer``). The last RZ there commutes with Z and is left out.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pennylane as qml

from circuits.declaration import make_circuit
from circuits.definition import Circuit
from circuits.edges.refinement import in_front

__all__ = ["px"]


def px(*, depth: int = 3) -> Circuit:
    """Return the X edge of degree ``depth``, with weights ``theta`` of shape (depth,).

    Args:
        depth: How many times the angle is uploaded.
    """
    return make_circuit(
        partial(px_gates, depth=depth),
        name=f"px(depth={depth})",
        wires=1,
        weights={"theta": (depth,)},
        reference="Jiang et al., arXiv:2509.14026",
        grow=partial(in_front, make=px, depth=depth),
    )


def px_gates(inputs: Any, theta: Any, *, depth: int) -> None:
    """Queue the gates."""
    qml.Hadamard(wires=0)
    for layer in range(depth):
        qml.RZ(theta[layer], wires=0)
        qml.RX(inputs[..., 0], wires=0)
