"""Taggers as physicists draw them: background rejection against signal efficiency, and calibration."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from qkan.plotting.style import arm_colors, arm_label, legend_below, subplots

__all__ = ["plot_reliability", "plot_rocs"]

Array = NDArray[np.float64]

_LEAST_SIGNAL = 0.2
"""Below this signal efficiency a few jets of background are left of thousands, too few to tell a rejection."""


def plot_rocs(curves: Mapping[str, tuple[Array, Array]]) -> Figure:
    """Draw, against the signal efficiency, the background rejection and the significance improvement.

    Args:
        curves: ``{tagger: (signal efficiencies, background efficiencies)}``.

    Example:
        >>> grid = np.linspace(0, 1, 11)
        >>> [axes.get_ylabel() for axes in plot_rocs({"mlp": (grid, grid**2)}).axes]
        ['background rejection 1/ε_b', 'significance improvement ε_s/√ε_b']
    """
    figure, (rejection, improvement) = subplots(1, 2, (9.4, 4.1))
    colors = arm_colors(curves)
    for name, (signal, background) in curves.items():
        shown = (signal >= _LEAST_SIGNAL) & (background > 0)
        s, b = signal[shown], background[shown]
        color, label = colors[name], arm_label(name)
        rejection.plot(s, 1 / b, color=color, linewidth=1.5, label=label)
        improvement.plot(s, s / np.sqrt(b), color=color, linewidth=1.5, label=label)
    chance = np.linspace(_LEAST_SIGNAL, 1, 100)
    rejection.plot(chance, 1 / chance, color="#A6A6A6", linestyle=":", linewidth=1)
    rejection.set_yscale("log")
    rejection.set_ylabel("background rejection 1/ε_b")
    improvement.set_ylabel("significance improvement ε_s/√ε_b")
    for axes in (rejection, improvement):
        axes.set_xlabel("signal efficiency ε_s")
        axes.set_xlim(_LEAST_SIGNAL, 1)
    legend_below(figure, 5)
    return figure


def plot_reliability(bins: Mapping[str, tuple[Array, Array, Array]]) -> Figure:
    """Draw the fraction of signal against the predicted probability; the size of a point is its share of jets.

    Args:
        bins: ``{tagger: (mean prediction, fraction of signal, share of jets)}``, bin by bin.

    Example:
        >>> bins = {"mlp": (np.array([0.2, 0.8]), np.array([0.25, 0.7]), np.array([0.5, 0.5]))}
        >>> plot_reliability(bins).axes[0].get_xlabel()
        'predicted probability of signal'
    """
    figure, (axes,) = subplots(1, 1, (5.0, 4.8))
    colors = arm_colors(bins)
    axes.plot([0, 1], [0, 1], color="#A6A6A6", linestyle=":", linewidth=1.2)
    for name, (mean, fraction, share) in bins.items():
        color = colors[name]
        axes.plot(mean, fraction, color=color, linewidth=1.2, label=arm_label(name))
        axes.scatter(mean, fraction, s=15 + 250 * share, color=color, alpha=0.65, linewidths=0)
    axes.set_xlabel("predicted probability of signal")
    axes.set_ylabel("fraction of signal")
    axes.set_aspect("equal")
    legend_below(figure, 3)
    return figure
