"""Quanvolutional filters made of PennyLane's entangling templates."""

from __future__ import annotations

from functools import partial
from math import pi
from random import Random
from typing import Any

import numpy as np
import pennylane as qml

from circuits.declaration import make_circuit
from circuits.definition import Circuit
from circuits.filters.encoding import encode_angles

__all__ = ["basic_entangler", "strongly_entangling"]


def strongly_entangling(*, wires: int = 4, layers: int = 1, seed: int = 0) -> Circuit:
    """Return a filter of three-angle rotations and rings of CNOTs of growing reach.

    Args:
        wires: The number of wires, one an input.
        layers: The number of layers.
        seed: Fixes the default angles.

    Source:
        M. Schuld et al., Phys. Rev. A 101, 032308 (2020), arXiv:1804.00633.
    """
    return _filter(
        "strongly-entangling",
        qml.StronglyEntanglingLayers,
        (layers, wires, 3),
        seed,
        "arXiv:1804.00633",
    )


def basic_entangler(*, wires: int = 4, layers: int = 1, seed: int = 0) -> Circuit:
    """Return a filter of RX rotations and rings of CNOTs.

    Args:
        wires: The number of wires, one an input.
        layers: The number of layers.
        seed: Fixes the default angles.
    """
    reference = "PennyLane's BasicEntanglerLayers"
    return _filter("basic-entangler", qml.BasicEntanglerLayers, (layers, wires), seed, reference)


def template_gates(inputs: Any, angles: Any, *, template: Any, num_wires: int) -> None:
    """Queue the encoding, then the template."""
    encode_angles(inputs, num_wires)
    template(angles, wires=range(num_wires))


def _filter(name: str, template: Any, shape: tuple[int, ...], seed: int, reference: str) -> Circuit:
    layers, wires = shape[:2]
    random = Random(seed)
    angles = np.reshape([2 * pi * random.random() for _ in range(int(np.prod(shape)))], shape)
    return make_circuit(
        partial(template_gates, template=template, num_wires=wires),
        name=f"{name}(layers={layers}, seed={seed}, wires={wires})",
        wires=wires,
        degree=(1,) * wires,
        scale=(pi,) * wires,
        weights={"angles": shape},
        defaults={"angles": angles},
        reference=reference,
    )
