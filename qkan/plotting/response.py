"""A filter as a function of its inputs: a curve for one input, a map for two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from qkan.plotting.style import subplots

__all__ = ["Response", "plot_response"]

_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4D4D4D")


@dataclass(frozen=True, eq=False)
class Response:
    """One observable along the inputs that it depends on.

    Attributes:
        name: The title of its panel.
        inputs: The inputs that it depends on.
        values: With two inputs a map, ``(G, G)``, the first input along the first axis; else one
            cut an input, ``(len(inputs), G)``, the other inputs held at one value.
    """

    name: str
    inputs: tuple[int, ...]
    values: NDArray[np.floating]


def plot_response(x: NDArray[np.floating], responses: Sequence[Response]) -> Figure:
    """Draw one panel an observable.

    Args:
        x: The grid of input values, ``(G,)``.
        responses: The observables' values on it.

    Example:
        >>> x = np.linspace(0, 1, 5)
        >>> curve = Response("Z0", (0,), np.cos(np.pi * x)[None])
        >>> product = Response("Z3", (1, 3), np.outer(x, x))
        >>> [axes.get_title() for axes in plot_response(x, [curve, product]).axes[:2]]
        ['Z0', 'Z3']
    """
    columns = min(len(responses), 4)
    rows = -(-len(responses) // columns)
    figure, axes_of = subplots(rows, columns, (2.9 * columns + 0.6, 2.75 * rows))
    panels = list(axes_of)
    for axes, response in zip(panels, responses, strict=False):
        if len(response.inputs) == 2:
            _draw_map(axes, x, response)
        else:
            _draw_cuts(axes, x, response)
        axes.set_title(response.name)
        axes.set_box_aspect(1)
    for axes in panels[len(responses) :]:
        axes.set_visible(False)
    return figure


def _draw_cuts(axes: Axes, x: NDArray[np.floating], response: Response) -> None:
    for k, values in zip(response.inputs, response.values, strict=True):
        axes.plot(x, values, color=_COLORS[k % len(_COLORS)], linewidth=2, label=f"$x_{k}$")
    axes.set(xlim=(x[0], x[-1]), ylim=(-1.08, 1.08), yticks=[-1, 0, 1])
    if len(response.inputs) == 1:
        axes.set_xlabel(f"$x_{response.inputs[0]}$")
    elif response.inputs:
        axes.set_xlabel("pixel")
        axes.legend(frameon=False, fontsize=8, ncols=2, handlelength=1.2)


def _draw_map(axes: Axes, x: NDArray[np.floating], response: Response) -> None:
    levels = np.linspace(-1, 1, 21)
    contours = axes.contourf(x, x, response.values.T, levels=levels, cmap="RdBu_r")
    axes.contour(x, x, response.values.T, levels=[0], colors="#404040", linewidths=0.8)
    first, second = response.inputs
    axes.set(xlabel=f"$x_{first}$", ylabel=f"$x_{second}$")
    axes.grid(False)
    bar = axes.figure.colorbar(contours, ax=axes, shrink=0.8, aspect=18, pad=0.03)
    bar.set_ticks([-1, 0, 1])
    bar.outline.set_visible(False)
