"""Kolmogorov-Arnold networks: layers by a specification, and the presets of one kind of layer."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from circuits import Circuit
from circuits.backends import Backend
from circuits.edges import EDGES
from circuits.edges import edge as named_edge
from circuits.errors import UsageError, unknown_name
from circuits.naming import parse_call
from qkan.layers import LAYERS, KANLayer
from qkan.layers.checks import Evaluation, require_circuit
from qkan.layers.quantum_kan import QuantumKANLayer
from qkan.models.base import Chain, check_sizes
from qkan.models.files import write_call
from qkan.models.warm_start import EdgeFits, follow

__all__ = ["KAN", "QKAN", "SineKAN", "from_kan"]

_OWN, _UNNAMED = "own", ("own", "quantum")
_TAKEN = {"self", "in_features", "out_features", "edge", "backend", "evaluate", "stream"}
_TAKEN |= {"generator", "device", "dtype"}


class KAN(Chain):
    r"""A chain of KAN layers of any kind, classical and quantum, :math:`y = L_n \circ \dots \circ L_1(x)`.

    Shape:
        - Input: ``(*, sizes[0])``, or images ``(N, C, H, W)`` with C H W = sizes[0].
        - Output: ``(*, sizes[-1])``.

    Args:
        sizes: The widths, from the inputs to the outputs.
        layers: One layer for each step between widths, or one for all of them: a name in
            :data:`qkan.layers.LAYERS` or, for a quantum layer, that of its edge circuit
            (:data:`circuits.edges.EDGES`). Options are written as in a call, ``"bspline(grid=8)"``,
            those of a quantum layer beside those of its edge, ``"pz(depth=3, input_map='tanh')"``.
        edge: The circuit, such as one of your own, of the layers that are called ``"own"``.
        backend: Where circuits run.
        evaluate: How: see :class:`qkan.QuantumKANLayer`.
        generator: Draws the initial weights, layer by layer.
        device: The device of the parameters.
        dtype: The type of the parameters, and of the inputs.
        options: Of all layers, where a layer's own text does not say otherwise.

    Raises:
        UsageError: If a layer or an option is unknown or out of range.

    Example:
        >>> KAN([784, 64, 10], grid=8)(torch.zeros(5, 1, 28, 28)).shape
        torch.Size([5, 10])
        >>> model = KAN([784, 16, 10], layers=("bspline(grid=8)", "pz(depth=3)"))
        >>> model(torch.zeros(5, 784)).shape
        torch.Size([5, 10])
        >>> KAN([2, 3, 1], "chebyshev(degree=6)")[1]
        ChebyshevKANLayer(3, 1, degree=6, ...)

    Source: Liu et al., KAN: Kolmogorov-Arnold Networks, arXiv:2404.19756.
    """

    kind = "kan"

    def __init__(
        self,
        sizes: Sequence[int],
        layers: str | Sequence[str] = "bspline",
        edge: str | Circuit | None = None,
        *,
        backend: str | Backend = "auto",
        evaluate: Evaluation = "auto",
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **options: Any,
    ) -> None:
        steps = list(pairwise(check_sizes(sizes)))
        one = isinstance(layers, str) or not hasattr(layers, "__iter__")
        named: list[Any] = [layers] * len(steps) if one else list(layers)
        if len(named) != len(steps):
            raise UsageError(
                f"{len(sizes)} widths have {len(steps)} layers between them, got {len(named)}: {named}"
            )
        if edge is not None and not any(str(name).startswith(_UNNAMED) for name in named):
            raise UsageError(f"edge= is of layers that are called 'own', there are {named}")
        common: dict[str, Any] = {"generator": generator, "device": device, "dtype": dtype}
        made: list[nn.Module] = []
        for index, ((before, after), layer) in enumerate(zip(steps, named, strict=True)):
            name, written = parse_call("layer", layer)
            given = options | written
            kind: Any = LAYERS.get(name, QuantumKANLayer)
            if kind is QuantumKANLayer:
                circuit, given = _circuit(name, given, edge)
                kind = partial(kind, edge=circuit, stream=index, backend=backend, evaluate=evaluate)
            known = [k for k in inspect.signature(kind).parameters if k not in _TAKEN]
            if "first" in known:  # SineKAN's rule
                given = {"first": index == 0} | given
            for option in given:
                if option not in known:
                    raise unknown_name(f"option of layer {name!r}:", option, known)
            made.append(kind(before, after, **given | common))
        super().__init__(*made)

    @staticmethod
    def from_layers(layers: Iterable[nn.Module]) -> KAN:
        """Return a network of layers that are there already, which it does not copy."""
        layers = list(layers)
        wrong = [type(layer).__name__ for layer in layers if not isinstance(layer, KANLayer)]
        if wrong or not layers:
            raise UsageError(f"a KAN is made of KAN layers, got {', '.join(wrong) or 'none'}")
        model = KAN.__new__(KAN)
        Chain.__init__(model, *layers)
        return model

    def spec(self) -> dict[str, Any]:
        """Return kind, sizes and layers; see :meth:`qkan.models.base.Model.spec`.

        Example:
            >>> KAN([2, 3, 1], layers=("rbf(grid=4)", "pz")).refine(1).spec()["layers"][1]
            "pz(depth=4, frequencies='per-input', base='silu', ...)"
        """
        layers: list[KANLayer] = list(self)  # type: ignore[arg-type]  # a KAN has no others
        for layer in layers:
            if not isinstance(layer, KANLayer):
                raise UsageError(
                    f"a KAN is made of KAN layers, this one has a {type(layer).__name__}"
                )
        return {
            "kind": self.kind,
            "sizes": [layers[0].in_features, *(layer.out_features for layer in layers)],
            "layers": [_written(layer) for layer in layers],
        }

    def own_circuits(self) -> dict[str, Any]:
        """Return the circuit of the layers that are called ``own``."""
        circuits = [layer.circuit for layer in self if isinstance(layer, QuantumKANLayer)]
        own = [circuit for circuit in circuits if _edge_name(circuit)[0] == _OWN]
        return {"edge": own[0]} if own else {}


class SineKAN(KAN):
    """A :class:`KAN` of sine layers; the first has the paper's rule for first layers.

    Args:
        sizes: The widths, from the inputs to the outputs.
        options: Of :class:`KAN`, and of all layers; see :class:`qkan.SineKANLayer`.

    Example:
        >>> SineKAN([784, 64, 10], grid=4)(torch.zeros(5, 784)).shape
        torch.Size([5, 10])

    Source: Reinhardt, Dinesh and Gleyzer, arXiv:2407.04149.
    """

    kind = "sinekan"

    def __init__(
        self, sizes: Sequence[int], layers: str | Sequence[str] = "sine", **options: Any
    ) -> None:
        super().__init__(sizes, layers, **options)


class QKAN(KAN):
    r"""A :class:`KAN` of quantum layers.

    Args:
        sizes: The widths, from the inputs to the outputs.
        edge: The circuit on the edges: a name, or a circuit of your own.
        layers: Edges by name, one for each step between widths, in place of ``edge`` for all.
        options: Of :class:`KAN`, and of all layers; see :class:`qkan.QuantumKANLayer`.

    Attributes:
        warm_start: How closely each layer followed a classical one at first; see :func:`from_kan`.

    Example:
        >>> model = QKAN([784, 32, 10], edge="real(depth=2)")
        >>> model(torch.zeros(5, 784)).shape
        torch.Size([5, 10])
    """

    kind = "qkan"

    def __init__(
        self,
        sizes: Sequence[int],
        edge: str | Circuit = "pz(depth=3)",
        layers: str | Sequence[str] = _OWN,
        **options: Any,
    ) -> None:
        check_sizes(sizes)  # before an edge is looked for: QKAN(2, 3, 1) has none called 3
        circuit = edge if isinstance(edge, Circuit) else named_edge(edge)
        names = [layers] if isinstance(layers, str) else layers
        unused = not any(str(name).startswith(_UNNAMED) for name in names)
        super().__init__(sizes, layers, None if unused else circuit, **options)
        self.warm_start: tuple[EdgeFits, ...] = ()

    @property
    def circuit(self) -> Circuit:
        """The circuit on the edges of the first layer."""
        circuit: Circuit = self[0].circuit
        return circuit

    @staticmethod
    def from_kan(kan: nn.Module, edge: str | Circuit = "pz(depth=3)", **options: Any) -> QKAN:
        """Return a network whose quantum edges follow those of a KAN; see :func:`qkan.models.from_kan`."""
        return from_kan(kan, edge, **options)


def from_kan(kan: nn.Module, edge: str | Circuit = "pz(depth=3)", **options: Any) -> QKAN:
    """Return a network whose quantum edges follow the edges of a classical KAN, a start for training.

    How close they came is in ``warm_start``, one :class:`qkan.models.warm_start.EdgeFits` a layer. The residual
    shrinks as the degree grows.

    Args:
        kan: A chain of classical KAN layers of any kind, pruned or not; or one layer.
        edge: The circuit on the edges.
        options: ``x``: data, over whose range in every layer edges are fitted; or ``domain``, one range for all
            layers; by default the layers' own domains. ``points`` (65): how many of a curve are compared.
            ``starts`` (4) and ``iterations`` (50): of the optimisation. ``generator`` draws the starts. And
            those of the network; ``base`` and ``input_map`` are by default those of the KAN.

    Raises:
        UsageError: If a layer is not a classical KAN layer, or mixes its inputs by a ``LayerNorm``.

    Example:
        >>> kan = KAN([2, 3, 1], generator=torch.Generator().manual_seed(0))
        >>> x = torch.rand(100, 2, generator=torch.Generator().manual_seed(2))
        >>> model = from_kan(kan, "pz(depth=4)", x=x, generator=torch.Generator().manual_seed(1))
        >>> bool((model[0](x) - kan[0](x)).abs().max() < 0.1)
        True
        >>> print(model.warm_start[0])
        (2, 3) edges: residual rms ...
    """
    model: QKAN
    model, fits = follow(QKAN, kan, edge, **options)
    model.warm_start = fits
    return model


def _circuit(
    name: str, options: dict[str, Any], edge: str | Circuit | None
) -> tuple[Circuit, dict[str, Any]]:
    """Return the edge circuit of a name, and the options that are the layer's."""
    if name in _UNNAMED:
        options = dict(options)
        edge = options.pop("edge", edge)
        if edge is None:
            raise UsageError(f"the layer {name!r} needs a circuit of your own: pass it as edge=")
        return named_edge(edge) if isinstance(edge, str) else require_circuit(edge), options
    if name not in EDGES:
        raise unknown_name("layer", name, [*LAYERS, *EDGES, _OWN])
    known = inspect.signature(EDGES[name]).parameters
    circuit = named_edge(name, **{k: v for k, v in options.items() if k in known})
    return circuit, {k: v for k, v in options.items() if k not in known}


def _written(layer: KANLayer) -> str:
    """Return the text from which :class:`KAN` makes such a layer."""
    options = {k: v for k, v in layer.options().items() if k not in _TAKEN}
    if isinstance(layer, QuantumKANLayer):
        name, more = _edge_name(layer.circuit)
        return write_call(name, more | options)
    for name, kind in LAYERS.items():
        if type(layer) is kind:
            return write_call(name, options)
    raise UsageError(
        f"{type(layer).__name__} has no name by which it could be made again; add it to qkan.layers.LAYERS"
    )


def _edge_name(circuit: Circuit) -> tuple[str, dict[str, Any]]:
    """Return the name and the options with which the library makes a circuit; ``own`` if it is another's."""
    name, options = parse_call("edge", circuit.name)
    if name in EDGES and named_edge(circuit.name).fingerprint == circuit.fingerprint:
        return name, options
    return _OWN, {}
