"""Heat maps of a grid of settings, one panel a slice, the best cell marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from qkan.plotting.style import subplots

__all__ = ["plot_heat_maps"]


def plot_heat_maps(
    panels: Mapping[str, NDArray[np.floating]],
    rows: tuple[str, Sequence[object]],
    columns: tuple[str, Sequence[object]],
    label: str,
    digits: int = 1,
) -> Figure:
    """Draw grids of values on one scale: the larger, the darker; the largest is framed.

    Args:
        panels: ``{title: values}``; NaN is left blank.
        rows: What the rows are, and the setting of each.
        columns: What the columns are, and the setting of each.
        label: What the values are.
        digits: Decimal places in the cells.

    Shape:
        Each array is ``(len(rows), len(columns))``.

    Example:
        >>> grid = np.array([[91.0, 92.0], [93.0, 94.0]])
        >>> figure = plot_heat_maps(
        ...     {"width 64": grid}, ("rate", [1e-4, 1e-3]), ("gamma", [0.8, 0.9]), "accuracy / %"
        ... )
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['91.0', '92.0', '93.0', '94.0']
    """
    height, width = len(rows[1]), len(columns[1])
    size = ((0.62 * width + 0.9) * len(panels) + 1.2, 0.5 * height + 1.3)
    figure, axes_of = subplots(1, len(panels), size, sharey=True)
    low, high = (f([f(grid) for grid in panels.values()]) for f in (np.nanmin, np.nanmax))
    for (title, grid), axes in zip(panels.items(), axes_of, strict=True):
        image = axes.imshow(grid, cmap="YlGnBu", vmin=low, vmax=high, aspect="auto")
        for (row, column), value in np.ndenumerate(grid):
            if np.isfinite(value):
                dark = value > low + 0.6 * (high - low)
                style: dict[str, Any] = {"color": "white" if dark else "#262626", "fontsize": 8}
                text = f"{value:.{digits}f}"
                axes.text(column, row, text, ha="center", va="center", **style)
            if value == high:
                frame: dict[str, Any] = {
                    "facecolor": "none",
                    "edgecolor": "#D55E00",
                    "linewidth": 1.8,
                }
                axes.bar(column, 0.96, 0.96, row - 0.48, **frame)
        axes.set_title(title)
        axes.set_xticks(range(width), [_text(value) for value in columns[1]])
        axes.set_yticks(range(height), [_text(value) for value in rows[1]])
        axes.set_xlabel(columns[0])
        axes.grid(False)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    figure.axes[0].set_ylabel(rows[0])
    bar = figure.colorbar(image, ax=figure.axes, shrink=0.9, aspect=18, pad=0.02)
    bar.set_label(label)
    bar.outline.set_visible(False)
    return figure


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
