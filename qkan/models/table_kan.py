"""The published notebook's second network: splines read from a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import nn

from qkan.config import check
from qkan.layers.table_spline import TableSplineLayer
from qkan.models.base import Chain, check_sizes, settled
from qkan.models.initial import linear

__all__ = ["TableKAN", "TableKANConfig"]


@dataclass(frozen=True)
class TableKANConfig:
    """What a :class:`TableKAN` is made from; see :class:`qkan.TableSplineLayer`.

    Attributes:
        sizes: The widths, from the inputs to the outputs.
        num_knots: The knots of the splines.
        degree: The degree of the splines.
        rows: The rows of the table.
    """

    kind: ClassVar[str] = "tablekan"

    sizes: tuple[int, ...]
    num_knots: int = 10
    degree: int = 3
    rows: int = 100

    def __post_init__(self) -> None:
        check(self)
        check_sizes(self.sizes)


class TableKAN(Chain):
    """Table spline layers and a dense one at the end; for reproduction only.

    No gradient passes a look-up, so only the last table layer's splines and the dense layer are
    trained: before them lie fixed random features. The text that describes the notebook leaves the
    last layer open; with a table there, too, nothing but ten splines would be trained.

    Shape:
        - Input: ``(*, sizes[0])``, or images ``(N, C, H, W)`` with C H W = sizes[0].
        - Output: ``(*, sizes[-1])``.

    Args:
        config: The configuration, or just the widths.
        generator: Draws the initial weights, layer by layer.
        device: The device of the parameters.
        dtype: The type of the parameters, and of the inputs.
        settings: Settings of :class:`TableKANConfig` that differ from ``config``.

    Raises:
        UsageError: If a setting is unknown or out of range.

    Example:
        >>> TableKAN([784, 64, 10])(torch.zeros(5, 1, 28, 28)).shape
        torch.Size([5, 10])
    """

    Config = TableKANConfig
    config: TableKANConfig

    def __init__(
        self,
        config: TableKANConfig | Sequence[int],
        *,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **settings: Any,
    ) -> None:
        config = settled(TableKANConfig, config, settings)
        options = {k: v for k, v in asdict(config).items() if k != "sizes"}
        layers: list[nn.Module] = [
            TableSplineLayer(
                before, after, generator=generator, device=device, dtype=dtype, **options
            )
            for before, after in pairwise(config.sizes[:-1])
        ]
        last = linear(*config.sizes[-2:], generator=generator, device=device, dtype=dtype)
        super().__init__(*layers, last)
        self.config = config
        self.in_features = config.sizes[0]
