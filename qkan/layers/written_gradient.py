"""What functions with a gradient that is written out have in common: where to be plain, and their second derivative."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from qkan.layers.checks import inside_transform

__all__ = ["differentiable_gradient", "traced"]


def traced() -> bool:
    """Whether operations are being transformed, so that they must be plain and out of place."""
    return inside_transform() or torch.compiler.is_compiling()


def differentiable_gradient(
    plain: Callable[..., Tensor], inputs: Sequence[Tensor | None], upstream: Tensor
) -> tuple[Tensor | None, ...]:
    """Return the gradient by autograd through the plain form, so that it has a gradient itself."""
    # Views, for an input may be a function of another one: its own gradient must not be counted there.
    views = [None if x is None else x.view_as(x) for x in inputs]
    wanted = [x for x in views if x is not None and x.requires_grad]
    found = iter(torch.autograd.grad(plain(*views), wanted, upstream, create_graph=True))
    return tuple(next(found) if x is not None and x.requires_grad else None for x in inputs)
