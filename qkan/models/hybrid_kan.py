"""Networks of mixed KAN layers, classical and quantum, each layer by its name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, Self

import torch
from torch import nn

from circuits import Circuit
from circuits.backends import Backend
from circuits.edges import EDGES
from circuits.edges import edge as named_edge
from circuits.errors import UsageError, unknown_name
from circuits.naming import parse_call
from qkan.config import check
from qkan.layers import LAYERS as CLASSICAL
from qkan.layers.qkan import QuantumKANLayer
from qkan.layers.qkan.evaluation import Evaluation
from qkan.layers.qkan.refinement import WeightMap
from qkan.layers.qkan.scaled_fourier import ScaledFourierKANLayer
from qkan.models.base import Chain, check_sizes, settled

__all__ = ["LAYERS", "HybridKAN", "HybridKANConfig"]

LAYERS: dict[str, type[nn.Module]] = {
    **CLASSICAL,
    "scaled-fourier": ScaledFourierKANLayer,
}
"""The classical layers. The name of an edge circuit is that of a quantum layer; ``own`` is the user's."""

_OWN = "own"
_TAKEN = {"self", "in_features", "out_features", "edge", "backend", "evaluate", "stream"}
_TAKEN |= {"generator", "device", "dtype"}


@dataclass(frozen=True)
class HybridKANConfig:
    """What a :class:`HybridKAN` is made from.

    Attributes:
        sizes: The widths, from the inputs to the outputs.
        layers: One layer for each step between widths, or one for all of them; options are written
            as in a call, ``"bspline(grid=8)"``, those of a quantum layer beside those of its edge,
            ``"pz(depth=3, input_map='tanh')"``.
    """

    kind: ClassVar[str] = "hybridkan"

    sizes: tuple[int, ...]
    layers: str | tuple[str, ...] = "bspline"

    def __post_init__(self) -> None:
        check(self)
        check_sizes(self.sizes)
        steps = len(self.sizes) - 1
        layers = (self.layers,) * steps if isinstance(self.layers, str) else self.layers
        if len(layers) != steps:
            raise UsageError(
                f"{len(self.sizes)} widths have {steps} layers between them, got {len(layers)}: "
                f"{list(layers)}"
            )
        object.__setattr__(self, "layers", layers)


class HybridKAN(Chain):
    r"""A chain of KAN layers of any kind, :math:`y = L_n \circ \dots \circ L_1(x)`.

    Shape:
        - Input: ``(*, sizes[0])``, or images ``(N, C, H, W)`` with C H W = sizes[0].
        - Output: ``(*, sizes[-1])``.

    Args:
        config: The configuration, or just the widths.
        edge: A circuit of your own, for the layers that are called ``own``.
        backend: Where circuits run.
        evaluate: How: see :class:`qkan.QuantumKANLayer`.
        generator: Draws the initial weights, layer by layer.
        device: The device of the parameters.
        dtype: The type of the parameters, and of the inputs.
        settings: Settings of :class:`HybridKANConfig` that differ from ``config``.

    Raises:
        UsageError: If a layer or an option is unknown or out of range.

    Example:
        >>> model = HybridKAN([784, 16, 10], layers=("bspline(grid=8)", "pz(depth=3)"))
        >>> model(torch.zeros(5, 784)).shape
        torch.Size([5, 10])
        >>> HybridKAN([2, 3, 1], layers="chebyshev(degree=6)")[1]
        ChebyshevKANLayer(3, 1, degree=6, ...)
    """

    Config = HybridKANConfig
    config: HybridKANConfig

    def __init__(
        self,
        config: HybridKANConfig | Sequence[int],
        edge: Circuit | None = None,
        *,
        backend: str | Backend = "auto",
        evaluate: Evaluation = "auto",
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **settings: Any,
    ) -> None:
        config = settled(HybridKANConfig, config, settings)
        common: dict[str, Any] = {"generator": generator, "device": device, "dtype": dtype}
        quantum: dict[str, Any] = {"backend": backend, "evaluate": evaluate}
        layers: list[nn.Module] = []
        for index, (before, after) in enumerate(pairwise(config.sizes)):
            name, options = parse_call("layer", config.layers[index])
            if name in LAYERS:
                if name == "sine":  # the paper's rule
                    options = {"first": index == 0} | options
                _check_options(name, options, LAYERS[name])
                layers.append(LAYERS[name](before, after, **options, **common))
            else:
                circuit, rest = _circuit(name, options, edge)
                _check_options(name, rest, QuantumKANLayer)
                layers.append(
                    QuantumKANLayer(
                        before, after, circuit, stream=index, **rest, **quantum, **common
                    )
                )
        super().__init__(*layers)
        self.config = config
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


def _circuit(
    name: str, options: Mapping[str, Any], own: Circuit | None
) -> tuple[Circuit, dict[str, Any]]:
    """Return the edge circuit of a name, and the options that are the layer's."""
    if name == _OWN:
        if own is None:
            raise UsageError(f"the layer {_OWN!r} needs a circuit of your own: pass it as edge=")
        return own, dict(options)
    if name not in EDGES:
        raise unknown_name("layer", name, [*LAYERS, *EDGES, _OWN])
    known = inspect.signature(EDGES[name]).parameters
    circuit = named_edge(name, **{k: v for k, v in options.items() if k in known})
    return circuit, {k: v for k, v in options.items() if k not in known}


def _check_options(name: str, options: Mapping[str, Any], layer: type[nn.Module]) -> None:
    known = [option for option in inspect.signature(layer).parameters if option not in _TAKEN]
    for option in options:
        if option not in known:
            raise unknown_name(f"option of layer {name!r}:", option, known)
