r"""The filters of the published quanvolution demonstration, gate by gate.

The demonstration draws its circuit from a template's random generator, and PennyLane's generator has changed:
the same call gives two different circuits, before and since version 0.29. Both are frozen here.

With p the four angles (NumPy's legacy generator, seed 0, uniform on [0, 2 pi)), the current one is

.. math:: Z_0 = \cos \pi x_0, \quad Z_1 = \cos(\pi x_1 + p_0), \quad
          Z_2 = \cos p_2 \cos p_3 \dots \text{(one sinusoid of } x_2), \quad Z_3 = Z_1 \cos \pi x_3 .

Sources: M. Henderson et al., Quantum Mach. Intell. 2, 2 (2020), arXiv:1904.04767; A. Mari, "Quanvolutional Neural
Networks", PennyLane demonstrations (2020).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml

from circuits.declaration import make_circuit
from circuits.definition import Circuit
from circuits.filters.encoding import encode_angles

__all__ = ["DEMO_ANGLES", "demo", "demo_legacy"]

DEMO_ANGLES = (3.448296944257913, 4.493667318642264, 3.787273988239316, 3.4236020095353483)
"""``numpy.random.RandomState(0).uniform(high=2 * pi, size=4)``, written out."""

_REFERENCE = "Henderson et al., arXiv:1904.04767; Mari, PennyLane demonstrations (2020)"


def demo_gates(inputs: Any, angles: Any) -> None:
    """Queue the gates that PennyLane >= 0.29 draws."""
    encode_angles(inputs, 4)
    qml.RY(angles[0], wires=1)
    qml.RX(angles[1], wires=2)
    qml.CNOT(wires=[1, 3])
    qml.RZ(angles[2], wires=2)
    qml.RX(angles[3], wires=2)


def demo_legacy_gates(inputs: Any, angles: Any) -> None:
    """Queue the gates that PennyLane before 0.29 drew."""
    encode_angles(inputs, 4)
    qml.RX(angles[0], wires=0)
    qml.RZ(angles[1], wires=3)
    qml.CNOT(wires=[2, 1])
    qml.CNOT(wires=[3, 0])
    qml.RY(angles[2], wires=0)
    qml.RX(angles[3], wires=0)


def demo() -> Circuit:
    """Return the demonstration's filter as PennyLane >= 0.29 draws it: 4 inputs, 4 outputs.

    Example:
        >>> demo().num_nodes
        9
    """
    return _filter("demo", demo_gates)


def demo_legacy() -> Circuit:
    """Return the filter that the same call drew before PennyLane 0.29."""
    return _filter("demo-legacy", demo_legacy_gates)


def _filter(name: str, gates: Any) -> Circuit:
    return make_circuit(
        gates,
        name=name,
        wires=4,
        degree=(1,) * 4,
        scale=(np.pi,) * 4,
        weights={"angles": (4,)},
        defaults={"angles": DEMO_ANGLES},
        reference=_REFERENCE,
    )
