r"""The reduced phase edge: uploads by RZ, each with a shift, between rotations about Y.

.. math:: \langle Z \rangle \text{ of } RY(\theta_d)\, RZ(x + b_{d-1})\, RY(\theta_{d-1}) \cdots
          RZ(x + b_0)\, RY(\theta_0)\, H |0\rangle .

Source: J.-C. Jiang et al., arXiv:2509.14026. There each upload has a trainable rate, RZ(w_l x + b_l). A rate that a
weight sets would make the spectrum of the circuit change with its weights, so here the rate is 1: the layer scales
the input of an edge (``scale=`` of ``qkan.QuantumKANLayer``), one rate for all its uploads.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pennylane as qml

from circuits.declaration import make_circuit
from circuits.definition import Circuit
from circuits.edges.refinement import behind

__all__ = ["rpz"]


def rpz(*, depth: int = 3) -> Circuit:
    """Return the reduced phase edge, with weights ``theta`` (depth + 1,) and ``shift`` (depth,).

    Args:
        depth: How many times the input is uploaded; the Fourier degree.
    """
    return make_circuit(
        partial(rpz_gates, depth=depth),
        name=f"rpz(depth={depth})",
        wires=1,
        weights={"theta": (depth + 1,), "shift": (depth,)},
        reference="Jiang et al., arXiv:2509.14026",
        grow=partial(behind, make=rpz, depth=depth),
    )


def rpz_gates(inputs: Any, theta: Any, shift: Any, *, depth: int) -> None:
    """Queue the gates."""
    qml.Hadamard(wires=0)
    for layer in range(depth):
        qml.RY(theta[layer], wires=0)
        qml.RZ(inputs[..., 0] + shift[layer], wires=0)
    qml.RY(theta[depth], wires=0)
