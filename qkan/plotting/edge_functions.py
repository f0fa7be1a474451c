"""Learned functions of one variable, with the density of the data that they see under them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from qkan.plotting.style import subplots

__all__ = ["EdgeFunction", "plot_edge_functions"]

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
