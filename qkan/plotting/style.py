"""The look that all figures share: a colour an arm, quiet axes, no global state."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from itertools import cycle
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

__all__ = [
    "GREY",
    "METRIC_LABELS",
    "PALETTE",
    "arm_colors",
    "arm_label",
    "bare",
    "legend_below",
    "panels",
    "render",
    "subplots",
    "ticks",
]

_INK = "#262626"
PALETTE = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#4D4D4D", "#999933",
)  # fmt: skip
"""Colours that can be told apart by everyone (M. Okabe, K. Ito, "Color Universal Design", 2002, and two more)."""
GREY = "#8C8C8C"

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
    "axes.edgecolor": GREY,
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


def arm_colors(arms: Iterable[str]) -> dict[str, str]:
    """Return a colour for every arm, in order: figures of the same arms give each the same one.

    Example:
        >>> arm_colors(["quantum", "classical"])
        {'quantum': '#0072B2', 'classical': '#D55E00'}
    """
    return dict(zip(arms, cycle(PALETTE), strict=False))


def arm_label(arm: str) -> str:
    """Return how an arm is called in a legend; who wants another name gives the arm that name.

    Example:
        >>> arm_label("no_entanglement")
        'no entanglement'
    """
    return arm.replace("_", " ")


def legend_below(figure: Figure, columns: int) -> None:
    """Put the legend of the first panel under the figure, in even rows of at most ``columns``."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    rows = -(-len(labels) // columns)
    columns = -(-len(labels) // rows)
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)


def subplots(
    rows: int, columns: int, size: tuple[float, float], **options: Any
) -> tuple[Figure, list[Axes]]:
    """Return a figure of ``size`` inches and its axes, row by row, in the house style."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, np.asarray(axes).ravel().tolist()


def panels(
    count: int, columns: int, size: tuple[float, float], margin: tuple[float, float], **options: Any
) -> tuple[Figure, list[Axes]]:
    """Return a figure with ``count`` panels of ``size`` inches, at most ``columns`` in a row, and a margin."""
    columns = min(columns, count)
    rows = -(-count // columns)
    whole = (size[0] * columns + margin[0], size[1] * rows + margin[1])
    figure, axes = subplots(rows, columns, whole, **options)
    for spare in axes[count:]:
        spare.set_visible(False)
    return figure, axes[:count]


def bare(axes: Axes) -> None:
    """Leave of the axes a thin frame alone, as around an image."""
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    axes.spines[:].set(visible=True, color="#BFBFBF")


def ticks(axis: Axis, steps: Sequence[float]) -> None:
    """Label a logarithmic axis with plain numbers at these steps of a decade."""
    axis.set_major_locator(LogLocator(subs=steps))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())


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
