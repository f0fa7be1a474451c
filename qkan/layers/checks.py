"""Checks of tensors that reach a layer."""

from __future__ import annotations

from math import isfinite

import torch
from torch import Tensor

from circuits import UsageError

__all__ = ["inside_transform", "require_finite", "require_floating"]


def require_floating(x: Tensor, who: str) -> None:
    """Refuse tensors that hold no real floating-point numbers."""
    if not x.is_floating_point():
        raise UsageError(f"{who} expects a floating-point tensor, {x.dtype} arrived; use x.float()")


def require_finite(x: Tensor, who: str) -> None:
    """Refuse NaN and infinity, which a sine would spread without a word."""
    if x.numel() == 0 or inside_transform():  # under a transform no value can be looked at
        return
    low, high = torch.aminmax(x.detach())
    if not (isfinite(float(low)) and isfinite(float(high))):
        count = int((~torch.isfinite(x)).sum())
        raise UsageError(
            f"{who}: {count} of {x.numel()} inputs are NaN or infinite; clean the data before the layer"
        )


def inside_transform() -> bool:
    """Tell whether a transform of ``torch.func`` (vmap, grad) is running."""
    # torch has no public question for this; its own modules ask the same.
    return torch._C._functorch.peek_interpreter_stack() is not None
