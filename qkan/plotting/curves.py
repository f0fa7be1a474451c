"""Loss and accuracy of all arms, epoch by epoch, with the spread over seeds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from qkan.plotting.style import METRIC_LABELS, arm_colors, arm_label, legend_below, subplots

__all__ = ["plot_curves"]


def plot_curves(
    histories: Mapping[str, Mapping[str, NDArray[np.floating]]],
) -> Figure:
    """Draw one panel a metric: mean (line) and standard deviation (band) of every arm.

    Args:
        histories: ``{arm: {metric: values}}``; losses are drawn on a logarithmic axis.

    Shape:
        Each array is ``(seeds, epochs)``.

    Example:
        >>> arm = {"train_loss": np.ones((3, 5)), "val_accuracy": np.ones((3, 5))}
        >>> [axes.get_title() for axes in plot_curves({"quantum": arm}).axes]
        ['training loss', 'validation accuracy']
    """
    metrics, colors = list(next(iter(histories.values()))), arm_colors(histories)
    figure, axes_of = subplots(1, len(metrics), (3.7 * len(metrics), 3.5))
    for metric, axes in zip(metrics, axes_of, strict=True):
        for arm, history in histories.items():
            values = history[metric]
            epochs = np.arange(1, values.shape[1] + 1)
            mean, sd = values.mean(axis=0), values.std(axis=0, ddof=min(1, len(values) - 1))
            color = colors[arm]
            marker = "o" if len(epochs) == 1 else None  # a line of one point is not seen
            label = arm_label(arm)
            axes.plot(epochs, mean, marker=marker, color=color, linewidth=1.8, label=label)
            lowest = values.min(axis=0) if metric.endswith("loss") else -np.inf
            axes.fill_between(
                epochs, np.maximum(mean - sd, lowest), mean + sd, color=color, alpha=0.13, lw=0
            )
        axes.set_title(METRIC_LABELS.get(metric, metric))
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if metric.endswith("loss"):
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_locator(NullLocator())
    legend_below(figure, max(3, 2 * len(metrics)))
    return figure
