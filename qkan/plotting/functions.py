"""Functions of one variable: what edges learned, beside their data, their fits and their harmonics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from qkan.plotting.style import GREY, INK, PALETTE, legend_below, panels, styled, subplots

__all__ = [
    "EdgeFunction",
    "Harmonics",
    "plot_edge_functions",
    "plot_fits",
    "plot_harmonics",
]

Array = NDArray[np.floating]

_BINS = 60
_COLUMNS = 4


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
    x: Array
    y: Array
    data: Array
    domain: tuple[float, float] | None = None


@styled
def plot_edge_functions(functions: Sequence[EdgeFunction], columns: int = _COLUMNS) -> Figure:
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
    figure, every = panels(len(functions), columns, (2.9, 2.5), (0.4, 0))
    for axes, function in zip(every, functions, strict=True):
        x = function.x
        inside = (function.data >= x[0]) & (function.data <= x[-1])
        density = axes.twinx()
        density.hist(function.data[inside], bins=_BINS, range=(x[0], x[-1]), color=GREY, alpha=0.4)
        # Empty space above it keeps the histogram in the lower third.
        density.set(yticks=[], ylim=(0, 3 * max(1.0, density.get_ylim()[1])))
        density.spines[:].set_visible(False)
        density.grid(False)
        axes.set_zorder(density.get_zorder() + 1)
        axes.patch.set_visible(False)
        axes.plot(x, function.y, color=PALETTE[0], linewidth=1.9)
        for bound in function.domain or ():
            axes.axvline(bound, color=GREY, linewidth=0.9, linestyle="--")
        if not inside.all():
            axes.set_xlabel(
                f"{100 * (1 - inside.mean()):.1f} % of its inputs outside", fontsize="small"
            )
        axes.set(title=function.name, xlim=(x[0], x[-1]) if x[0] < x[-1] else None)
    return figure


@styled
def plot_fits(fits: Mapping[str, tuple[Array, Array, Array]]) -> Figure:
    """Draw one column a function: it and its fit above, the difference below.

    Args:
        fits: ``{title: (points, function, fit)}``.

    Example:
        >>> x = np.linspace(0, 1, 30)
        >>> len(plot_fits({"square": (x, x**2, x**2)}).axes)
        2
    """
    ratios = {"height_ratios": [2.4, 1]}
    figure, every = subplots(2, len(fits), (4.0 * len(fits), 3.9), sharex="col", gridspec_kw=ratios)
    columns = zip(fits.items(), every[: len(fits)], every[len(fits) :], strict=True)
    for (name, (x, y, fit)), above, below in columns:
        step = max(1, len(x) // 40)
        above.plot(x, y, color=GREY, linewidth=2.4, label="function")
        above.plot(x[::step], fit[::step], ".", color=PALETTE[0], ms=5, label="fit")
        above.set_title(name)
        below.plot(x, fit - y, color=PALETTE[1], linewidth=1)
        below.set(xlabel="x", ylabel="difference")
        below.ticklabel_format(axis="y", style="sci", scilimits=(-2, 2))
        below.margins(x=0)
    every[0].legend()
    return figure


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
    x: Array
    y: Array
    waves: Array | None = None
    formula: Array | None = None


@styled
def plot_harmonics(edges: Sequence[Harmonics]) -> Figure:
    """Draw one panel an edge: its curve (thick), its harmonics (thin), and a formula for it (dots).

    Example:
        >>> x = np.linspace(0, 1, 20)
        >>> plot_harmonics([Harmonics("x0 to y0", x, np.cos(x), np.stack([0 * x, np.cos(x)]))]).axes[0].get_title()
        'x0 to y0'
    """
    figure, every = panels(len(edges), _COLUMNS, (2.8, 2.3), (0.5, 0.4))
    for axes, edge in zip(every, edges, strict=True):
        waves = () if edge.waves is None else edge.waves[1:]
        highest = len(waves)
        # The first wave is labelled for all of them.
        label = "harmonics 1 (darker) to last (paler)" if highest > 1 else "harmonic"
        for k, wave in enumerate(waves):
            shade = 0.35 + 0.5 * (1 - (k + 1) / highest)
            name = None if k else label
            axes.plot(edge.x, wave, color=PALETTE[1], alpha=shade, linewidth=1, label=name)
        axes.plot(edge.x, edge.y, color=PALETTE[0], linewidth=2.2, label="edge")
        if edge.formula is not None:
            x, dots = (row[:: max(1, len(edge.x) // 18)] for row in (edge.x, edge.formula))
            axes.plot(x, dots, ".", color=INK, ms=5, label="formula")
        axes.set_title(edge.name)
        axes.margins(x=0)
    legend_below(figure, 4)
    return figure
