"""The published notebook's first network: dense layers around one shared SciPy spline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import nn

from qkan.config import check
from qkan.layers.scipy_activation import SciPyActivation
from qkan.models.base import Chain, check_sizes, settled
from qkan.models.initial import linear

__all__ = ["SciPyKAN", "SciPyKANConfig"]


@dataclass(frozen=True)
class SciPyKANConfig:
    """What a :class:`SciPyKAN` is made from; see :class:`qkan.SciPyActivation`.

    Attributes:
        sizes: The widths, from the inputs to the outputs.
        num_knots: The knots of the spline.
        degree: The degree of its pieces.
    """

    kind: ClassVar[str] = "scipykan"

    sizes: tuple[int, ...]
    num_knots: int = 10
    degree: int = 3

    def __post_init__(self) -> None:
        check(self)
        check_sizes(self.sizes)


class SciPyKAN(Chain):
    r"""Dense layers with one fixed random spline in between; for reproduction only.

    .. math:: y = W_2 \, s(W_1 x + b_1) + b_2, \qquad s = \text{scipy.interpolate.BSpline}

    It is an MLP with an unusual activation function, not a KAN: see :class:`qkan.SciPyActivation`.
    The text that describes the notebook leaves open whether the outputs pass the spline, too; ours
    do not (with it, the first epochs reach 20 % of MNIST).

    Shape:
        - Input: ``(*, sizes[0])``, or images ``(N, C, H, W)`` with C H W = sizes[0].
        - Output: ``(*, sizes[-1])``.

    Args:
        config: The configuration, or just the widths.
        generator: Draws the spline, then the weights, layer by layer, by torch's usual rule.
        device: The device of the parameters.
        dtype: The type of the parameters, and of the inputs.
        settings: Settings of :class:`SciPyKANConfig` that differ from ``config``.

    Raises:
        UsageError: If a setting is unknown or out of range.

    Example:
        >>> model = SciPyKAN([784, 128, 10])
        >>> model(torch.zeros(5, 1, 28, 28)).shape, model.num_parameters
        (torch.Size([5, 10]), 101770)
    """

    Config = SciPyKANConfig
    config: SciPyKANConfig

    def __init__(
        self,
        config: SciPyKANConfig | Sequence[int],
        *,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **settings: Any,
    ) -> None:
        config = settled(SciPyKANConfig, config, settings)
        activation = SciPyActivation(
            config.num_knots, config.degree, generator=generator, device=device, dtype=dtype
        )
        layers: list[nn.Module] = []
        for before, after in pairwise(config.sizes):
            layer = linear(before, after, generator=generator, device=device, dtype=dtype)
            layers += [layer, activation]
        super().__init__(*layers[:-1])
        self.config = config
        self.in_features = config.sizes[0]
