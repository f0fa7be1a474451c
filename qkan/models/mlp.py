"""Multilayer perceptrons: what every other model is held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, Literal

import torch
from torch import nn

from circuits.errors import UsageError
from qkan.config import check
from qkan.models.base import Chain, check_sizes, settled
from qkan.models.initial import linear

__all__ = ["MLP", "MLPConfig"]

_ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "silu": nn.SiLU, "tanh": nn.Tanh}


@dataclass(frozen=True)
class MLPConfig:
    """What a :class:`MLP` is made from; with two widths it is one linear layer.

    Attributes:
        sizes: The widths, from the inputs to the outputs.
        activation: What follows every layer but the last.
        dropout: The probability of setting a hidden value to zero while training.
    """

    kind: ClassVar[str] = "mlp"

    sizes: tuple[int, ...]
    activation: Literal["relu", "silu", "tanh"] = "relu"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check(self)
        check_sizes(self.sizes)
        check_dropout(self.dropout)


class MLP(Chain):
    r"""Linear layers with an activation function in between.

    Shape:
        - Input: ``(*, sizes[0])``, or images ``(N, C, H, W)`` with C H W = sizes[0].
        - Output: ``(*, sizes[-1])``.

    Args:
        config: The configuration, or just the widths.
        generator: Draws the initial weights, layer by layer, by torch's usual rule.
        device: The device of the parameters.
        dtype: The type of the parameters, and of the inputs.
        settings: Settings of :class:`MLPConfig` that differ from ``config``.

    Raises:
        UsageError: If a setting is unknown or out of range.

    Example:
        >>> MLP([784, 64, 10], dropout=0.1)(torch.zeros(5, 784)).shape
        torch.Size([5, 10])
    """

    Config = MLPConfig
    config: MLPConfig

    def __init__(
        self,
        config: MLPConfig | Sequence[int],
        *,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **settings: Any,
    ) -> None:
        config = settled(MLPConfig, config, settings)
        layers: list[nn.Module] = []
        for before, after in pairwise(config.sizes):
            layer = linear(before, after, generator=generator, device=device, dtype=dtype)
            layers += [layer, _ACTIVATIONS[config.activation]()]
            if config.dropout:
                layers.append(nn.Dropout(config.dropout))
        last = max(k for k, layer in enumerate(layers) if isinstance(layer, nn.Linear))
        super().__init__(*layers[: last + 1])
        self.config = config
        self.in_features = config.sizes[0]


def check_dropout(p: float) -> None:
    """Refuse what is no probability below one.

    Raises:
        UsageError: If it is none.
    """
    if not 0 <= p < 1:
        raise UsageError(f"dropout must be at least 0 and below 1, got {p}")
