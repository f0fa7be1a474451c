"""What a quantum KAN layer does to its inputs before the edges see them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from circuits.errors import UsageError, unknown_name
from qkan.layers.checks import inside_transform

__all__ = ["INPUT_RANGES", "input_range", "range_name"]


class Tanh(nn.Module):
    r"""Map the real line into one period, :math:`x \to \pi \tanh x`."""

    def forward(self, x: Tensor) -> Tensor:
        """Return values between -pi and pi."""
        return math.pi * torch.tanh(x)


class ArcCos(nn.Module):
    r"""Map [-1, 1] to angles, :math:`x \to \arccos x`: edges become polynomials of x, weighted by square roots."""

    def forward(self, x: Tensor) -> Tensor:
        """Return angles between 0 and pi."""
        if not inside_transform() and x.numel() and float(x.detach().abs().max()) > 1:
            raise UsageError(
                "input_range='arccos' takes inputs in [-1, 1]; "
                f"values in [{float(x.min()):.4g}, {float(x.max()):.4g}] arrived"
            )
        return torch.arccos(x)


INPUT_RANGES = ("none", "tanh", "standardise", "arccos")


def input_range(
    name: str, features: int, device: torch.device | str | None, dtype: torch.dtype | None
) -> nn.Module | None:
    """Return the module that maps the inputs, or None for ``"none"``.

    Args:
        name: ``"none"``; ``"tanh"``, into (-pi, pi); ``"standardise"``, by running mean and variance, as
            ``nn.BatchNorm1d`` without its affine map; ``"arccos"``, from [-1, 1] to [0, pi].
        features: The number of inputs.
        device: Where the running statistics are.
        dtype: Of the running statistics.

    Raises:
        UsageError: If the name is unknown.
    """
    match name:
        case "none":
            return None
        case "tanh":
            return Tanh()
        case "standardise":
            return nn.BatchNorm1d(features, affine=False, device=device, dtype=dtype)
        case "arccos":
            return ArcCos()
    raise unknown_name("input range", name, INPUT_RANGES)


def range_name(module: nn.Module | None) -> str:
    """Return the name with which :func:`input_range` makes a module."""
    kinds = {Tanh: "tanh", nn.BatchNorm1d: "standardise", ArcCos: "arccos"}
    return "none" if module is None else kinds[type(module)]
