"""Kolmogorov-Arnold networks with B-splines on their edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar, Literal

import torch

from qkan.config import check
from qkan.layers.bspline import BSplineKANLayer
from qkan.models.base import Chain, check_sizes, settled

__all__ = ["KAN", "KANConfig"]


@dataclass(frozen=True)
class KANConfig:
    """What a :class:`KAN` is made from; see :class:`qkan.BSplineKANLayer`.

    Attributes:
        sizes: The widths, from the inputs to the outputs.
        grid: The number of cells of every edge's grid.
        degree: The degree of the splines.
        domain: The range of the grids.
        base: The fixed function on the edges, or None.
        extrapolation: What splines do outside the domain.
        bias: Whether a constant is added to each output.
        input_map: What is done to the inputs of every layer: ``"none"``, ``"layer"``,
            ``"batch"`` or ``"tanh"``.
    """

    kind: ClassVar[str] = "kan"

    sizes: tuple[int, ...]
    grid: int = 5
    degree: int = 3
    domain: tuple[float, float] = (-1.0, 1.0)
    base: Literal["silu", "tanh", "identity"] | None = "silu"
    extrapolation: Literal["linear", "clamp", "zero", "periodic", "error"] = "linear"
    bias: bool = False
    input_map: Literal["none", "layer", "batch", "tanh"] = "none"

    def __post_init__(self) -> None:
        check(self)
        check_sizes(self.sizes)


class KAN(Chain):
    r"""A chain of B-spline KAN layers, :math:`y = L_n \circ \dots \circ L_1(x)`.

    Shape:
        - Input: ``(*, sizes[0])``, or images ``(N, C, H, W)`` with C H W = sizes[0].
        - Output: ``(*, sizes[-1])``.

    Args:
        config: The configuration, or just the widths.
        generator: Draws the initial weights, layer by layer.
        device: The device of the parameters.
        dtype: The type of the parameters, and of the inputs.
        settings: Settings of :class:`KANConfig` that differ from ``config``.

    Raises:
        UsageError: If a setting is unknown or out of range.

    Example:
        >>> model = KAN([784, 64, 10], grid=8)
        >>> model(torch.zeros(5, 1, 28, 28)).shape
        torch.Size([5, 10])

    Source: Liu et al., KAN: Kolmogorov-Arnold Networks, arXiv:2404.19756.
    """

    Config = KANConfig
    config: KANConfig

    def __init__(
        self,
        config: KANConfig | Sequence[int],
        *,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **settings: Any,
    ) -> None:
        config = settled(KANConfig, config, settings)
        options = {k: v for k, v in asdict(config).items() if k != "sizes"}
        super().__init__(
            *(
                BSplineKANLayer(
                    before, after, generator=generator, device=device, dtype=dtype, **options
                )
                for before, after in pairwise(config.sizes)
            )
        )
        self.config = config
        self.in_features = config.sizes[0]

    def refine(self, grid: int) -> KAN:
        """Change the number of cells of every edge in place, keep the function, return the model.

        Optimisers hold the old parameters: make them anew. See :meth:`BSplineKANLayer.refine`.
        """
        for layer in self:
            if isinstance(layer, BSplineKANLayer):
                layer.refine(grid)
        self.config = replace(self.config, grid=grid)
        return self
