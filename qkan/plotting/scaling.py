"""Accuracy against the number of channels, for every kind of feature."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator
from numpy.typing import NDArray

from qkan.plotting.style import arm_color, arm_label, subplots

__all__ = ["plot_scaling"]


def plot_scaling(
    panels: Mapping[str, Mapping[str, Mapping[int, NDArray[np.floating]]]],
) -> Figure:
    """Draw one panel a head: mean and standard deviation of the accuracy against the channels.

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
