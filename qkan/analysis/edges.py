r"""The edges of any KAN layer as arrays: strengths, attribution, curves, and ``qkan.plot``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor, nn

from circuits.errors import UsageError, check_integer
from qkan.layers.checks import evaluating, require_finite
from qkan.layers.input_map import usual_inputs
from qkan.layers.kan_layer import KANLayer
from qkan.models.pruning import inputs_of
from qkan.plotting.functions import EdgeFunction
from qkan.plotting.network import EdgeCurves, plot_edge_network

__all__ = [
    "as_batch",
    "attribution",
    "connection_strengths",
    "edge_curves",
    "edge_strengths",
    "edge_values",
    "kan_layers",
    "layer_inputs",
    "learned_curves",
    "plot",
]

Array = NDArray[np.float64]

_VALUES = 2**22
"""So many edge values are held at a time."""
_GRID = 65
"""Points an input where no data tell what it sees."""
_POINTS = 301
"""Points of a learned curve."""


def kan_layers(model: nn.Module) -> dict[str, KANLayer]:
    """Return the layers with functions on their edges, by name; a layer alone is called ``layer``.

    Raises:
        UsageError: If there is none.

    Example:
        >>> import qkan
        >>> list(kan_layers(qkan.QKAN([2, 3, 1])))
        ['0', '1']
    """
    if not isinstance(model, nn.Module):
        raise UsageError(f"expected a torch module, {type(model).__name__} arrived")
    found = {name or "layer": m for name, m in model.named_modules() if isinstance(m, KANLayer)}
    if not found:
        raise UsageError(
            f"{type(model).__name__} has no layer with functions on its edges, such as "
            "BSplineKANLayer or QuantumKANLayer"
        )
    return found


def layer_inputs(model: nn.Module, inputs: Any) -> dict[str, Tensor]:
    """Return the inputs of each KAN layer when the model sees ``inputs``.

    A ``LayerNorm`` mixes inputs, so that edges are functions of what comes behind it: then it is that.

    Args:
        model: The model.
        inputs: A batch for it, an array or a tensor.

    Shape:
        Result: ``(N, in_features)`` each.

    Raises:
        UsageError: If the batch is empty, or a layer takes no part in the model's forward pass.
    """
    layers = kan_layers(model)
    seen = inputs_of(model, layers, as_batch(model, inputs))
    for name, layer in layers.items():
        if layer.input_map is not None and _mixes(layer):
            with evaluating(layer):
                seen[name] = layer.input_map(seen[name])
    return seen


def edge_values(layer: KANLayer, points: Tensor) -> Iterator[Tensor]:
    """Yield the edge functions at the points of :func:`layer_inputs`, a part of the points at a time.

    Shape:
        - points: ``(N, in_features)``
        - results: ``(n, in_features, out_features)``
    """
    step = max(1, _VALUES // (layer.in_features * layer.out_features))
    for part in torch.split(points, step):
        yield layer.edge_values(part) if _mixes(layer) else layer.edge_functions(part)


def attribution(strengths: Sequence[Array]) -> list[Array]:
    r"""Return how much of a network's outputs each edge accounts for.

    .. math:: A^{l}_{io} = B^{l}_o \frac{s^{l}_{io}}{\sum_j s^{l}_{jo}}, \qquad
              B^{l-1}_i = \sum_o A^{l}_{io}, \qquad B^{L}_o = \frac{1}{n_L},

    with :math:`s` the standard deviation of an edge function: every node shares its importance among the edges that
    move it. The shares sum to 1 in every layer unless a node is not moved at all.

    Args:
        strengths: Of the edges of one layer after the other.

    Shape:
        ``(in, out)`` each, the out of a layer being the in of the next.

    Raises:
        UsageError: If the layers are no chain, or a strength is negative, NaN or infinite.

    Example:
        >>> attribution([np.array([[3.0, 0.0], [1.0, 2.0]]), np.array([[1.0], [1.0]])])[0]
        array([[0.375, 0.   ],
               [0.125, 0.5  ]])

    Source:
        The attribution score of Z. Liu et al., "KAN 2.0", arXiv:2408.10205, section 3.1, with equal outputs.
    """
    shares: list[Array] = []
    importance = np.full(strengths[-1].shape[1], 1 / strengths[-1].shape[1])
    for strength in reversed(strengths):
        if strength.shape[1] != len(importance):
            raise UsageError(
                f"a layer with {strength.shape[1]} outputs is followed by one with {len(importance)} inputs: "
                "the layers are no chain; look at one of them at a time"
            )
        if not np.isfinite(strength).all() or (strength < 0).any():
            raise UsageError(
                "the strengths of edges must be finite and 0 or more; are weights NaN?"
            )
        total = strength.sum(0)
        share = np.divide(strength, total, out=np.zeros_like(strength), where=total > 0)
        shares.append(share * importance)
        importance = shares[-1].sum(1)
    return shares[::-1]


def edge_strengths(model: nn.Module, inputs: Any = None) -> dict[str, Array]:
    r"""Return the standard deviation of every edge function over the inputs, layer by layer.

    .. math:: s_{io} = \sqrt{\operatorname{Var}_x \phi_{io}(x_i)}

    A constant edge, however large, has no strength: it is a bias.

    Args:
        model: Any module with KAN layers, classical or quantum.
        inputs: A batch for it; without one, edges are looked at over the layer's domain, or over what its input map
            takes.

    Shape:
        Result: ``(in_features, out_features)`` for each layer.

    Raises:
        UsageError: If the model has no KAN layer.

    Example:
        >>> import qkan
        >>> edge_strengths(qkan.QKAN([2, 3, 1]))["0"].shape
        (2, 3)
    """
    layers = kan_layers(model)
    return {name: _strengths(layers[name], x) for name, x in _points(model, inputs).items()}


def edge_curves(
    model: nn.Module, inputs: Any = None, *, most: int = 14, points: int = 101
) -> list[EdgeCurves]:
    """Return the curves of the edges that matter most for the outputs, layer by layer.

    From the last layer to the first, edges are taken that lead to a node already shown: the strongest of each node,
    then those of the highest :func:`attribution`.

    Args:
        model: Any module with KAN layers, classical or quantum.
        inputs: A batch for it; curves then run over what each layer sees of it.
        most: The largest number of edges a layer.
        points: The number of points a curve.

    Raises:
        UsageError: If the model has no KAN layer.

    Example:
        >>> import qkan
        >>> [len(layer.edges) for layer in edge_curves(qkan.QKAN([784, 32, 10]))]
        [14, 14]
    """
    check_integer("most", most)
    check_integer("points", points, 2)
    layers, seen = kan_layers(model), _points(model, inputs)
    shares = attribution([_strengths(layers[name], x) for name, x in seen.items()])
    found: list[EdgeCurves] = []
    shown: list[int] | None = None
    for (name, x), share in reversed(list(zip(seen.items(), shares, strict=True))):
        kept = layers[name].kept_edges
        chosen = _strongest(np.asarray(kept.cpu()), share, shown, most)
        curves = _curves(layers[name], x, chosen, points)
        found.append(EdgeCurves(name, share.shape, int(kept.sum()), chosen, *curves, share))
        shown = sorted({i for i, _ in chosen})
    return found[::-1]


def connection_strengths(model: nn.Module, inputs: Tensor) -> list[Array]:
    r"""Return how far each connection moves its output over the inputs, layer by layer.

    .. math:: s_{io} = \mathrm{sd}_x \, \phi_{io}(x_i) \quad\text{or}\quad |w_{oi}| \, \mathrm{sd}_x(x_i)

    for KAN layers and for dense layers.

    Args:
        model: A chain of layers.
        inputs: A batch for it.

    Shape:
        Result: ``(in, out)`` for each layer; none for a model without such layers.

    Example:
        >>> import qkan
        >>> [s.shape for s in connection_strengths(qkan.MLP([4, 3, 2]), torch.rand(9, 4))]
        [(4, 3), (3, 2)]
    """
    if any(isinstance(module, KANLayer) for module in model.modules()):
        return list(edge_strengths(model, inputs).values())
    dense = {name: m for name, m in model.named_modules() if isinstance(m, nn.Linear)}
    seen = inputs_of(model, dense, as_batch(model, inputs))
    return [_array((seen[n].std(dim=0) * m.weight.abs()).T) for n, m in dense.items()]


def learned_curves(model: nn.Module, inputs: Tensor, most: int = 8) -> list[EdgeFunction]:
    """Return the functions on a KAN's strongest edges, with the values that reach them; of other models nothing.

    Args:
        model: A model.
        inputs: A batch for it.
        most: The largest number of curves.

    Example:
        >>> import qkan
        >>> sorted(curve.name for curve in learned_curves(qkan.KAN([2, 1]), torch.rand(9, 2)))
        ['layer 1: 0 to 0', 'layer 1: 1 to 0']
    """
    if not any(isinstance(module, KANLayer) for module in model.modules()):
        return []
    layers, seen = kan_layers(model), layer_inputs(model, inputs)
    check_integer("most", most)
    share = -(-most // len(layers))
    found = []
    for number, (name, layer) in enumerate(layers.items(), start=1):
        data = seen[name]
        kept = np.asarray(layer.kept_edges.cpu())
        edges = _strongest(kept, _strengths(layer, data), None, share, each=False)
        # A spline's grid is worth seeing; sines have none.
        domain = layer.domain if hasattr(layer, "breakpoints") else None
        for (i, o), x, y in zip(edges, *_curves(layer, data, edges, _POINTS), strict=True):
            title = f"layer {number}: {i} to {o}"
            found.append(EdgeFunction(title, x, y, _array(data[:, i]), domain))
    return found[:most]


def plot(model: nn.Module, inputs: Any = None, *, most: int = 14) -> Figure:
    """Draw a network with the curve of each edge on it, classical or quantum.

    Of a large layer the edges are shown that account for most of the outputs; below it stands how many were left out.

    Args:
        model: Any module whose KAN layers are a chain; a single layer will do.
        inputs: A batch of data: curves then run over what each layer sees of it, and strengths are measured on it.
            Without one, both are taken over the layers' domains.
        most: The largest number of edges drawn of a layer.

    Returns:
        A matplotlib figure that belongs to no window: save it with ``savefig``.

    Raises:
        UsageError: If the model has no KAN layer, or its layers are no chain.

    Example:
        >>> import qkan
        >>> figure = plot(qkan.QKAN([2, 5, 1], "pz(depth=3)"))
        >>> figure.axes[0].texts[0].get_text()
        'all 10 edges'
    """
    return plot_edge_network(edge_curves(model, inputs, most=most))


def _mixes(layer: KANLayer) -> bool:
    return isinstance(layer.input_map, nn.LayerNorm)


def as_batch(model: nn.Module, inputs: Any) -> Tensor:
    """Return inputs on the device and of the type of a model; refuse none, NaN and infinity."""
    first = next(iter(model.parameters()), None)
    try:
        batch = torch.as_tensor(inputs)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UsageError(f"expected inputs as an array or a tensor: {error}") from error
    if batch.is_complex():
        raise UsageError("expected real inputs, complex ones arrived")
    if first is not None:
        batch = batch.to(first.device, first.dtype)
    if batch.numel() == 0:
        raise UsageError(f"expected inputs to look at, shape {tuple(batch.shape)} arrived")
    require_finite(batch, "the edges")
    return batch


def _points(model: nn.Module, inputs: Any) -> dict[str, Tensor]:
    """Return where the edges of each layer are looked at: its inputs, or a grid over what it usually takes."""
    if inputs is not None:
        return layer_inputs(model, inputs)
    grids = {}
    for name, layer in kan_layers(model).items():
        like = next(layer.parameters(), torch.zeros(()))
        low, high = usual_inputs(layer.input_map, layer.domain, layer.in_features)
        grids[name] = _between(low.to(like), high.to(like), _GRID)
    return grids


def _between(low: Tensor, high: Tensor, points: int) -> Tensor:
    steps = torch.linspace(0, 1, points, dtype=low.dtype, device=low.device).unsqueeze(1)
    return torch.lerp(low.unsqueeze(0), high.unsqueeze(0), steps)


def _strengths(layer: KANLayer, points: Tensor) -> Array:
    """Return standard deviations over the points, from the means and sums of squares of parts (Chan et al., 1979)."""
    count, mean, squares = 0, torch.zeros(()), torch.zeros(())
    with evaluating(layer):
        for part in edge_values(layer, points):
            values = part.double()
            more, gap = len(values), values.mean(0) - mean
            squares = squares + values.var(0, correction=0) * more
            squares = squares + gap.square() * (count * more / (count + more))
            mean, count = mean + gap * (more / (count + more)), count + more
    return _array((squares / count).sqrt())


def _strongest(
    kept: NDArray[np.bool_],
    share: Array,
    targets: Sequence[int] | None,
    most: int,
    *,
    each: bool = True,
) -> list[tuple[int, int]]:
    """Return the strongest edges there are into the targets, first one for each, so that none hangs in the air."""
    wanted = range(share.shape[1]) if targets is None else targets
    ranked = np.argsort(np.where(kept, -share, np.inf), axis=None, kind="stable").tolist()
    pairs = [divmod(k, share.shape[1]) for k in ranked[: np.count_nonzero(kept)]]
    strongest = [(i, o) for i, o in pairs if o in wanted]
    first = {o: (i, o) for i, o in reversed(strongest)} if each and len(wanted) <= most else {}
    return list(dict.fromkeys([*(first[o] for o in wanted if o in first), *strongest]))[:most]


def _curves(
    layer: KANLayer, seen: Tensor, edges: Sequence[tuple[int, int]], points: int
) -> tuple[Array, Array]:
    """Return x and y of these edges over what the layer has seen, ``(edges, points)`` each."""
    low, high = seen.min(0).values, seen.max(0).values
    # An input that never changes has no range; a little of its surroundings shows the curve.
    flat = high <= low
    low, high = torch.where(flat, low - 0.5, low), torch.where(flat, high + 0.5, high)
    grid = _between(low, high, points)
    i, o = torch.tensor(edges, dtype=torch.long, device=grid.device).reshape(-1, 2).T
    with evaluating(layer):
        values = torch.cat([part[:, i, o] for part in edge_values(layer, grid)])
    return _array(grid[:, i].T), _array(values.T)


def _array(values: Tensor) -> Array:
    return np.asarray(values.detach().double().cpu())
