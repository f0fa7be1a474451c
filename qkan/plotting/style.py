"""The look that all figures share: a colour an arm, quiet axes, no global state."""

from __future__ import annotations

import io
from collections.abc import Iterable
from itertools import cycle
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = [
    "METRIC_LABELS",
    "arm_color",
    "arm_colors",
    "arm_label",
    "legend_below",
    "render",
    "subplots",
]

_INK = "#262626"
_COLORS = {
    "quantum": "#0072B2",
    "classical": "#4D4D4D",
    "no_entanglement": "#D55E00",
    "random_features": "#009E73",
    "linear": "#8C8C8C",
    "mlp": "#262626",
    "cnn": "#009E73",
    "kan": "#0072B2",
    "sinekan": "#882255",
    "scipykan": "#56B4E9",
    "tablekan": "#E69F00",
    "quanvolution": "#CC79A7",
    "qkan": "#332288",
}
_LABELS = {
    "quantum": "quantum filter",
    "classical": "raw pixels",
    "no_entanglement": "no entanglement",
    "random_features": "random cosines",
    "linear": "linear",
    "quanvolution": "quanvolution",
    "mlp": "MLP",
    "cnn": "CNN",
    "kan": "KAN",
    "sinekan": "SineKAN",
    "scipykan": "SciPy KAN",
    "tablekan": "table KAN",
    "qkan": "QKAN",
}
_FURTHER = ("#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
_PALETTE = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#4D4D4D", "#999933",
)  # fmt: skip

METRIC_LABELS = {
    "train_loss": "training loss",
    "val_loss": "validation loss",
    "val_accuracy": "validation accuracy",
    "test_loss": "test loss",
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


def arm_colors(arms: Iterable[str]) -> dict[str, str]:
    """Return a colour for every arm of one figure: its own if it has one, else one that is free.

    Example:
        >>> arm_colors(["quantum", "width 8", "width 16"])
        {'quantum': '#0072B2', 'width 8': '#D55E00', 'width 16': '#009E73'}
    """
    names = list(arms)
    taken = {_COLORS[name] for name in names if name in _COLORS}
    free = cycle([color for color in _PALETTE if color not in taken] or _PALETTE)
    return {name: _COLORS.get(name) or next(free) for name in names}


def arm_label(arm: str) -> str:
    """Return how an arm is called in a legend.

    Example:
        >>> arm_label("no_entanglement")
        'no entanglement'
    """
    return _LABELS.get(arm, arm.replace("_", " "))


def legend_below(figure: Figure, columns: int) -> None:
    """Put the legend of the first panel under the figure, in even rows of at most ``columns``."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    rows = -(-len(labels) // columns)
    columns = -(-len(labels) // rows)
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)


def subplots(
    rows: int, columns: int, size: tuple[float, float], **options: Any
) -> tuple[Figure, Iterable[Axes]]:
    """Return a figure of ``size`` inches and its axes, row by row, in the house style."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, np.asarray(axes).ravel().tolist()


def render(figure: Figure, kind: Literal["png", "pdf"]) -> bytes:
    """Return the file that shows ``figure``; it carries no date, so that runs can be compared.

    Example:
        >>> render(Figure(), "png")[1:4]
        b'PNG'
    """
    stream = io.BytesIO()
    dates = {"CreationDate": None} if kind == "pdf" else None
    figure.savefig(stream, format=kind, dpi=160, bbox_inches="tight", metadata=dates)
    return stream.getvalue()
