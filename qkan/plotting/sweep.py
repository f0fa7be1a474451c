"""Results against what was varied: grids of settings, trials, costs, channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from numpy.typing import NDArray

from qkan.plotting.style import (
    INK,
    PALETTE,
    arm_colors,
    arm_label,
    finite,
    legend_below,
    metric_scale,
    panels,
    styled,
    subplots,
    ticks,
    within_percent,
)

__all__ = ["Axis", "Measured", "plot_heat_maps", "plot_sweep", "plot_tradeoff"]

Array = NDArray[np.floating]

_MARKERS = "osD^vP*X<>"
_TICKS = 6
"""Up to so many different costs each has its tick."""


@styled
def plot_heat_maps(
    grids: Mapping[str, Array],
    rows: tuple[str, Sequence[object]],
    columns: tuple[str, Sequence[object]],
    label: str,
    digits: int = 1,
) -> Figure:
    """Draw grids of values on one scale, a panel each: the larger, the darker; the largest is framed.

    Args:
        grids: ``{title: values}``; NaN is left blank.
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
    size = ((0.62 * width + 0.9) * len(grids) + 1.2, 0.5 * height + 1.3)
    figure, every = subplots(1, len(grids), size, sharey=True)
    values = finite(*grids.values())
    low, high = (values.min(), values.max()) if len(values) else (0.0, 1.0)
    for (title, grid), axes in zip(grids.items(), every, strict=True):
        image = axes.imshow(grid, cmap="YlGnBu", vmin=low, vmax=high, aspect="auto")
        for (row, column), value in np.ndenumerate(grid):
            if np.isfinite(value):
                color = "white" if value > low + 0.6 * (high - low) else "#262626"
                centred: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": "small"}
                axes.text(column, row, f"{value:.{digits}f}", color=color, **centred)
            if value == high:
                frame: dict[str, Any] = {"facecolor": "none", "edgecolor": PALETTE[1]}
                axes.bar(column, 0.96, 0.96, row - 0.48, linewidth=1.8, **frame)
        axes.set_title(title)
        axes.set_xticks(range(width), [_text(value) for value in columns[1]])
        axes.set_yticks(range(height), [_text(value) for value in rows[1]])
        axes.set_xlabel(columns[0])
        axes.grid(False)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    every[0].set_ylabel(rows[0])
    bar = figure.colorbar(image, ax=figure.axes, shrink=0.9, aspect=18, pad=0.02)
    bar.set_label(label)
    bar.outline.set_visible(False)
    return figure


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Axis:
    """One setting that was varied.

    Attributes:
        name: What it is called.
        values: Its value in every trial; what is not a number is a category.
        log: Whether numbers are drawn on a logarithmic axis.
    """

    name: str
    values: Sequence[Any]
    log: bool = False


@styled
def plot_sweep(
    trials: Sequence[int],
    metric: Sequence[float],
    settings: Sequence[Axis],
    label: str,
    *,
    maximize: bool,
) -> Figure:
    """Draw the metric against the trials' order and against each setting; the best trial is marked.

    Args:
        trials: The trials' indices, rising.
        metric: One value a trial.
        settings: What was varied.
        label: The metric's name.
        maximize: Whether a large value is good.

    Example:
        >>> figure = plot_sweep([0, 1], [0.5, 0.7], [Axis("grid", [3, 5])], "val_accuracy", maximize=True)
        >>> [axes.get_xlabel() for axes in figure.axes]
        ['trial', 'grid']
    """
    columns = 3
    figure, every = panels(1 + len(settings), columns, (3.6, 2.8), (0, 0.2), sharey=True)
    name, factor = metric_scale(label)
    values = factor * np.asarray(metric, dtype=float)
    best = int(np.argmax(values) if maximize else np.argmin(values))
    so_far = np.maximum.accumulate(values) if maximize else np.minimum.accumulate(values)
    every[0].step(trials, so_far, where="post", color=INK, linewidth=1.2)
    _dots(every[0], np.asarray(trials, dtype=float), values, best)
    every[0].set_xlabel("trial")
    for axes, setting in zip(every[1:], settings, strict=True):
        _dots(axes, _positions(axes, setting), values, best)
        axes.set_xlabel(setting.name)
    for axes in every[::columns]:
        axes.set_ylabel(name)
        within_percent(axes.yaxis, name)
    if label.endswith("loss") and values.min() > 0 and values.max() > 5 * values.min():
        every[0].set_yscale("log")
    return figure


def _positions(axes: Axes, setting: Axis) -> np.ndarray:
    """Return where the values are on the axis, and label it."""
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in setting.values):
        if setting.log:
            axes.set_xscale("log")
            if max(setting.values) < 100 * min(setting.values):
                ticks(axes.xaxis, (1, 2, 5))
        return np.asarray(setting.values, dtype=float)
    names = sorted({str(value) for value in setting.values})
    axes.set_xticks(range(len(names)), names, rotation=20, ha="right")
    axes.set_xlim(-0.5, len(names) - 0.5)
    places = np.array([names.index(str(value)) for value in setting.values], dtype=float)
    # Equal values would hide each other: spread them.
    return places + np.random.default_rng(0).uniform(-0.12, 0.12, len(places))


def _dots(axes: Axes, x: np.ndarray, y: np.ndarray, best: int) -> None:
    axes.scatter(x, y, s=18, color=PALETTE[0], alpha=0.6, linewidths=0)
    ring: dict[str, Any] = {"facecolors": "none", "edgecolors": PALETTE[1], "linewidths": 1.6}
    axes.scatter(x[best], y[best], s=70, **ring)


@dataclass(frozen=True)
class Measured:
    """A mean with its interval, at some cost ``x``."""

    x: float
    mean: float
    low: float
    high: float


@styled
def plot_tradeoff(
    costs: Mapping[str, Mapping[str, Sequence[Measured]]], label: str, *, log: bool = True
) -> Figure:
    """Draw one panel a cost: the mean of every arm, its interval, and a line through its points.

    Args:
        costs: ``{what x is: {arm: points}}``.
        label: What is measured.
        log: Whether the costs are drawn on logarithmic axes.

    Example:
        >>> points = [Measured(16, 95.1, 95.0, 95.2), Measured(32, 96.1, 96.0, 96.2)]
        >>> plot_tradeoff({"width": {"kan": points}}, "test accuracy / %").axes[0].get_xlabel()
        'width'
    """
    figure, every = subplots(1, len(costs), (4.6 * len(costs), 3.9), sharey=True)
    arms = list(dict.fromkeys(arm for series in costs.values() for arm in series))
    colors = arm_colors(arms)
    for (cost, series), axes in zip(costs.items(), every, strict=True):
        for arm, points in series.items():
            ordered = sorted(points, key=lambda point: point.x)
            marker = _MARKERS[arms.index(arm) % len(_MARKERS)]
            axes.errorbar(
                [p.x for p in ordered],
                [p.mean for p in ordered],
                [[p.mean - p.low for p in ordered], [p.high - p.mean for p in ordered]],
                color=colors[arm], label=arm_label(arm), linewidth=1.3, elinewidth=1.2, capsize=2.5,
                marker=marker, markersize=5.5, markeredgecolor="white", markeredgewidth=0.6,
            )  # fmt: skip
        if log:
            axes.set_xscale("log")
            axes.xaxis.set_minor_formatter(NullFormatter())
        values = sorted({point.x for points in series.values() for point in points})
        if len(values) <= _TICKS:
            axes.set_xticks(values, [f"{value:g}" for value in values])
            axes.minorticks_off()
        axes.set_xlabel(cost)
    every[0].set_ylabel(label)
    within_percent(every[0].yaxis, label)
    legend_below(figure, 3 * len(costs))
    return figure
