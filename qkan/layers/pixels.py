"""Pixels of an image as a circuit takes them: real numbers, which 8-bit images become."""

from __future__ import annotations

import torch
from torch import Tensor

from circuits.errors import UsageError
from qkan.layers.checks import inside_transform, require_finite, require_floating

__all__ = ["real_pixels", "require_images"]


def require_images(image: Tensor, in_channels: int, who: str) -> None:
    """Refuse what is no batch of images with so many channels and real or 8-bit pixels.

    Raises:
        UsageError: If the shape or the dtype is another, or integers are outside 0 to 255.
    """
    if image.ndim != 4 or image.shape[1] != in_channels or image.shape[0] == 0:
        raise UsageError(
            f"{who} expects images of shape (N, {in_channels}, H, W) with N >= 1, or "
            f"({in_channels}, H, W); {tuple(image.shape)} arrived"
        )
    if image.dtype == torch.bool or image.is_complex():
        raise UsageError(f"{who} expects real or 8-bit pixels, {image.dtype} arrived")
    if image.is_floating_point():
        require_floating(image, who)
    elif image.dtype != torch.uint8 and not inside_transform():
        low, high = (int(value) for value in torch.aminmax(image.long()))
        if low < 0 or high > 255:
            raise UsageError(
                f"integer images hold pixels from 0 to 255; {low} to {high} arrived. "
                "Scale them to [0, 1] as floating-point numbers"
            )


def real_pixels(image: Tensor, who: str) -> Tensor:
    """Return finite floating-point pixels; integers are divided by 255.

    Raises:
        UsageError: If a pixel is NaN or infinite.
    """
    if not image.is_floating_point():
        return image.to(torch.get_default_dtype()) / 255
    require_finite(image, who)
    return image
