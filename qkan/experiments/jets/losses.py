"""The loss that all networks of the jet study are trained with."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

__all__ = ["bce"]


def bce(outputs: Tensor, labels: Tensor) -> Tensor:
    """Return the binary cross-entropy of each jet, from the log-odds of signal ``(N, 1)``.

    Example:
        >>> import torch
        >>> bce(torch.zeros(2, 1), torch.tensor([0, 1]))
        tensor([0.6931, 0.6931])
    """
    return functional.binary_cross_entropy_with_logits(
        outputs.squeeze(1), labels.to(outputs.dtype), reduction="none"
    )
