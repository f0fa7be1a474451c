"""Torch's usual layers, their initial weights drawn from a generator."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

__all__ = ["conv2d", "linear"]


def linear(
    in_features: int, out_features: int, *, generator: torch.Generator | None, **options: Any
) -> nn.Linear:
    r"""Return a dense layer, drawn as torch does: uniformly within :math:`\pm 1 / \sqrt{\text{fan-in}}`.

    Args:
        in_features: Size of each input sample.
        out_features: Size of each output sample.
        generator: Draws weights and biases; by default torch's own.
        options: ``device`` and ``dtype``.

    Example:
        >>> layer = linear(4, 2, generator=torch.Generator().manual_seed(0))
        >>> bool(layer.weight.abs().max() <= 0.5)
        True
    """
    layer = nn.Linear(in_features, out_features, device="meta", dtype=options.get("dtype"))
    _draw(layer.to_empty(device=options.get("device") or "cpu"), generator)
    return layer


def conv2d(
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    padding: int,
    *,
    generator: torch.Generator | None,
    **options: Any,
) -> nn.Conv2d:
    """Return a convolution, drawn by the same rule; see :func:`linear`."""
    layer = nn.Conv2d(
        in_channels,
        out_channels,
        kernel_size,
        padding=padding,
        device="meta",
        dtype=options.get("dtype"),
    )
    _draw(layer.to_empty(device=options.get("device") or "cpu"), generator)
    return layer


@torch.no_grad()
def _draw(layer: nn.Linear | nn.Conv2d, generator: torch.Generator | None) -> None:
    """Draw in float64, so that a seed gives the same layer in any dtype."""
    bound = layer.weight[0].numel() ** -0.5
    device = torch.device("cpu") if generator is None else generator.device
    for parameter in layer.parameters():
        draw = torch.rand(parameter.shape, generator=generator, dtype=torch.float64, device=device)
        parameter.copy_(bound * (2 * draw - 1))
