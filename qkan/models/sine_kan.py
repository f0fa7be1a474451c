"""SineKAN: networks whose edges are sums of sines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, ClassVar, Literal

import torch

from qkan.config import check
from qkan.layers.sine import SineKANLayer
from qkan.models.base import Chain, check_sizes, settled

__all__ = ["SineKAN", "SineKANConfig"]


@dataclass(frozen=True)
class SineKANConfig:
    """What a :class:`SineKAN` is made from; see :class:`qkan.SineKANLayer`.

    Attributes:
        sizes: The widths, from the inputs to the outputs.
        grid: The number of sines on every edge.
        base: A fixed function on the edges; the paper has none.
        init: The rule of the initial weights, ``"paper"`` or ``"variance"``.
        bias: Whether a constant is added to each output.
        input_map: What is done to the inputs of every layer: ``"none"``, ``"layer"``,
            ``"batch"`` or ``"tanh"``.
    """

    kind: ClassVar[str] = "sinekan"

    sizes: tuple[int, ...]
    grid: int = 8
    base: Literal["silu", "tanh", "identity"] | None = None
    init: Literal["paper", "variance"] = "paper"
    bias: bool = True
    input_map: Literal["none", "layer", "batch", "tanh"] = "none"

    def __post_init__(self) -> None:
        check(self)
        check_sizes(self.sizes)


class SineKAN(Chain):
    r"""A chain of sine layers; the first has the paper's rule for first layers.

    Shape:
        - Input: ``(*, sizes[0])``, or images ``(N, C, H, W)`` with C H W = sizes[0].
        - Output: ``(*, sizes[-1])``.

    Args:
        config: The configuration, or just the widths.
        generator: Draws the initial weights, layer by layer.
        device: The device of the parameters.
        dtype: The type of the parameters, and of the inputs.
        settings: Settings of :class:`SineKANConfig` that differ from ``config``.

    Raises:
        UsageError: If a setting is unknown or out of range.

    Example:
        >>> SineKAN([784, 64, 10], grid=4)(torch.zeros(5, 784)).shape
        torch.Size([5, 10])

    Source: Reinhardt, Dinesh and Gleyzer, arXiv:2407.04149.
    """

    Config = SineKANConfig
    config: SineKANConfig

    def __init__(
        self,
        config: SineKANConfig | Sequence[int],
        *,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **settings: Any,
    ) -> None:
        config = settled(SineKANConfig, config, settings)
        options = {k: v for k, v in asdict(config).items() if k != "sizes"}
        options |= {"generator": generator, "device": device, "dtype": dtype}
        super().__init__(
            *(
                SineKANLayer(before, after, first=index == 0, **options)
                for index, (before, after) in enumerate(pairwise(config.sizes))
            )
        )
        self.config = config
        self.in_features = config.sizes[0]
