"""Functions of one variable: what edges learned, beside their data, their fits and their harmonics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from qkan.plotting.style import subplots

__all__ = ["EdgeFunction", "Fit", "Harmonics", "plot_edge_functions", "plot_fits", "plot_harmonics"]

_BINS = 60


@dataclass(frozen=True, eq=False)
class EdgeFunction:
    """A learned function, and what comes in.

    Attributes:
        name: The title of its panel.
        x: Where it was evaluated, ``(G,)``.
        y: Its values there, ``(G,)``.
        data: The inputs that it sees, ``(N,)``; those outside ``x`` are counted, not drawn.
        domain: The range that it was made for, drawn as two lines; None draws none.
    """

    name: str
    x: NDArray[np.floating]
    y: NDArray[np.floating]
    data: NDArray[np.floating]
    domain: tuple[float, float] | None = None


def plot_edge_functions(functions: Sequence[EdgeFunction], columns: int = 4) -> Figure:
    """Draw one panel a function: the curve, and a histogram of its inputs under it.

    Where there are no data, nothing was learned: what the curve does there is its extrapolation.

    Args:
        functions: What to draw.
        columns: Panels in a row.

    Example:
        >>> x = np.linspace(-1, 1, 50)
        >>> edge = EdgeFunction("0 to 3", x, np.sin(x), np.random.default_rng(0).normal(0, 0.3, 99))
        >>> plot_edge_functions([edge]).axes[0].get_title()
        '0 to 3'
    """
    columns = min(columns, len(functions))
    rows = -(-len(functions) // columns)
    figure, axes_of = subplots(rows, columns, (2.9 * columns + 0.4, 2.5 * rows))
    panels = list(axes_of)
    for axes, function in zip(panels, functions, strict=False):
        x, y = function.x, function.y
        inside = (function.data >= x[0]) & (function.data <= x[-1])
        density = axes.twinx()
        density.hist(function.data[inside], bins=_BINS, range=(x[0], x[-1]), color="#D9DEE5")
        # Empty space above it keeps the histogram in the lower third.
        density.set(yticks=[], ylim=(0, 3 * max(1.0, density.get_ylim()[1])))
        density.spines[:].set_visible(False)
        density.grid(False)
        axes.set_zorder(density.get_zorder() + 1)
        axes.patch.set_visible(False)
        axes.plot(x, y, color="#0072B2", linewidth=1.9)
        for bound in function.domain or ():
            axes.axvline(bound, color="#8C8C8C", linewidth=0.9, linestyle="--")
        if not inside.all():
            axes.set_xlabel(f"{100 * (1 - inside.mean()):.1f} % of its inputs outside", fontsize=8)
        axes.set(title=function.name, xlim=(x[0], x[-1]))
    for axes in panels[len(functions) :]:
        axes.set_visible(False)
    return figure


@dataclass(frozen=True, eq=False)
class Fit:
    """A function and its fit on the same points.

    Attributes:
        name: The title of its panel.
        x: The points, ``(P,)``.
        y: The function, ``(P,)``.
        fit: The fit, ``(P,)``.
    """

    name: str
    x: NDArray[np.floating]
    y: NDArray[np.floating]
    fit: NDArray[np.floating]


def plot_fits(fits: Sequence[Fit]) -> Figure:
    """Draw one column a function: it and its fit above, the difference below.

    Example:
        >>> x = np.linspace(0, 1, 30)
        >>> len(plot_fits([Fit("square", x, x**2, x**2)]).axes)
        2
    """
    size = (4.0 * len(fits), 3.9)
    ratios = {"height_ratios": [2.4, 1]}
    figure, axes_of = subplots(2, len(fits), size, sharex="col", gridspec_kw=ratios)
    panels = list(axes_of)
    for fit, above, below in zip(fits, panels[: len(fits)], panels[len(fits) :], strict=True):
        every = max(1, len(fit.x) // 40)
        above.plot(fit.x, fit.y, color="#8C8C8C", linewidth=2.4, label="function")
        above.plot(fit.x[::every], fit.fit[::every], ".", color="#0072B2", ms=5, label="fit")
        above.set_title(fit.name)
        below.plot(fit.x, fit.fit - fit.y, color="#D55E00", linewidth=1)
        below.set(xlabel="x", ylabel="difference")
        below.ticklabel_format(axis="y", style="sci", scilimits=(-2, 2))
        below.margins(x=0)
    panels[0].legend(frameon=False)
    return figure


_COLUMNS = 4


@dataclass(frozen=True, eq=False)
class Harmonics:
    """One edge, and the waves that it is the sum of.

    Attributes:
        name: The title of its panel.
        x: Where it is evaluated, ``(P,)``.
        y: Its values, ``(P,)``.
        waves: The constant, then one wave a harmonic, ``(degree + 1, P)``; None if it has none.
        formula: The values of a formula for it, ``(P,)``, or None.
    """

    name: str
    x: NDArray[np.floating]
    y: NDArray[np.floating]
    waves: NDArray[np.floating] | None = None
    formula: NDArray[np.floating] | None = None


def plot_harmonics(edges: Sequence[Harmonics]) -> Figure:
    """Draw one panel an edge: its curve (thick), its harmonics (thin), and a formula for it (dots).

    Example:
        >>> x = np.linspace(0, 1, 20)
        >>> plot_harmonics([Harmonics("x0 to y0", x, np.cos(x), np.stack([0 * x, np.cos(x)]))]).axes[0].get_title()
        'x0 to y0'
    """
    columns = min(len(edges), _COLUMNS)
    rows = -(-len(edges) // columns)
    figure, axes_of = subplots(rows, columns, (2.8 * columns + 0.5, 2.3 * rows + 0.4))
    panels = list(axes_of)
    for axes, edge in zip(panels, edges, strict=False):
        waves = () if edge.waves is None else edge.waves[1:]
        highest = len(waves)
        for k, wave in enumerate(waves, start=1):
            shade = 0.35 + 0.5 * (1 - k / highest)
            axes.plot(
                edge.x, wave, color="#D55E00", alpha=shade, linewidth=1, label=_label(k, highest)
            )
        axes.plot(edge.x, edge.y, color="#0072B2", linewidth=2.2, label="edge")
        if edge.formula is not None:
            step = max(1, len(edge.x) // 18)
            axes.plot(
                edge.x[::step], edge.formula[::step], ".", color="#262626", ms=5, label="formula"
            )
        axes.set_title(edge.name)
        axes.margins(x=0)
    for axes in panels[len(edges) :]:
        axes.set_visible(False)
    handles: dict[str, Any] = {}
    for axes in panels[: len(edges)]:
        found, labels = axes.get_legend_handles_labels()
        handles |= dict(zip(labels, found, strict=True))
    figure.legend(
        list(handles.values()), list(handles), loc="outside lower center", ncols=4, frameon=False
    )
    return figure


def _label(k: int, highest: int) -> str | None:
    """Label the first wave for all of them."""
    if k > 1:
        return None
    return "harmonics 1 (darker) to last (paler)" if highest > 1 else "harmonic"
