r"""Exponential encoding: the uploads run at rates 1, 3, 9, ...

.. math:: \langle Z \rangle \text{ of } W_d\, RZ(3^{d-1} x)\, W_{d-1} \cdots RZ(3 x)\, W_1\, RZ(x)\, W_0\, H |0\rangle,
          \qquad W_l = RY(\theta_{l1})\, RZ(\theta_{l0}) .

The sums of 0 and :math:`\pm 3^l` are all integers up to :math:`(3^d - 1)/2`, each once: the largest spectrum of d
uploads on one wire that has no gap. Its coefficients are not free: 2 d + 2 weights set :math:`3^d` of them.

Source: S. Shin, Y. S. Teo, H. Jeong, "Exponential data encoding for quantum supervised learning", Phys. Rev. A 107,
012422 (2023), arXiv:2206.12105.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pennylane as qml

from circuits.declaration import make_circuit
from circuits.definition import Circuit
from circuits.edges.refinement import behind

__all__ = ["exponential"]


def exponential(*, depth: int = 3) -> Circuit:
    """Return the exponential edge, of degree (3**depth - 1) / 2, with weights ``theta`` (depth + 1, 2).

    Args:
        depth: How many times the input is uploaded.

    Example:
        >>> [exponential(depth=depth).degrees[0] for depth in (1, 2, 3)]
        [1, 4, 13]
    """
    return make_circuit(
        partial(exponential_gates, depth=depth),
        name=f"exponential(depth={depth})",
        wires=1,
        weights={"theta": (depth + 1, 2)},
        reference="Shin, Teo, Jeong, arXiv:2206.12105",
        grow=partial(behind, make=exponential, depth=depth),
    )


def exponential_gates(inputs: Any, theta: Any, *, depth: int) -> None:
    """Queue the gates."""
    qml.Hadamard(wires=0)
    for layer in range(depth + 1):
        qml.RZ(theta[layer][0], wires=0)
        qml.RY(theta[layer][1], wires=0)
        if layer < depth:
            qml.RZ(3**layer * inputs[..., 0], wires=0)
