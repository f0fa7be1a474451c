"""Every seed's result beside one published run: is it one of ours?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from numpy.typing import NDArray

from qkan.plotting.style import METRIC_LABELS, arm_colors, arm_label, subplots

__all__ = ["plot_seeds"]


def plot_seeds(
    results: Mapping[str, Mapping[str, NDArray[np.floating]]],
    intervals: Mapping[str, Mapping[str, tuple[float, float]]],
    published: Mapping[str, Mapping[str, float]],
) -> Figure:
    """Draw one panel a metric and one row an arm: a dot a seed, the mean, the published run.

    Args:
        results: ``{arm: {metric: values}}``, one value a seed.
        intervals: ``{arm: {metric: (low, high)}}``, drawn as a bar: where one more run would fall.
        published: ``{arm: {metric: value}}``, drawn as a diamond.

    Example:
        >>> results = {"quantum": {"val_loss": np.array([1.0, 1.1])}}
        >>> figure = plot_seeds(results, {}, {"quantum": {"val_loss": 1.05}})
        >>> figure.axes[0].get_title()
        'validation loss'
    """
    arms, metrics = list(results), list(next(iter(results.values())))
    colors = arm_colors(arms)
    size = (3.6 * len(metrics) + 1, 0.62 * len(arms) + 1.3)
    figure, axes_of = subplots(1, len(metrics), size, sharey=True)
    for metric, axes in zip(metrics, axes_of, strict=True):
        for row, arm in enumerate(arms):
            values, color = np.asarray(results[arm][metric]), colors[arm]
            # Equal values (accuracies are multiples of 1/30) would hide each other: spread them.
            height = row + np.random.default_rng(0).uniform(-0.2, 0.2, len(values))
            axes.scatter(values, height, s=13, color=color, alpha=0.45, linewidths=0)
            axes.vlines(values.mean(), row - 0.32, row + 0.32, color=color, linewidth=2.2)
            if metric in intervals.get(arm, {}):
                low, high = intervals[arm][metric]
                axes.barh(row, high - low, 0.64, low, color=color, alpha=0.10, zorder=0)
            if metric in published.get(arm, {}):
                style: dict[str, Any] = {"color": color, "markeredgecolor": "white", "zorder": 5}
                axes.plot(published[arm][metric], row, marker="D", markersize=8, **style)
        if metric.endswith("loss"):
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_locator(NullLocator())
        axes.set_title(METRIC_LABELS.get(metric, metric))
        axes.set_yticks(range(len(arms)), [arm_label(arm) for arm in arms])
        axes.tick_params(axis="y", length=0)
        axes.grid(False, axis="y")
        axes.spines["left"].set_visible(False)
    figure.axes[0].invert_yaxis()
    return figure
