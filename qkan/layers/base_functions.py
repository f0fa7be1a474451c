"""The fixed functions that an edge may add to its own, each with a weight."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["BASE_FUNCTIONS"]

BASE_FUNCTIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "silu": functional.silu,
    "tanh": torch.tanh,
    "identity": lambda x: x,
}
