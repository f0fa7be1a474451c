"""The quantum KAN layer: edge circuits, their coefficients, and the sums over them."""

from qkan.layers.qkan.layer import QuantumKANLayer

__all__ = ["QuantumKANLayer"]
