"""One score of many arms: a dot a seed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from qkan.plotting.style import subplots

__all__ = ["plot_scores"]


def plot_scores(scores: Mapping[str, NDArray[np.floating]], label: str) -> Figure:
    """Draw one row an arm: a dot a seed, a tick at the mean, which is written beside it.

    Args:
        scores: ``{arm: one value a seed}``.
        label: What they are.

    Example:
        >>> plot_scores({"QKAN": np.array([90.0, 92.0])}, "accuracy").axes[0].texts[0].get_text()
        '91.00'
    """
    figure, (axes,) = subplots(1, 1, (6.6, 0.36 * len(scores) + 0.8))
    for row, values in enumerate(scores.values()):
        color = "#0072B2" if row == 0 else "#4D4D4D"
        axes.plot(values, [row] * len(values), "o", color=color, ms=4.5, alpha=0.45, mew=0)
        axes.plot([values.mean()], [row], "|", color=color, ms=14, mew=2)
        axes.annotate(
            f"{values.mean():.2f}",
            (1.01, row),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8.5,
        )
    axes.set_yticks(range(len(scores)), list(scores))
    axes.set_ylim(len(scores) - 0.5, -0.5)
    axes.set_xlabel(label)
    return figure
