"""A sweep at a glance: how good every trial was, and what it depends on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from qkan.plotting.style import METRIC_LABELS, arm_color, subplots

__all__ = ["Axis", "plot_sweep"]

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
