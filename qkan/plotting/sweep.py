"""Results against what was varied: heat maps, trials, costs, channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, LogLocator, NullFormatter, NullLocator
from numpy.typing import NDArray

from qkan.plotting.style import (
    METRIC_LABELS,
    arm_color,
    arm_colors,
    arm_label,
    legend_below,
    subplots,
)

__all__ = ["Axis", "Measured", "plot_heat_maps", "plot_scaling", "plot_sweep", "plot_tradeoff"]


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


_COLUMNS = 3


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
    panels = 1 + len(settings)
    columns = min(panels, _COLUMNS)
    rows = -(-panels // columns)
    figure, axes_of = subplots(rows, columns, (3.6 * columns, 2.8 * rows + 0.2), sharey=True)
    every, values = list(axes_of), np.asarray(metric, dtype=float)
    best = int(np.argmax(values) if maximize else np.argmin(values))
    so_far = np.maximum.accumulate(values) if maximize else np.minimum.accumulate(values)
    every[0].step(trials, so_far, where="post", color=arm_color("classical"), linewidth=1.2)
    _dots(every[0], np.asarray(trials, dtype=float), values, best)
    every[0].set_xlabel("trial")
    for axes, setting in zip(every[1:], settings, strict=False):
        _dots(axes, _positions(axes, setting), values, best)
        axes.set_xlabel(setting.name)
    for index, axes in enumerate(every):
        axes.set_visible(index < panels)
        if index % columns == 0:
            axes.set_ylabel(METRIC_LABELS.get(label, label))
    if label.endswith("loss") and values.min() > 0 and values.max() > 5 * values.min():
        every[0].set_yscale("log")
    return figure


def _positions(axes: Axes, setting: Axis) -> np.ndarray:
    """Return where the values are on the axis, and label it."""
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in setting.values):
        if setting.log:
            axes.set_xscale("log")
            if max(setting.values) < 100 * min(setting.values):
                axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axes.xaxis.set_major_formatter("{x:g}")
                axes.xaxis.set_minor_locator(NullLocator())
        return np.asarray(setting.values, dtype=float)
    names = sorted({str(value) for value in setting.values})
    axes.set_xticks(range(len(names)), names, rotation=20, ha="right")
    axes.set_xlim(-0.5, len(names) - 0.5)
    places = np.array([names.index(str(value)) for value in setting.values], dtype=float)
    # Equal values would hide each other: spread them.
    return places + np.random.default_rng(0).uniform(-0.12, 0.12, len(places))


def _dots(axes: Axes, x: np.ndarray, y: np.ndarray, best: int) -> None:
    axes.scatter(x, y, s=18, color=arm_color("quantum"), alpha=0.6, linewidths=0)
    axes.scatter(
        x[best],
        y[best],
        s=70,
        facecolors="none",
        edgecolors=arm_color("no_entanglement"),
        linewidths=1.6,
    )


_MARKERS = "osD^vP*X<>"
_TICKS = 6
"""Up to so many different costs each has its tick."""


@dataclass(frozen=True)
class Measured:
    """A mean with its interval, at some cost ``x``."""

    x: float
    mean: float
    low: float
    high: float


def plot_tradeoff(
    panels: Mapping[str, Mapping[str, Sequence[Measured]]], label: str, *, log: bool = True
) -> Figure:
    """Draw one panel a cost: the mean of every arm, its interval, and a line through its points.

    Args:
        panels: ``{what x is: {arm: points}}``.
        label: What is measured.
        log: Whether the costs are drawn on logarithmic axes.

    Example:
        >>> points = [Measured(16, 95.1, 95.0, 95.2), Measured(32, 96.1, 96.0, 96.2)]
        >>> plot_tradeoff({"width": {"kan": points}}, "test accuracy / %").axes[0].get_xlabel()
        'width'
    """
    figure, axes_of = subplots(1, len(panels), (4.6 * len(panels), 3.9), sharey=True)
    arms = list(dict.fromkeys(arm for series in panels.values() for arm in series))
    colors = arm_colors(arms)
    for (cost, series), axes in zip(panels.items(), axes_of, strict=True):
        for arm, points in series.items():
            ordered = sorted(points, key=lambda point: point.x)
            errors = [[p.mean - p.low for p in ordered], [p.high - p.mean for p in ordered]]
            axes.errorbar(
                [p.x for p in ordered],
                [p.mean for p in ordered],
                errors,
                color=colors[arm],
                label=arm_label(arm),
                marker=_MARKERS[arms.index(arm) % len(_MARKERS)],
                markersize=5.5,
                markeredgecolor="white",
                markeredgewidth=0.6,
                linewidth=1.3,
                elinewidth=1.2,
                capsize=2.5,
            )
        if log:
            axes.set_xscale("log")
            axes.xaxis.set_minor_formatter(NullFormatter())
        values = sorted({point.x for points in series.values() for point in points})
        if len(values) <= _TICKS:
            axes.set_xticks(values, [f"{value:g}" for value in values])
            axes.minorticks_off()
        axes.set_xlabel(cost)
    figure.axes[0].set_ylabel(label)
    legend_below(figure, 3 * len(panels))
    return figure


def plot_scaling(
    panels: Mapping[str, Mapping[str, Mapping[int, NDArray[np.floating]]]],
) -> Figure:
    """Draw one panel a head: mean and standard deviation of the accuracy against the channels.

    A kind of feature that comes in one number of channels is a dashed line across.

    Args:
        panels: ``{head: {kind of feature: {channels: one accuracy a seed}}}``, 0 to 1.

    Example:
        >>> values = {1: np.array([0.91, 0.92]), 4: np.array([0.94, 0.95])}
        >>> plot_scaling({"linear head": {"quantum": values}}).axes[0].get_title()
        'linear head'
    """
    figure, axes_of = subplots(1, len(panels), (4.3 * len(panels), 3.6))
    for (head, kinds), axes in zip(panels.items(), axes_of, strict=True):
        ticks: set[int] = set()
        for kind, by_channels in kinds.items():
            channels = sorted(by_channels)
            values = [100 * np.asarray(by_channels[c]) for c in channels]
            if len(channels) == 1:
                # One point is a level to compare with: a line across, not a dot under the others.
                style: dict[str, Any] = {
                    "color": arm_color(kind),
                    "linestyle": "--",
                    "linewidth": 1.4,
                }
                axes.axhline(values[0].mean(), label=arm_label(kind), zorder=1, **style)
                continue
            axes.errorbar(
                channels,
                [v.mean() for v in values],
                [v.std(ddof=min(1, len(v) - 1)) for v in values],
                color=arm_color(kind),
                label=arm_label(kind),
                marker="o",
                markersize=5,
                linewidth=1.6,
                elinewidth=1.2,
                capsize=2.5,
            )
            ticks.update(channels)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(sorted(ticks)))
        axes.xaxis.set_major_formatter(FixedFormatter([str(tick) for tick in sorted(ticks)]))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set(xlabel="channels", ylabel="test accuracy / %", title=head)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    return figure
