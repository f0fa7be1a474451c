"""Quantum Kolmogorov-Arnold networks: chains of quantum KAN layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import torch
from torch import nn

from circuits import Circuit
from circuits.backends import Backend
from circuits.edges import edge as named_edge
from qkan.config import check
from qkan.layers.qkan import QuantumKANLayer
from qkan.layers.qkan.evaluation import Evaluation
from qkan.layers.qkan.refinement import WeightMap
from qkan.layers.qkan.weighted_edges import Frequencies
from qkan.models.base import Chain, check_sizes, settled

if TYPE_CHECKING:
    from qkan.models.warm_start import EdgeFits

__all__ = ["QKAN", "QKANConfig"]


@dataclass(frozen=True)
class QKANConfig:
    """What a :class:`QKAN` is made from, in words and numbers; see :class:`QuantumKANLayer`.

    The backend and the evaluation are not part of it: they change where a network runs, not what it is.

    Attributes:
        sizes: The widths, from the inputs to the outputs.
        edge: The name of the circuit on the edges.
        frequencies: Which edges share a scale and a shift.
        base: The classical function on the edges, or None.
        weight: Whether edges have a factor.
        bias: Whether edges have an offset.
        input_map: What every layer does to its inputs.
    """

    kind: ClassVar[str] = "qkan"

    sizes: tuple[int, ...]
    edge: str = "pz(depth=3)"
    frequencies: Frequencies = "per-input"
    base: Literal["silu", "tanh", "identity"] | None = "silu"
    weight: bool = True
    bias: bool = True
    input_map: Literal["none", "tanh", "standardise", "arccos"] = "none"

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
        self.warm_start: tuple[EdgeFits, ...] = ()

    @classmethod
    def from_kan(cls, kan: nn.Module, edge: str | Circuit = "pz(depth=3)", **options: Any) -> QKAN:
        """Return a network whose quantum edges follow the edges of a classical KAN, a start for training.

        Every circuit is optimised, exactly and by itself; how close it came is in ``warm_start``, one
        :class:`qkan.models.warm_start.EdgeFits` a layer. The residual shrinks as the degree grows.

        Args:
            kan: A chain of classical KAN layers of any kind, pruned or not; or one layer.
            edge: The circuit on the edges.
            options: ``x``: data, over whose range in every layer edges are fitted; or ``domain``, one range for all
                layers; by default the layers' own domains. ``points`` (65): how many of a curve are compared.
                ``starts`` (4) and ``iterations`` (50): of the optimisation. ``backend``, ``evaluate``, and settings of
                :class:`QKANConfig`; ``base`` and ``input_map`` are those of the KAN by default. ``generator``
                draws the starts.

        Raises:
            UsageError: If a layer is not a classical KAN layer, or mixes its inputs by a ``LayerNorm``.

        Example:
            >>> from qkan.models.kan import KAN
            >>> kan = KAN([2, 3, 1], generator=torch.Generator().manual_seed(0))
            >>> model = QKAN.from_kan(kan, "pz(depth=4)", generator=torch.Generator().manual_seed(1))
            >>> x = torch.rand(100, 2, generator=torch.Generator().manual_seed(2))
            >>> bool((model[0](x) - kan[0](x)).abs().max() < 0.1)
            True
            >>> print(model.warm_start[0])
            (2, 3) edges: residual rms ...
        """
        from qkan.models.warm_start import from_kan

        return from_kan(kan, edge, **options)

    def refine(
        self, uploads: int = 1, *, edge: Circuit | None = None, weights: WeightMap | None = None
    ) -> Self:
        """Add uploads to all quantum edges in place, keep the function, and return the model.

        Optimisers hold the old parameters: make them anew. See :func:`qkan.models.refinement.refine`.
        """
        from qkan.models.refinement import refine

        refine(self, uploads, edge=edge, weights=weights)
        return self
