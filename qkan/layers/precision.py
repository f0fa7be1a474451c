"""Layers inside ``torch.autocast``: their sums cancel, so they are made in the precision of their weights.

In bfloat16 a Fourier sum of float32 weights is off by parts in a thousand. As torch does with its own operations that
are sensitive to precision, autocast is switched off inside, forwards and backwards; what arrives in half precision,
from an ``nn.Linear`` before, is raised to the layer's dtype.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import torch
from torch import Tensor

__all__ = ["backward_without_autocast", "without_autocast"]

_HALF = (torch.bfloat16, torch.float16)

B = TypeVar("B", bound=Callable[..., Any])


def without_autocast(forward: Callable[[Any, Tensor], Tensor]) -> Callable[[Any, Tensor], Tensor]:
    """Return a layer's ``forward`` that autocast leaves alone."""

    @wraps(forward)
    def run(self: Any, input: Tensor) -> Tensor:
        if not isinstance(input, Tensor) or not torch.is_autocast_enabled(input.device.type):
            return forward(self, input)
        with torch.autocast(input.device.type, enabled=False):
            if input.dtype in _HALF:
                input = input.to(getattr(self, "dtype", torch.float32))
            return forward(self, input)

    return run


def backward_without_autocast(backward: B) -> B:
    """Return an autograd function's ``backward`` that autocast leaves alone, where it is run inside."""

    @wraps(backward)
    def run(ctx: Any, *upstream: Tensor) -> Any:
        kind = upstream[0].device.type
        if not torch.is_autocast_enabled(kind):
            return backward(ctx, *upstream)
        with torch.autocast(kind, enabled=False):
            return backward(ctx, *upstream)

    return run  # type: ignore[return-value]
