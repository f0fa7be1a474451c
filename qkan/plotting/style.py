"""The look that all figures share: a colour an arm, quiet axes, no background, no global state.

Figures are transparent, and their ink is readable on white and on black paper.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from itertools import cycle
from typing import Any, Literal, ParamSpec

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from numpy.typing import NDArray

from circuits.errors import UsageError

__all__ = [
    "GREY",
    "INK",
    "METRIC_LABELS",
    "PALE",
    "PALETTE",
    "arm_colors",
    "arm_label",
    "bare",
    "finite",
    "legend_below",
    "logarithmic",
    "metric_scale",
    "panels",
    "render",
    "styled",
    "subplots",
    "ticks",
    "within_percent",
]

P = ParamSpec("P")
PALETTE = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#AA4499", "#7F7F7F", "#999933",
)  # fmt: skip
"""Colours that can be told apart by everyone (M. Okabe, K. Ito, "Color Universal Design", 2002, and two more)."""
INK, GREY, PALE = "#757575", "#8C8C8C", "#8C8C8C40"
"""Of text and frames, of quiet lines, and of grids, which let the paper through."""

METRIC_LABELS = {
    "train_loss": "training loss",
    "val_loss": "validation loss",
    "val_accuracy": "validation accuracy",
    "test_loss": "test loss",
    "test_accuracy": "test accuracy",
}
"""How the metrics are called on an axis."""

_STYLE: dict[Any, Any] = {
    "figure.facecolor": "none",
    "figure.dpi": 100,
    "font.size": 10,
    "axes.facecolor": "none",
    "axes.titlesize": "medium",
    "axes.titlepad": 8,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": PALE,
    "grid.linewidth": 0.8,
    "legend.fontsize": "small",
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": "small",
    "ytick.labelsize": "small",
    "xtick.major.size": 3,
    "ytick.major.size": 3,
}


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Return a function that draws a figure in the house style, and refuses to draw nothing."""

    @wraps(draw)
    def run(*args: P.args, **options: P.kwargs) -> Figure:
        first: Any = next(iter([*args, *options.values()]), ())
        if not len(first):
            raise UsageError(f"{draw.__name__} got nothing to draw")
        with mpl.rc_context(_STYLE), np.errstate(all="ignore"):  # NaN and infinity are gaps
            return draw(*args, **options)

    return run


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


def metric_scale(metric: str) -> tuple[str, float]:
    """Return how a metric is called on an axis, and what its values are multiplied by: accuracies are in %.

    Example:
        >>> metric_scale("val_accuracy")
        ('validation accuracy / %', 100.0)
    """
    label = METRIC_LABELS.get(metric, metric)
    return (f"{label} / %", 100.0) if metric.endswith("accuracy") else (label, 1.0)


def within_percent(axis: Axis, label: str) -> None:
    """End an axis of accuracies in % at 100."""
    if label.endswith("accuracy / %"):
        low, high = axis.get_view_interval()
        axis.set_view_interval(low, min(high, 100.0), ignore=True)


def legend_below(figure: Figure, columns: int) -> None:
    """Put one legend of all panels under the figure, in even rows of at most ``columns``."""
    named: dict[str, Any] = {}
    for axes in figure.axes:
        named |= {str(label): h for h, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    handles, labels = list(named.values()), list(named)
    rows = max(1, -(-len(labels) // columns))
    columns = -(-len(labels) // rows)
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)


def subplots(
    rows: int, columns: int, size: tuple[float, float], **options: Any
) -> tuple[Figure, list[Axes]]:
    """Return a figure of ``size`` inches and its axes, row by row."""
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
    axes.spines[:].set(visible=True, color=GREY, alpha=0.5)


def finite(*arrays: Any) -> NDArray[np.float64]:
    """Return all finite values of the arrays in one row."""
    values = np.concatenate([np.ravel(np.asarray(array, dtype=np.float64)) for array in arrays])
    kept: NDArray[np.float64] = values[np.isfinite(values)]
    return kept


def logarithmic(axis: Axis, *arrays: Any) -> bool:
    """Make an axis logarithmic, if anything on it is positive, and tell whether it is."""
    positive = bool((finite(*arrays) > 0).any())
    if positive:
        axes: Any = axis.axes
        (axes.set_xscale if axis is axes.xaxis else axes.set_yscale)("log")
    return positive


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
    figure.draw_without_rendering()  # a layout that has not settled differs from one call to the next
    figure.savefig(stream, format=kind, dpi=160, bbox_inches="tight", metadata=dates)
    return stream.getvalue()
