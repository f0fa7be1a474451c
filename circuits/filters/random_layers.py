"""Random quanvolutional filters, from a generator that will not change under us.

Each layer has the given number of one-wire Pauli rotations on random wires; between them, with
probability 0.3 as in PennyLane's ``RandomLayers``, random pairs of wires get a CNOT. Every choice comes from
``random.Random(seed).random()``, whose stream Python promises to keep; NumPy and PennyLane do not.
"""

from __future__ import annotations

from functools import partial
from math import pi
from random import Random
from typing import Any

import pennylane as qml

from circuits.declaration import make_circuit
from circuits.definition import Circuit
from circuits.filters.encoding import encode_angles

__all__ = ["random_filter"]

_IMPRIMITIVE_RATIO = 0.3
_ROTATIONS = {"RX": qml.RX, "RY": qml.RY, "RZ": qml.RZ}

Gate = tuple[str, tuple[int, ...]]


def random_filter(
    *, wires: int = 4, layers: int = 1, rotations: int | None = None, seed: int = 0
) -> Circuit:
    """Return a random filter with frozen angles, uniform on [0, 2 pi).

    Args:
        wires: The number of wires, one an input.
        layers: The number of layers.
        rotations: Rotations a layer; by default as many as wires.
        seed: Fixes the gates and the angles.

    Source:
        M. Henderson et al., Quantum Mach. Intell. 2, 2 (2020), arXiv:1904.04767.
    """
    count = wires if rotations is None else rotations
    random = Random(seed)
    drawn = tuple(tuple(_draw_layer(random, wires, count)) for _ in range(layers))
    angles = [[2 * pi * random.random() for _ in range(count)] for _ in range(layers)]
    return make_circuit(
        partial(random_gates, num_wires=wires, layers=drawn),
        name=f"random(layers={layers}, rotations={count}, seed={seed}, wires={wires})",
        wires=wires,
        degree=(1,) * wires,
        scale=(pi,) * wires,
        weights={"angles": (layers, count)},
        defaults={"angles": angles},
        reference="Henderson et al., arXiv:1904.04767",
    )


def random_gates(
    inputs: Any, angles: Any, *, num_wires: int, layers: tuple[tuple[Gate, ...], ...]
) -> None:
    """Queue the encoding and the drawn gates; the angles go to the rotations in their order."""
    encode_angles(inputs, num_wires)
    for layer, gates in enumerate(layers):
        rotation = 0
        for name, wires in gates:
            if name == "CNOT":
                qml.CNOT(wires=wires)
            else:
                _ROTATIONS[name](angles[layer, rotation], wires=wires)
                rotation += 1


def _draw_layer(random: Random, num_wires: int, rotations: int) -> list[Gate]:
    gates: list[Gate] = []
    drawn = 0
    while drawn < rotations:
        if random.random() < _IMPRIMITIVE_RATIO:
            if num_wires > 1:
                control = int(random.random() * num_wires)
                target = (control + 1 + int(random.random() * (num_wires - 1))) % num_wires
                gates.append(("CNOT", (control, target)))
        else:
            name = list(_ROTATIONS)[int(random.random() * len(_ROTATIONS))]
            gates.append((name, (int(random.random() * num_wires),)))
            drawn += 1
    return gates
