"""The angle encoding that all quanvolutional filters share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml

__all__ = ["encode_angles"]


def encode_angles(inputs: Any, num_wires: int) -> None:
    r"""Rotate wire k by :math:`RY(\pi x_k)`: a black pixel leaves it in |0>, a white one flips it."""
    for wire in range(num_wires):
        qml.RY(np.pi * inputs[..., wire], wires=wire)
