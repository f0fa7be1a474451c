"""What is done to the inputs of a KAN layer before its edge functions see them.

Edge functions resolve a domain, so where the inputs lie matters more than in an MLP. Nothing is
done unless it is asked for.
"""

from __future__ import annotations

import torch
from torch import nn

from circuits.errors import unknown_name

__all__ = ["input_normalization"]

_CHOICES = ("none", "layer", "batch", "tanh")


def input_normalization(
    name: str,
    features: int,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> nn.Module | None:
    r"""Return the module that normalises ``features`` inputs, or None for ``"none"``.

    Args:
        name: ``"none"``; ``"layer"``: ``nn.LayerNorm`` (as FastKAN, arXiv:2405.06721, has it);
            ``"batch"``: ``nn.BatchNorm1d``; ``"tanh"``: :math:`x \to \tanh x`, into (-1, 1).
        features: How many inputs there are.
        device: The device of its parameters.
        dtype: The type of its parameters.

    Raises:
        UsageError: If the name is unknown.

    Example:
        >>> input_normalization("layer", 3)
        LayerNorm((3,), eps=1e-05, elementwise_affine=True...)
    """
    match name:
        case "none":
            return None
        case "layer":
            return nn.LayerNorm(features, device=device, dtype=dtype)
        case "batch":
            return nn.BatchNorm1d(features, device=device, dtype=dtype)
        case "tanh":
            return nn.Tanh()
    raise unknown_name("normalization", name, _CHOICES)
