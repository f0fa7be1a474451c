"""Quantum Kolmogorov-Arnold networks: chains of quantum KAN layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, ClassVar, Literal, Self

import torch

from circuits import Circuit
from circuits.backends import Backend
from circuits.edges import edge as named_edge
from qkan.config import check
from qkan.layers.qkan import QuantumKANLayer
from qkan.layers.qkan.evaluation import Evaluation
from qkan.layers.qkan.layer import Scale
from qkan.layers.qkan.refinement import WeightMap
from qkan.models.base import Chain, check_sizes, settled

__all__ = ["QKAN", "QKANConfig"]


@dataclass(frozen=True)
class QKANConfig:
    """What a :class:`QKAN` is made from, in words and numbers; see :class:`QuantumKANLayer`.

    The backend and the evaluation are not part of it: they change where a network runs, not what it is.

    Attributes:
        sizes: The widths, from the inputs to the outputs.
        edge: The name of the circuit on the edges.
        scale: Which edges share a scale and a shift.
        base: The classical function on the edges, or None.
        weight: Whether edges have a factor.
        bias: Whether edges have an offset.
        input_range: What every layer does to its inputs.
    """

    kind: ClassVar[str] = "qkan"

    sizes: tuple[int, ...]
    edge: str = "pz(depth=3)"
    scale: Scale = "per-input"
    base: Literal["silu", "tanh", "identity"] | None = "silu"
    weight: bool = True
    bias: bool = True
    input_range: Literal["none", "tanh", "standardise", "arccos"] = "none"

    def __post_init__(self) -> None:
        check(self)
        check_sizes(self.sizes)


class QKAN(Chain):
    r"""A network of quantum KAN layers, :math:`y = L_n \circ \dots \circ L_1(x)`.

    Args:
        config: The configuration, or just the widths.
        edge: Another edge than the configuration's: a name, or a circuit of your own.
        backend: Where circuits run.
        evaluate: How: see :class:`qkan.layers.qkan.QuantumKANLayer`.
        generator: Draws the initial weights, layer by layer.
        device: Where the weights are.
        dtype: Of the weights, and of the inputs.
        settings: Settings of :class:`QKANConfig` that differ from ``config``.

    Shape:
        - Input: ``(*, sizes[0])``, or images ``(N, C, H, W)`` with C H W = sizes[0].
        - Output: ``(*, sizes[-1])``

    Raises:
        UsageError: If the configuration is wrong.

    Example:
        >>> model = QKAN([784, 32, 10], edge="real(depth=2)")
        >>> model(torch.zeros(5, 784)).shape
        torch.Size([5, 10])
    """

    Config = QKANConfig
    config: QKANConfig

    def __init__(
        self,
        config: QKANConfig | Sequence[int],
        edge: str | Circuit | None = None,
        *,
        backend: str | Backend = "auto",
        evaluate: Evaluation = "auto",
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **settings: Any,
    ):
        if edge is not None:
            settings["edge"] = edge.name if isinstance(edge, Circuit) else edge
        config = settled(QKANConfig, config, settings)
        circuit = edge if isinstance(edge, Circuit) else named_edge(config.edge)
        options = {k: v for k, v in asdict(config).items() if k not in {"sizes", "edge"}}
        super().__init__(
            *(
                QuantumKANLayer(
                    before,
                    after,
                    circuit,
                    backend=backend,
                    evaluate=evaluate,
                    generator=generator,
                    stream=index,
                    device=device,
                    dtype=dtype,
                    **options,
                )
                for index, (before, after) in enumerate(pairwise(config.sizes))
            )
        )
        self.config = config
        self.circuit = circuit
        self.in_features = config.sizes[0]

    def refine(
        self, uploads: int = 1, *, edge: Circuit | None = None, weights: WeightMap | None = None
    ) -> Self:
        """Add uploads to all quantum edges in place, keep the function, and return the model.

        Optimisers hold the old parameters: make them anew. See :func:`qkan.models.refinement.refine`.
        """
        from qkan.models.refinement import refine

        refine(self, uploads, edge=edge, weights=weights)
        return self
