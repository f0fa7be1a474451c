"""Edges of an additive model over the log-likelihood ratios of their observables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from qkan.plotting.style import legend_below, subplots

__all__ = ["plot_against_ratio"]

Array = NDArray[np.float64]

_COLUMNS = 4


class Edge(Protocol):
    """What is drawn: a curve, the ratio with its error, and the density, at the same points."""

    @property
    def observable(self) -> str: ...
    @property
    def x(self) -> Array: ...
    @property
    def edge(self) -> Array: ...
    @property
    def ratio(self) -> Array: ...
    @property
    def error(self) -> Array: ...
    @property
    def correlation(self) -> float: ...


def plot_against_ratio(edges: Sequence[Edge]) -> Figure:
    """Draw a panel an edge: its curve, and the log-likelihood ratio in bins of as many jets each.

    The bins are so close where there are many jets: the points show the data's density.

    Args:
        edges: In the order of the panels.
    """
    rows = -(-len(edges) // _COLUMNS)
    columns = min(_COLUMNS, len(edges))
    figure, panels = subplots(rows, columns, (3.1 * columns, 2.7 * rows + 0.4))
    panels = list(panels)
    for panel, edge in zip(panels, edges, strict=False):
        panel.errorbar(
            edge.x, edge.ratio, edge.error, color="#4D4D4D", fmt="o", markersize=3,
            linewidth=0.9, label="log-likelihood ratio, ± 1 s.e.",
        )  # fmt: skip
        panel.plot(edge.x, edge.edge, color="#882255", linewidth=2, label="edge function")
        panel.set_title(f"{edge.observable.replace('_', ' ')}, r = {edge.correlation:.2f}")
    for panel in panels[len(edges) :]:
        panel.set_axis_off()
    for panel in panels[: len(edges)][-columns:]:
        panel.set_xlabel("standard deviations")
    for row in range(rows):
        panels[row * columns].set_ylabel("log-odds")
    legend_below(figure, 2)
    return figure
