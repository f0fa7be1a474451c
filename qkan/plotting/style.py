"""The look that all figures share: a colour an arm, quiet axes, no global state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["METRIC_LABELS", "arm_color", "arm_label", "subplots"]

_INK = "#262626"
_COLORS = {
    "quantum": "#0072B2",
    "classical": "#4D4D4D",
    "no_entanglement": "#D55E00",
    "random_features": "#009E73",
}
_LABELS = {
    "quantum": "quantum filter",
    "classical": "raw pixels",
    "no_entanglement": "no entanglement",
    "random_features": "random cosines",
}
_FURTHER = ("#CC79A7", "#E69F00", "#56B4E9", "#F0E442")

METRIC_LABELS = {
    "train_loss": "training loss",
    "val_loss": "validation loss",
    "val_accuracy": "validation accuracy",
    "test_accuracy": "test accuracy",
}
"""How the metrics are called on an axis."""

_STYLE: dict[Any, Any] = {
    "figure.facecolor": "white",
    "figure.dpi": 100,
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.titlepad": 8,
    "axes.edgecolor": "#8C8C8C",
    "axes.labelcolor": _INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.8,
    "text.color": _INK,
    "xtick.color": "#595959",
    "ytick.color": "#595959",
    "xtick.major.size": 3,
    "ytick.major.size": 3,
}


def arm_color(arm: str) -> str:
    """Return the colour of an arm, the same in every figure (Okabe and Ito's safe palette).

    Reference: M. Okabe, K. Ito, "Color Universal Design" (2002).
    """
    return _COLORS.get(arm) or _FURTHER[sum(arm.encode()) % len(_FURTHER)]


def arm_label(arm: str) -> str:
    """Return how an arm is called in a legend.

    Example:
        >>> arm_label("no_entanglement")
        'no entanglement'
    """
    return _LABELS.get(arm, arm.replace("_", " "))


def subplots(
    rows: int, columns: int, size: tuple[float, float], **options: Any
) -> tuple[Figure, Iterable[Axes]]:
    """Return a figure of ``size`` inches and its axes, row by row, in the house style."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, np.asarray(axes).ravel().tolist()
