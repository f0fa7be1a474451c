"""A curve beside the harmonics that it is the sum of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from qkan.plotting.style import subplots

__all__ = ["Harmonics", "plot_harmonics"]

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
