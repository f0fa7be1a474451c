"""Data sets: tensors and where they come from. Nothing in here knows of models."""

from __future__ import annotations

from qkan.data.mnist import MNIST, mnist

__all__ = ["MNIST", "mnist"]
