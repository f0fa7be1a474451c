"""The graph of a network: nodes in columns, its strongest edges between them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from circuits.errors import UsageError
from qkan.plotting.style import subplots

__all__ = ["plot_network"]

_MOST = 150
_GAP = 0.85
_NAMED = 12

Points = NDArray[np.float64]


def plot_network(
    strengths: Sequence[NDArray[np.floating]],
    *,
    threshold: float | None = None,
    image: tuple[int, int] | None = None,
) -> Figure:
    """Draw the edges above a threshold; what is below would be black ink.

    An edge's width and colour are its strength relative to the strongest of its layer. Inputs that
    are pixels are drawn as the image they form, each as dark as its edges are strong in sum.

    Args:
        strengths: For each layer how much every edge carries: the magnitude of a weight, or the
            standard deviation of an edge function over the data.
        threshold: Edges at least this strong are drawn; by default the 150 strongest of a layer.
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
        # A layer with fewer edges than the limit is drawn whole.
        least = threshold if threshold is not None else np.sort(layer, axis=None)[-_MOST:][0]
        rows, columns = np.nonzero(layer >= least)
        counts.append(f"{len(rows):,} of {layer.size:,}")
        share = layer[rows, columns] / (layer.max() or 1.0)
        order = np.argsort(share)
        ends = np.stack([left[rows], right[columns]], axis=1)[order]
        colors = colormaps["YlGnBu"](0.25 + 0.7 * share[order])
        style: dict[str, Any] = {"linewidths": 0.3 + 1.5 * share[order], "alpha": 0.75, "zorder": 1}
        axes.add_collection(LineCollection(list(ends), colors=colors, **style))
    for points in nodes[1:] if image is not None else nodes:
        axes.scatter(
            points[:, 0], points[:, 1], s=min(60.0, 900 / len(points)), color="#4D4D4D", zorder=2
        )
    if len(nodes[-1]) <= _NAMED:
        for name, (x, y) in enumerate(nodes[-1]):
            axes.text(x + 0.06, y, str(name), va="center", fontsize=8)
    axes.set_title(" and ".join(counts) + " edges", loc="center")
    axes.set(ylim=(1.06, -0.06))
    axes.autoscale_view(scaley=False)
    axes.set_axis_off()
    return figure


def _check(layers: Sequence[Points], image: tuple[int, int] | None) -> None:
    shapes = [layer.shape for layer in layers]
    if not shapes or any(len(shape) != 2 or 0 in shape for shape in shapes):
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
    axes.plot(*zip(*corners, strict=True), color="#BFBFBF", linewidth=0.8)
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
