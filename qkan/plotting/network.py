"""Networks: nodes in columns, and on each edge its strength or its curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from numpy.typing import NDArray

from circuits.errors import UsageError
from qkan.plotting.style import GREY, INK, PALETTE, bare, styled, subplots

__all__ = ["EdgeCurves", "plot_edge_network", "plot_network"]

_MOST = 150
_GAP = 0.85
_NAMED = 12

Points = NDArray[np.float64]


@styled
def plot_network(
    strengths: Sequence[NDArray[np.floating]],
    *,
    image: tuple[int, int] | None = None,
) -> Figure:
    """Draw the 150 strongest edges of each layer, of those that are there; more would be black ink.

    An edge's width and shade are its strength relative to the strongest of its layer. Inputs that
    are pixels are drawn as the image they form, each as dark as its edges are strong in sum.

    Args:
        strengths: For each layer how much every edge carries: the magnitude of a weight, or the
            standard deviation of an edge function over the data; 0 where there is none.
        image: The height and width of the input image; None draws a column of nodes.

    Shape:
        The array of a layer is ``(in, out)``.

    Raises:
        UsageError: If the layers do not fit each other or the image.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> figure = plot_network([rng.random((784, 8)), rng.random((8, 10))], image=(28, 28))
        >>> figure.axes[0].get_title()
        '150 of 6,272 and 80 of 80 edges'
    """
    layers = [np.asarray(layer, dtype=np.float64) for layer in strengths]
    _check(layers, image)
    figure, (axes,) = subplots(1, 1, (3.4 * len(layers) + (3.6 if image else 1.0), 4.6))
    widths = [len(layers[0]), *(layer.shape[1] for layer in layers)]
    nodes = [_column(width, _GAP * index) for index, width in enumerate(widths)]
    if image is not None:
        axes.set_aspect("equal")
        nodes[0] = _draw_image(axes, layers[0].sum(axis=1).reshape(image))
    counts = []
    for layer, (left, right) in zip(layers, pairwise(nodes), strict=True):
        least = np.sort(layer, axis=None)[-_MOST:][0]  # of a small layer, of all
        rows, columns = np.nonzero((layer >= least) & (layer > 0))
        counts.append(f"{len(rows):,} of {np.count_nonzero(layer):,}")
        share = layer[rows, columns] / (layer.max() or 1.0)
        order = np.argsort(share)
        ends = np.stack([left[rows], right[columns]], axis=1)[order]
        share = share[order]
        colors = [to_rgba(PALETTE[0], 0.15 + 0.7 * part) for part in share]
        style: dict[str, Any] = {"linewidths": 0.3 + 1.5 * share, "colors": colors, "zorder": 1}
        axes.add_collection(LineCollection(list(ends), **style))
    for points in nodes[1:] if image is not None else nodes:
        axes.scatter(
            points[:, 0], points[:, 1], s=min(60.0, 900 / len(points)), color=GREY, zorder=2
        )
    if len(nodes[-1]) <= _NAMED:
        for name, (x, y) in enumerate(nodes[-1]):
            axes.text(x + 0.06, y, str(name), va="center", fontsize="small")
    axes.set_title(" and ".join(counts) + " edges", loc="center")
    axes.set(ylim=(1.06, -0.06))
    axes.autoscale_view(scaley=False)
    axes.set_axis_off()
    return figure


def _check(layers: Sequence[Points], image: tuple[int, int] | None) -> None:
    shapes = [layer.shape for layer in layers]
    if any(len(shape) != 2 or 0 in shape for shape in shapes):
        raise UsageError(f"expected one (in, out) array a layer, got the shapes {shapes}")
    if any(left[1] != right[0] for left, right in pairwise(shapes)):
        raise UsageError(f"expected each layer to take what the one before gives, got {shapes}")
    if image is not None and image[0] * image[1] != shapes[0][0]:
        raise UsageError(f"expected {image[0]} x {image[1]} inputs, got {shapes[0][0]}")
    if any((layer < 0).any() or not np.isfinite(layer).all() for layer in layers):
        raise UsageError("expected finite strengths of 0 or more, such as |weight|")


def _column(count: int, x: float) -> Points:
    return np.stack([np.full(count, x), (np.arange(count) + 0.5) / count], axis=1)


def _draw_image(axes: Axes, strength: Points) -> Points:
    """Draw the pixels left of the first gap and return where each one is."""
    height, width = strength.shape
    side = 0.9 * min(1.0, height / width) / height
    x = (np.arange(width) + 0.5 - width) * side
    y = 0.5 + (np.arange(height) + 0.5 - height / 2) * side
    extent = (-width * side, 0.0, 0.5 + height * side / 2, 0.5 - height * side / 2)
    axes.imshow(strength, cmap="Greys", extent=extent, aspect="equal", zorder=0, alpha=0.85)
    corners = [(extent[i], extent[j]) for i, j in ((0, 2), (1, 2), (1, 3), (0, 3), (0, 2))]
    axes.plot(*zip(*corners, strict=True), color=GREY, linewidth=0.8)
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


_BOX = 0.47
"""The width of the box of a curve, between two columns that are 2 apart."""


@dataclass(frozen=True, eq=False)
class EdgeCurves:
    """The curves of one layer's edges, or of some of them.

    Attributes:
        name: Of the layer.
        size: Its numbers of inputs and outputs.
        count: How many edges there are, without those that are pruned.
        edges: Those that are shown: (input, output).
        x: Where they are evaluated, ``(edges, points)``.
        y: Their values there.
        share: How much of the outputs every edge of the layer accounts for, ``(in, out)``.
    """

    name: str
    size: tuple[int, int]
    count: int
    edges: Sequence[tuple[int, int]]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    share: NDArray[np.float64]

    def left_out(self) -> str:
        """Tell how much of the layer is shown."""
        if len(self.edges) == self.count:
            return f"all {self.count:,} edges"
        shown = sum(self.share[edge] for edge in self.edges) / max(self.share.sum(), 1e-300)
        return (
            f"{len(self.edges)} of {self.count:,} edges\n({100 * shown:.0f} % of the attribution)"
        )


@styled
def plot_edge_network(layers: Sequence[EdgeCurves]) -> Figure:
    """Draw the nodes in columns from the inputs (left) to the outputs, and on each edge its curve.

    Lines are the darker, the more of the outputs an edge accounts for. Curves are scaled each to its own box:
    the lines, not the boxes, tell how much an edge does.

    Args:
        layers: In order; the outputs of one are the inputs of the next.

    Raises:
        UsageError: If there is no layer, or they are no chain.

    Example:
        >>> x = np.linspace(-1, 1, 9)
        >>> curves = EdgeCurves("0", (2, 1), 2, [(0, 0), (1, 0)], np.stack([x, x]), np.stack([x, x]), np.ones((2, 1)))
        >>> len(plot_edge_network([curves]).axes[0].child_axes)
        2
    """
    for before, after in pairwise(layers):
        if before.size[1] != after.size[0]:
            raise UsageError(
                f"layer {before.name!r} has {before.size[1]} outputs, layer {after.name!r} "
                f"{after.size[0]} inputs: they are no chain"
            )
    columns = _columns(layers)
    tallest = max(*(len(layer.edges) for layer in layers), *(len(c) for c in columns))
    size = (3.4 * len(layers) + 1.2, min(max(0.62 * tallest, 2.2), 12.0) + 0.6)
    figure, (axes,) = subplots(1, 1, size)
    axes.set(xlim=(-0.35, 2 * len(layers) + 0.35), ylim=(-0.1, 1.04))
    axes.axis("off")
    for index, layer in enumerate(layers):
        _draw_layer(axes, 2 * index, layer, columns[index], columns[index + 1])
    last = len(columns) - 1
    for index, column in enumerate(columns):
        _draw_nodes(axes, 2 * index, column, {0: "x", last: "y"}.get(index, "h"))
    return figure


def _columns(layers: Sequence[EdgeCurves]) -> list[dict[int, float]]:
    """Return the height of each node that is shown, column by column."""
    nodes: list[set[int]] = [set() for _ in range(len(layers) + 1)]
    for index, layer in enumerate(layers):
        nodes[index].update(i for i, _ in layer.edges)
        nodes[index + 1].update(o for _, o in layer.edges)
    return [_spread(sorted(column)) for column in nodes]


def _spread(nodes: Sequence[int]) -> dict[int, float]:
    return {node: 1 - (rank + 0.5) / len(nodes) for rank, node in enumerate(nodes)}


def _draw_layer(
    axes: Axes,
    left: int,
    layer: EdgeCurves,
    sources: Mapping[int, float],
    targets: Mapping[int, float],
) -> None:
    # In the order of their ends, so that few lines cross.
    order = sorted(
        range(len(layer.edges)),
        key=lambda k: (-sources[layer.edges[k][0]] - targets[layer.edges[k][1]], layer.edges[k]),
    )
    heights = _spread(range(len(order)))
    height = min(0.8 / max(len(order), 1), 0.22)
    strongest = max(layer.share.max(initial=0), 1e-300)
    for rank, k in enumerate(order):
        (source, target), y = layer.edges[k], heights[rank]
        strength = float(layer.share[source, target] / strongest)
        style: dict[str, Any] = {
            "color": GREY,
            "linewidth": 0.6 + 1.6 * strength,
            "alpha": 0.3 + 0.7 * strength,
        }
        axes.plot([left, left + 1 - _BOX / 2], [sources[source], y], zorder=1, **style)
        axes.plot([left + 1 + _BOX / 2, left + 2], [y, targets[target]], zorder=1, **style)
        box = axes.inset_axes(
            (left + 1 - _BOX / 2, y - height / 2, _BOX, height), transform=axes.transData
        )
        box.plot(layer.x[k], layer.y[k], color=PALETTE[0], linewidth=1.5)
        box.margins(x=0, y=0.12)
        bare(box)
        box.spines[:].set(linewidth=0.7)
    axes.text(left + 1, -0.02, layer.left_out(), ha="center", va="top", fontsize="small")


def _draw_nodes(axes: Axes, x: int, column: Mapping[int, float], letter: str) -> None:
    sides = {"x": (-0.09, "right", "center"), "y": (0.09, "left", "center")}
    offset, horizontal, vertical = sides.get(letter, (0.0, "center", "bottom"))
    for node, y in column.items():
        axes.plot([x], [y], "o", color=GREY, markeredgecolor=INK, markersize=6, zorder=3)
        axes.annotate(
            f"${letter}_{{{node}}}$",
            (x + offset, y),
            xytext=(0, 0 if offset else 5),
            textcoords="offset points",
            ha=horizontal,
            va=vertical,
            fontsize="small",
        )
