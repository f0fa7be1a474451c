"""The classical control of filters: random cosines of the same patches."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

__all__ = ["COSINE_SEEDS", "RandomCosines"]

COSINE_SEEDS = 10_000
"""Where the cosines' seeds begin: the heads' initial weights are drawn from 0, 1, 2, ..."""


class RandomCosines(nn.Module):
    r"""Frozen random cosine features of every patch, as many channels as the filter has.

    .. math:: z_c = \cos(w_c \cdot x + b_c), \qquad w_c \sim \mathcal N(0, \tfrac{\pi^2}{n} I),
              \quad b_c \sim \mathcal U[0, 2 \pi)

    With n pixels a patch, a frequency has the mean square :math:`\pi^2` that the encoding
    :math:`R_Y(\pi x)` gives to a one-pixel sinusoid.

    Args:
        channels: The number of cosines.
        seed: What they are drawn from.
        kernel_size: The side of a patch, and the step between patches.

    Shape:
        ``(N, 1, H, W)`` to ``(N, channels, H', W')``, as ``Conv2d``.

    Example:
        >>> RandomCosines(4, seed=0)(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 4, 14, 14])

    Reference: A. Rahimi, B. Recht, "Random features for large-scale kernel machines", NIPS 2007.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, channels: int, seed: int, kernel_size: int = 2) -> None:
        super().__init__()
        self.stride = kernel_size
        generator = torch.Generator().manual_seed(seed)
        shape = (channels, 1, kernel_size, kernel_size)
        normal = torch.randn(shape, generator=generator, dtype=torch.float64)
        uniform = torch.rand(channels, generator=generator, dtype=torch.float64)
        self.register_buffer("weight", math.pi / kernel_size * normal)
        self.register_buffer("bias", 2 * math.pi * uniform)

    def forward(self, images: Tensor) -> Tensor:
        """Return the features, in the images' dtype."""
        weight, bias = self.weight.to(images), self.bias.to(images)
        return torch.cos(nn.functional.conv2d(images, weight, bias, stride=self.stride))
