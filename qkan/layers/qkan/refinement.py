r"""More uploads for the edges of a layer, without a change of its function.

A deeper edge has higher harmonics. Started as the identity, the new uploads leave every value as it was, and training
goes on from there: :math:`\phi'_{io}(t; \theta', \theta_{new}) = \phi_{io}(t; \theta)` for all t.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from circuits import Circuit, UsageError
from circuits.backends import backend
from circuits.edges.refinement import refinement
from qkan.layers.qkan.edge_circuits import EdgeCircuits
from qkan.layers.qkan.evaluation import require_edge, why_no_closed_form

if TYPE_CHECKING:
    from qkan.layers.qkan.layer import QuantumKANLayer

__all__ = ["WeightMap", "refine", "replace_circuit"]

WeightMap = Callable[[dict[str, Tensor]], Mapping[str, Tensor]]
"""From the old weights by name, each ``(*shape, in, out)``, to those of the larger circuit."""

_TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-12}


@torch.no_grad()
def refine(
    layer: QuantumKANLayer,
    uploads: int = 1,
    *,
    edge: Circuit | None = None,
    weights: WeightMap | None = None,
) -> None:
    """Add uploads of the input to every edge of a layer in place, and keep its function.

    Edges of the library know how; see :mod:`circuits.edges.refinement`. For a circuit of your own give the larger
    circuit and the map of the weights: it is tried, and refused if it changes an edge by more than 1e-6 in float32 or
    1e-12 in float64. Optimisers hold the old parameters: make them anew.

    Args:
        layer: The layer.
        uploads: How many times more the input is uploaded, for an edge of the library.
        edge: The larger circuit, for one of your own.
        weights: Returns its weights from the old ones.

    Raises:
        UsageError: If the edges cannot grow by so many, or the given weights change the function.
        CircuitError: If the edges cannot grow at all.

    Example:
        >>> from qkan.layers.qkan import QuantumKANLayer
        >>> layer = QuantumKANLayer(2, 3, edge="pz(depth=2)")
        >>> x = torch.rand(5, 2)
        >>> before = layer(x)
        >>> torch.allclose(layer.refine(uploads=2)(x), before, atol=1e-6)
        True
        >>> layer.circuit.name
        'pz(depth=4)'
    """
    old = dict(zip(layer.circuit.weight_shapes, layer.edges.weights(), strict=True))
    if (edge is None) != (weights is None):
        raise UsageError(
            "give both or none: edge=, the larger circuit, and weights=, the map of the weights"
        )
    if edge is None or weights is None:
        larger = refinement(layer.circuit, uploads)
        circuit, new = larger.circuit, {}
        for name, constants in larger.constants.items():
            new[name] = torch.from_numpy(constants).to(old[name])
            new[name] = new[name][..., None, None].repeat(*[1] * constants.ndim, *layer.edges.edges)
            new[name][larger.start : larger.start + len(old[name])] += old[name]
    else:
        circuit = edge
        require_edge(circuit, layer.evaluate)
        new = dict(weights({name: value.clone() for name, value in old.items()}))
        _check(layer, circuit, new)
    replace_circuit(layer, circuit, new)


def _check(layer: QuantumKANLayer, circuit: Circuit, new: Mapping[str, Tensor]) -> None:
    expected = {n: (*shape, *layer.edges.edges) for n, shape in circuit.weight_shapes.items()}
    found = {n: tuple(w.shape) if isinstance(w, Tensor) else type(w) for n, w in new.items()}
    if found != expected:
        raise UsageError(f"the map of the weights must return {expected}, {found} arrived")
    angles = torch.linspace(-9, 9, 4 * sum(_degrees(layer.circuit, circuit)) + 3)
    angles = angles.to(layer.edges.weights()[0] if layer.edges.weights() else angles).unsqueeze(1)
    old = dict(zip(layer.circuit.weight_shapes, layer.edges.weights(), strict=True))
    values = [
        _exact_edges(c, w, layer.edges.edges)(angles.double())
        for c, w in ((layer.circuit, old), (circuit, new))
    ]
    change = float((values[0] - values[1]).abs().max())
    if not change <= _TOLERANCE[layer.dtype]:
        raise UsageError(
            f"with these weights circuit {circuit.name!r} is another function than {layer.circuit.name!r}: an edge "
            f"changes by {change:.3g}, more than {_TOLERANCE[layer.dtype]:g}; start the new gates as the identity"
        )


def _degrees(*circuits: Circuit) -> list[int]:
    return [8 if c.direct_only is not None else c.degrees[0] for c in circuits]


def _exact_edges(
    circuit: Circuit, weights: Mapping[str, Tensor], edges: tuple[int, ...]
) -> EdgeCircuits:
    exact = EdgeCircuits(circuit, backend("default.qubit"), edges, dtype=torch.float64)
    for weight, value in zip(
        exact.weights(), (weights[n] for n in circuit.weight_shapes), strict=True
    ):
        weight.copy_(value)
    return exact


def replace_circuit(
    layer: QuantumKANLayer, circuit: Circuit, weights: Mapping[str, Tensor]
) -> None:
    """Give the layer other circuits on its edges; weights are trainable if any was before."""
    before = layer.edges
    trainable = any(weight.requires_grad for weight in before.weights())
    edges = EdgeCircuits(
        circuit,
        layer.backend,
        (layer.in_features, layer.out_features),
        stream=before.torch_layer.stream,
        device=layer._like.device,
        dtype=layer.dtype,
    )
    for name, weight in zip(circuit.weight_shapes, edges.weights(), strict=True):
        weight.copy_(weights[name])
    closed, reason = why_no_closed_form(circuit, layer.backend, layer.evaluate)
    layer.circuit, layer.edges = circuit, edges.requires_grad_(trainable)
    layer._closed, layer._not_closed, layer.chosen = closed, reason, None
