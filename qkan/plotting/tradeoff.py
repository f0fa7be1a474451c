"""What each arm reaches against what it costs: parameters, width, time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from qkan.plotting.style import arm_colors, arm_label, legend_below, subplots

__all__ = ["Measured", "plot_tradeoff"]

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
