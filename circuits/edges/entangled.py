r"""Entangled edges: each upload rotates every wire, so the degree is wires x depth.

.. math:: \langle Z_0 \rangle \text{ of } W_d\, S(x)\, W_{d-1} \cdots S(x)\, W_0\, H^{\otimes n} |0\rangle, \qquad
          S(x) = \prod_w RZ_w(x), \quad
          W_l = CNOT_{1,0} \cdots CNOT_{n-1,n-2} \prod_w RY_w(\theta_{lw1})\, RZ_w(\theta_{lw0}) .

The chain of CNOTs runs down to wire 0, so that :math:`Z_0` there is :math:`Z_0 Z_1 \cdots Z_{n-1}` before it: the
observable sees every wire at every upload, and the highest harmonic is reached.

Source: M. Schuld, R. Sweke, J. J. Meyer, "Effect of data encoding on the expressive power of variational quantum
machine learning models", Phys. Rev. A 103, 032430 (2021), arXiv:2008.08605, parallel encodings.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pennylane as qml

from circuits.declaration import make_circuit
from circuits.definition import Circuit
from circuits.edges.refinement import Refinement, padded
from circuits.errors import UsageError

__all__ = ["entangled"]

_MOST_WIRES = 4


def entangled(*, wires: int = 2, depth: int = 1) -> Circuit:
    """Return an entangled edge of degree wires x depth, with weights ``theta`` (depth + 1, wires, 2).

    Args:
        wires: The number of wires, 2 to 4.
        depth: How many times the input is uploaded to every wire.

    Raises:
        UsageError: If the number of wires is out of range.

    Example:
        >>> entangled(wires=3, depth=2).degrees
        (6,)
    """
    if not 2 <= wires <= _MOST_WIRES:
        raise UsageError(
            f"an entangled edge has 2 to {_MOST_WIRES} wires, {wires} arrived; "
            "for one wire take 'reupload'"
        )
    return make_circuit(
        partial(entangled_gates, wires=wires, depth=depth),
        name=f"entangled(wires={wires}, depth={depth})",
        wires=wires,
        weights={"theta": (depth + 1, wires, 2)},
        observables=qml.Z(0),
        reference="Schuld, Sweke, Meyer, arXiv:2008.08605",
        grow=partial(_grow, wires=wires, depth=depth),
    )


def entangled_gates(inputs: Any, theta: Any, *, wires: int, depth: int) -> None:
    """Queue the gates."""
    for wire in range(wires):
        qml.Hadamard(wires=wire)
    for layer in range(depth + 1):
        for wire in range(wires):
            qml.RZ(theta[layer][wire][0], wires=wire)
            qml.RY(theta[layer][wire][1], wires=wire)
        for wire in range(wires - 1, 0, -1):
            qml.CNOT(wires=[wire, wire - 1])
        if layer < depth:
            for wire in range(wires):
                qml.RZ(inputs[..., 0], wires=wire)


def _grow(uploads: int, *, wires: int, depth: int) -> Refinement:
    """The chain of CNOTs takes Z_0 to a product of Zs, which no upload turns, and after a period of layers back."""
    period = 2 if wires == 2 else 4
    if uploads % period:
        raise UsageError(
            f"an edge entangled on {wires} wires keeps its function only if its uploads grow by a multiple of "
            f"{period}, not by {uploads}: the chain of CNOTs brings Z back to wire 0 after {period} layers; "
            f"try refine({period * (uploads // period + 1)})"
        )
    return padded(entangled(wires=wires, depth=depth + uploads), 0)
