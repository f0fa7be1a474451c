"""Filters on images, and taggers of jets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from qkan.plotting.style import arm_colors, arm_label, legend_below, subplots

__all__ = [
    "Response",
    "plot_against_ratio",
    "plot_channels",
    "plot_feature_errors",
    "plot_reliability",
    "plot_response",
    "plot_rocs",
]


def plot_channels(
    images: NDArray[np.floating], features: NDArray[np.floating], names: Sequence[str]
) -> Figure:
    """Draw one image a row: the input, then its channels on one scale from -1 to 1.

    Args:
        images: Grey values, 0 to 1.
        features: Expectation values, -1 to 1.
        names: One title a channel.

    Shape:
        ``images`` ``(N, H, W)``, ``features`` ``(N, C, H', W')``.

    Example:
        >>> figure = plot_channels(np.zeros((2, 4, 4)), np.zeros((2, 3, 2, 2)), ["a", "b", "c"])
        >>> len(figure.axes)  # two rows of four, and the colour bar
        9
    """
    rows, columns = len(images), features.shape[1] + 1
    figure, flat = subplots(rows, columns, (1.55 * columns + 0.7, 1.55 * rows + 0.35))
    grid = np.array(flat, dtype=object).reshape(rows, columns)
    for row, image, maps in zip(grid, images, features, strict=True):
        row[0].imshow(image, cmap="gray_r", vmin=0, vmax=1)
        for axes, channel in zip(row[1:], maps, strict=True):
            mesh = axes.imshow(channel, cmap="RdBu_r", vmin=-1, vmax=1)
    for axes, title in zip(grid[0], ["input", *names], strict=True):
        axes.set_title(title, loc="center")
    for axes in grid.ravel():
        axes.set(xticks=[], yticks=[])
        axes.grid(False)
        axes.spines[:].set(visible=True, color="#BFBFBF")
    bar = figure.colorbar(mesh, ax=grid.ravel().tolist(), shrink=0.5, aspect=30, pad=0.015)
    bar.set_label("expectation value")
    bar.set_ticks([-1, 0, 1])
    bar.outline.set_visible(False)
    return figure


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


def plot_feature_errors(
    shots: NDArray[np.integer],
    errors: Mapping[str, NDArray[np.floating]],
    limits: Mapping[str, float],
    predicted: NDArray[np.floating],
) -> Figure:
    """Draw a line for each noise, the limit of many shots as a dotted one, and the prediction for shots alone.

    Args:
        shots: The numbers of shots.
        errors: For each noise the root mean square error with each of them.
        limits: For each noise the error without shots; 0 where there is none.
        predicted: The error that sampling alone has.

    Example:
        >>> shots = np.array([100, 400])
        >>> figure = plot_feature_errors(shots, {"none": np.array([0.1, 0.05])}, {"none": 0.0}, 1 / np.sqrt(shots))
        >>> len(figure.axes[0].lines)
        2
    """
    figure, (axes,) = subplots(1, 1, (5.6, 3.6))
    axes.plot(
        shots, predicted, color="0.6", linewidth=4, alpha=0.5, label="sampling alone, predicted"
    )
    for name, values in errors.items():
        (line,) = axes.plot(shots, values, marker="o", markersize=4, linewidth=1.4, label=name)
        if limits[name] > 0:
            axes.axhline(limits[name], color=line.get_color(), linestyle=":", linewidth=1.2)
    axes.set(xscale="log", yscale="log", xlabel="shots a circuit", ylabel="RMS error of a feature")
    figure.legend(loc="outside right upper", frameon=False)
    return figure


Array = NDArray[np.float64]

_LEAST_SIGNAL = 0.2
"""Below this signal efficiency a few jets of background are left of thousands, too few to tell a rejection."""


def plot_rocs(curves: Mapping[str, tuple[Array, Array]]) -> Figure:
    """Draw, against the signal efficiency, the background rejection and the significance improvement.

    Args:
        curves: ``{tagger: (signal efficiencies, background efficiencies)}``.

    Example:
        >>> grid = np.linspace(0, 1, 11)
        >>> [axes.get_ylabel() for axes in plot_rocs({"mlp": (grid, grid**2)}).axes]
        ['background rejection 1/ε_b', 'significance improvement ε_s/√ε_b']
    """
    figure, (rejection, improvement) = subplots(1, 2, (9.4, 4.1))
    colors = arm_colors(curves)
    for name, (signal, background) in curves.items():
        shown = (signal >= _LEAST_SIGNAL) & (background > 0)
        s, b = signal[shown], background[shown]
        color, label = colors[name], arm_label(name)
        rejection.plot(s, 1 / b, color=color, linewidth=1.5, label=label)
        improvement.plot(s, s / np.sqrt(b), color=color, linewidth=1.5, label=label)
    chance = np.linspace(_LEAST_SIGNAL, 1, 100)
    rejection.plot(chance, 1 / chance, color="#A6A6A6", linestyle=":", linewidth=1)
    rejection.set_yscale("log")
    rejection.set_ylabel("background rejection 1/ε_b")
    improvement.set_ylabel("significance improvement ε_s/√ε_b")
    for axes in (rejection, improvement):
        axes.set_xlabel("signal efficiency ε_s")
        axes.set_xlim(_LEAST_SIGNAL, 1)
    legend_below(figure, 5)
    return figure


def plot_reliability(bins: Mapping[str, tuple[Array, Array, Array]]) -> Figure:
    """Draw the fraction of signal against the predicted probability; the size of a point is its share of jets.

    Args:
        bins: ``{tagger: (mean prediction, fraction of signal, share of jets)}``, bin by bin.

    Example:
        >>> bins = {"mlp": (np.array([0.2, 0.8]), np.array([0.25, 0.7]), np.array([0.5, 0.5]))}
        >>> plot_reliability(bins).axes[0].get_xlabel()
        'predicted probability of signal'
    """
    figure, (axes,) = subplots(1, 1, (5.0, 4.8))
    colors = arm_colors(bins)
    axes.plot([0, 1], [0, 1], color="#A6A6A6", linestyle=":", linewidth=1.2)
    for name, (mean, fraction, share) in bins.items():
        color = colors[name]
        axes.plot(mean, fraction, color=color, linewidth=1.2, label=arm_label(name))
        axes.scatter(mean, fraction, s=15 + 250 * share, color=color, alpha=0.65, linewidths=0)
    axes.set_xlabel("predicted probability of signal")
    axes.set_ylabel("fraction of signal")
    axes.set_aspect("equal")
    legend_below(figure, 3)
    return figure


Array = NDArray[np.float64]

_PANELS = 4


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
    rows = -(-len(edges) // _PANELS)
    columns = min(_PANELS, len(edges))
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
