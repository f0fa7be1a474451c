"""Images beside the feature maps that a filter makes of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from qkan.plotting.style import subplots

__all__ = ["plot_channels"]


def plot_channels(
    images: NDArray[np.floating], features: NDArray[np.floating], names: Sequence[str]
) -> Figure:
    """Draw one image a row: the input, then its channels on one scale from -1 to 1.

    Args:
        images: Grey values, 0 to 1.
        features: Expectation values, -1 to 1.
        names: One title a channel.

    Shape:
        ``images`` ``(N, H, W)``, ``features`` ``(N, C, H', W')``.

    Example:
        >>> figure = plot_channels(np.zeros((2, 4, 4)), np.zeros((2, 3, 2, 2)), ["a", "b", "c"])
        >>> len(figure.axes)  # two rows of four, and the colour bar
        9
    """
    rows, columns = len(images), features.shape[1] + 1
    figure, flat = subplots(rows, columns, (1.55 * columns + 0.7, 1.55 * rows + 0.35))
    grid = np.array(flat, dtype=object).reshape(rows, columns)
    for row, image, maps in zip(grid, images, features, strict=True):
        row[0].imshow(image, cmap="gray_r", vmin=0, vmax=1)
        for axes, channel in zip(row[1:], maps, strict=True):
            mesh = axes.imshow(channel, cmap="RdBu_r", vmin=-1, vmax=1)
    for axes, title in zip(grid[0], ["input", *names], strict=True):
        axes.set_title(title, loc="center")
    for axes in grid.ravel():
        axes.set(xticks=[], yticks=[])
        axes.grid(False)
        axes.spines[:].set(visible=True, color="#BFBFBF")
    bar = figure.colorbar(mesh, ax=grid.ravel().tolist(), shrink=0.5, aspect=30, pad=0.015)
    bar.set_label("expectation value")
    bar.set_ticks([-1, 0, 1])
    bar.outline.set_visible(False)
    return figure
