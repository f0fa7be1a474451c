"""Buffers that are used again for every chunk: fresh pages would cost more than the arithmetic."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

__all__ = ["Scratch"]


class Scratch:
    """Named buffers that grow to the largest size asked for.

    Args:
        dtype: Of all buffers.
        device: Of all buffers.
    """

    def __init__(self, dtype: torch.dtype, device: torch.device):
        self.dtype = dtype
        self.device = device
        self._buffers: dict[str, Tensor] = {}

    def get(self, name: str, *shape: int) -> Tensor:
        """Return the buffer ``name`` in this shape; it holds whatever was last written to it."""
        size = prod(shape)
        if name not in self._buffers or self._buffers[name].numel() < size:
            self._buffers[name] = torch.empty(size, dtype=self.dtype, device=self.device)
        return self._buffers[name][:size].view(shape)
