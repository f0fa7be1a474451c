r"""The phase edge: uploads by RZ between full rotations.

.. math:: \langle Z \rangle \text{ of } W_d\, RZ(x)\, W_{d-1} \cdots RZ(x)\, W_0\, H |0\rangle, \qquad
          W_l = RY(\theta_{l1})\, RZ(\theta_{l0}) .

Source: J.-C. Jiang et al., "Quantum Variational Activation Functions Empower Kolmogorov-Arnold Networks",
arXiv:2509.14026. Its software reads out \|a\| - \|b\| by default; here it is the physical <Z> = \|a\|^2 - \|b\|^2.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pennylane as qml

from circuits.declaration import make_circuit
from circuits.definition import Circuit
from circuits.edges.refinement import behind

__all__ = ["pz"]


def pz(*, depth: int = 3) -> Circuit:
    """Return the phase edge of degree ``depth``, with weights ``theta`` of shape (depth + 1, 2).

    Args:
        depth: How many times the input is uploaded.

    Example:
        >>> import numpy as np
        >>> [gate.name for gate in pz(depth=1).gates(np.zeros(1), theta=np.zeros((2, 2)))]
        ['Hadamard', 'RZ', 'RY', 'RZ', 'RZ', 'RY']
    """
    return make_circuit(
        partial(pz_gates, depth=depth),
        name=f"pz(depth={depth})",
        wires=1,
        weights={"theta": (depth + 1, 2)},
        reference="Jiang et al., arXiv:2509.14026",
        grow=partial(behind, make=pz, depth=depth),
    )


def pz_gates(inputs: Any, theta: Any, *, depth: int) -> None:
    """Queue the gates."""
    qml.Hadamard(wires=0)
    for layer in range(depth):
        qml.RZ(theta[layer][0], wires=0)
        qml.RY(theta[layer][1], wires=0)
        qml.RZ(inputs[..., 0], wires=0)
    qml.RZ(theta[depth][0], wires=0)
    qml.RY(theta[depth][1], wires=0)
