"""Images as patches: which pixels are the inputs of which circuit, as strided views."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import pad

from circuits.errors import UsageError

__all__ = ["PatchGrid"]


@dataclass(frozen=True)
class PatchGrid:
    """Where the patches of an image lie; the geometry of :class:`torch.nn.Conv2d`.

    Args:
        kernel_size: Height and width of a patch.
        stride: Step between patches.
        padding: Black pixels added on every side.
        dilation: Step between the pixels of a patch.
        in_channels: The number of channels of the image.
        joint: Whether a patch holds all channels; else each channel has patches of its own.
    """

    kernel_size: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    in_channels: int
    joint: bool

    @property
    def pixels(self) -> int:
        """The number of pixels of a patch."""
        area = self.kernel_size[0] * self.kernel_size[1]
        return area * self.in_channels if self.joint else area

    @property
    def groups(self) -> int:
        """The number of channels with patches of their own."""
        return 1 if self.joint else self.in_channels

    def out_size(self, height: int, width: int) -> tuple[int, int]:
        """Return how many patches there are below and beside each other.

        Raises:
            UsageError: If the image is smaller than a patch.
        """
        sizes = [
            (size + 2 * p - d * (k - 1) - 1) // s + 1
            for size, k, s, p, d in zip(
                (height, width),
                self.kernel_size,
                self.stride,
                self.padding,
                self.dilation,
                strict=True,
            )
        ]
        if min(sizes) < 1:
            raise UsageError(
                f"an image of {height}x{width} is smaller than a patch: kernel {self.kernel_size}, "
                f"dilation {self.dilation}, padding {self.padding}"
            )
        return sizes[0], sizes[1]

    def views(self, image: Tensor) -> list[Tensor]:
        """Return a strided view for each pixel of a patch, row by row and, if joint, channel by channel.

        Shape:
            - image: ``(N, in_channels, H, W)``
            - result: each ``(N, groups, H', W')``
        """
        rows, columns = self.out_size(image.shape[-2], image.shape[-1])
        (ph, pw), (sh, sw), (dh, dw) = self.padding, self.stride, self.dilation
        if ph or pw:
            image = pad(image, (pw, pw, ph, ph))
        views = [
            image[
                :,
                :,
                i * dh : i * dh + sh * (rows - 1) + 1 : sh,
                j * dw : j * dw + sw * (columns - 1) + 1 : sw,
            ]
            for i in range(self.kernel_size[0])
            for j in range(self.kernel_size[1])
        ]
        if not self.joint:
            return views
        return [view[:, c : c + 1] for c in range(self.in_channels) for view in views]
