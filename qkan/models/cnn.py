"""The published notebook's convolutional network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from circuits.errors import UsageError
from qkan.config import check
from qkan.models.base import Model, settled
from qkan.models.initial import conv2d, linear
from qkan.models.mlp import check_dropout

__all__ = ["CNN", "CNNConfig"]


@dataclass(frozen=True)
class CNNConfig:
    """What a :class:`CNN` is made from; the defaults are the notebook's.

    Attributes:
        image: Channels, height and width of the images.
        channels: The output channels of the convolutions, one after the other.
        kernel_size: Height and width of their kernels.
        padding: Zeros around the images, on every side.
        hidden: The width of the dense layer.
        dropout: The probability of setting one of its values to zero while training.
        classes: The number of outputs.
    """

    kind: ClassVar[str] = "cnn"

    image: tuple[int, int, int] = (1, 28, 28)
    channels: tuple[int, ...] = (32, 64)
    kernel_size: int = 2
    padding: int = 1
    hidden: int = 128
    dropout: float = 0.4
    classes: int = 10

    def __post_init__(self) -> None:
        check(self)
        check_dropout(self.dropout)
        counts = (*self.image, *self.channels, self.kernel_size, self.hidden, self.classes)
        if min(counts) < 1 or not self.channels or self.padding < 0:
            raise UsageError(f"sizes and channels must be at least 1, padding 0; got {self}")
        if min(self.feature_size) < 1:
            raise UsageError(
                f"images of {self.image[1]}x{self.image[2]} pixels are too small to be halved "
                f"{len(self.channels)} times; choose fewer channels or more padding"
            )

    @property
    def feature_size(self) -> tuple[int, int]:
        """Height and width of what the dense layer sees."""
        height, width = self.image[1:]
        for _ in self.channels:
            # Each convolution changes the size, and pooling halves it, rounded down.
            height = (height + 2 * self.padding - self.kernel_size + 1) // 2
            width = (width + 2 * self.padding - self.kernel_size + 1) // 2
        return height, width


class CNN(Model):
    """Convolutions, each with ReLU and 2x2 maximum pooling, then a dense layer with dropout.

    The text that describes the published notebook leaves open where its dropout is; ours is before
    the last layer.

    Shape:
        - Input: ``(N, C, H, W)`` or ``(C, H, W)``, as ``image`` says.
        - Output: ``(N, classes)`` or ``(classes,)``.

    Args:
        config: The configuration.
        generator: Draws the initial weights, layer by layer, by torch's usual rule.
        device: The device of the parameters.
        dtype: The type of the parameters, and of the inputs.
        settings: Settings of :class:`CNNConfig` that differ from ``config``.

    Raises:
        UsageError: If a setting is unknown or out of range, or an image has another shape.

    Example:
        >>> CNN()(torch.zeros(5, 1, 28, 28)).shape
        torch.Size([5, 10])
    """

    Config = CNNConfig
    config: CNNConfig

    def __init__(
        self,
        config: CNNConfig | None = None,
        *,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **settings: Any,
    ) -> None:
        super().__init__()
        config = settled(CNNConfig, config or CNNConfig(), settings)
        options: dict[str, Any] = {"generator": generator, "device": device, "dtype": dtype}
        layers: list[nn.Module] = []
        before = config.image[0]
        for after in config.channels:
            convolution = conv2d(before, after, config.kernel_size, config.padding, **options)
            layers += [convolution, nn.ReLU(), nn.MaxPool2d(2)]
            before = after
        height, width = config.feature_size
        self.convolutions = nn.Sequential(*layers)
        self.dense = nn.Sequential(
            linear(before * height * width, config.hidden, **options),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            linear(config.hidden, config.classes, **options),
        )
        self.config = config

    def forward(self, image: Tensor) -> Tensor:
        """Return one value a class."""
        if image.shape[-3:] != self.config.image or image.ndim not in (3, 4):
            raise UsageError(
                f"CNN: expected images of shape (N, {', '.join(map(str, self.config.image))}), got "
                f"{tuple(image.shape)}"
            )
        scores: Tensor = self.dense(self.convolutions(image).flatten(-3))
        return scores
