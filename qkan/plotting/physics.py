"""Filters on images, and taggers of jets, as physicists draw them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from circuits.errors import UsageError
from qkan.plotting.style import (
    GREY,
    INK,
    PALETTE,
    arm_colors,
    arm_label,
    bare,
    legend_below,
    logarithmic,
    panels,
    styled,
    subplots,
)

__all__ = [
    "Response",
    "plot_against_ratio",
    "plot_channels",
    "plot_feature_errors",
    "plot_reliability",
    "plot_response",
    "plot_rocs",
]

Array = NDArray[np.floating]

_COLUMNS = 4
_LEAST_SIGNAL = 0.2
"""Below this signal efficiency a few jets of background are left of thousands, too few to tell a rejection."""


@styled
def plot_channels(images: Array, features: Array, names: Sequence[str]) -> Figure:
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
    figure, every = subplots(rows, columns, (1.55 * columns + 0.7, 1.55 * rows + 0.35))
    grid = np.array(every, dtype=object).reshape(rows, columns)
    for row, image, maps in zip(grid, images, features, strict=True):
        row[0].imshow(image, cmap="gray_r", vmin=0, vmax=1)
        for axes, channel in zip(row[1:], maps, strict=True):
            mesh = axes.imshow(channel, cmap="RdBu_r", vmin=-1, vmax=1)
    for axes, title in zip(grid[0], ["input", *names], strict=True):
        axes.set_title(title, loc="center")
    for axes in every:
        bare(axes)
    bar = figure.colorbar(mesh, ax=every, shrink=0.5, aspect=30, pad=0.015)
    bar.set_label("expectation value")
    bar.set_ticks([-1, 0, 1])
    bar.outline.set_visible(False)
    return figure


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
    values: Array


@styled
def plot_response(x: Array, responses: Sequence[Response]) -> Figure:
    """Draw one panel an observable: a curve for each input, or a map where there are two.

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
    if len(x) < 2:
        raise UsageError(f"expected a grid of two input values or more, got {len(x)}")
    figure, every = panels(len(responses), _COLUMNS, (2.9, 2.75), (0.6, 0))
    for axes, response in zip(every, responses, strict=True):
        (_draw_map if len(response.inputs) == 2 else _draw_cuts)(axes, x, response)
        axes.set_title(response.name)
        axes.set_box_aspect(1)
    return figure


def _draw_cuts(axes: Axes, x: Array, response: Response) -> None:
    for k, values in zip(response.inputs, response.values, strict=True):
        axes.plot(x, values, color=PALETTE[k % len(PALETTE)], linewidth=2, label=f"$x_{k}$")
    axes.set(ylim=(-1.08, 1.08), yticks=[-1, 0, 1])
    axes.margins(x=0)
    if len(response.inputs) == 1:
        axes.set_xlabel(f"$x_{response.inputs[0]}$")
    elif response.inputs:
        axes.set_xlabel("pixel")
        axes.legend(ncols=2, handlelength=1.2)


def _draw_map(axes: Axes, x: Array, response: Response) -> None:
    levels = np.linspace(-1, 1, 21)
    contours = axes.contourf(x, x, response.values.T, levels=levels, cmap="RdBu_r")
    axes.contour(x, x, response.values.T, levels=[0], colors="#404040", linewidths=0.8)
    first, second = response.inputs
    axes.set(xlabel=f"$x_{first}$", ylabel=f"$x_{second}$")
    axes.grid(False)
    bar = axes.figure.colorbar(contours, ax=axes, shrink=0.8, aspect=18, pad=0.03)
    bar.set_ticks([-1, 0, 1])
    bar.outline.set_visible(False)


@styled
def plot_feature_errors(
    shots: NDArray[np.integer],
    errors: Mapping[str, Array],
    limits: Mapping[str, float],
    predicted: Array,
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
    alone: dict[str, Any] = {"color": GREY, "linewidth": 4, "alpha": 0.5}
    axes.plot(shots, predicted, label="sampling alone, predicted", **alone)
    for (name, values), color in zip(errors.items(), arm_colors(errors).values(), strict=True):
        axes.plot(shots, values, color=color, marker="o", markersize=4, linewidth=1.4, label=name)
        if limits[name] > 0:
            axes.axhline(limits[name], color=color, linestyle=":", linewidth=1.2)
    logarithmic(axes.xaxis, shots)
    logarithmic(axes.yaxis, predicted, *errors.values())
    axes.set(xlabel="shots a circuit", ylabel="RMS error of a feature")
    figure.legend(loc="outside right upper")
    return figure


@styled
def plot_rocs(curves: Mapping[str, tuple[Array, Array]]) -> Figure:
    r"""Draw, against the signal efficiency, the background rejection and the significance improvement.

    Args:
        curves: ``{tagger: (signal efficiencies, background efficiencies)}``.

    Example:
        >>> grid = np.linspace(0, 1, 11)
        >>> [axes.get_ylabel() for axes in plot_rocs({"mlp": (grid, grid**2)}).axes]
        ['background rejection $1/\\varepsilon_b$', 'significance improvement $\\varepsilon_s/\\sqrt{\\varepsilon_b}$']
    """
    figure, (rejection, improvement) = subplots(1, 2, (9.4, 4.1))
    colors = arm_colors(curves)
    for name, (signal, background) in curves.items():
        shown = (signal >= _LEAST_SIGNAL) & (background > 0)
        s, b = signal[shown], background[shown]
        style: dict[str, Any] = {"color": colors[name], "label": arm_label(name), "linewidth": 1.5}
        rejection.plot(s, 1 / b, **style)
        improvement.plot(s, s / np.sqrt(b), **style)
    chance = np.linspace(_LEAST_SIGNAL, 1, 100)
    rejection.plot(chance, 1 / chance, color=GREY, linestyle=":", linewidth=1)
    rejection.set(yscale="log", ylabel=r"background rejection $1/\varepsilon_b$")
    improvement.set_ylabel(r"significance improvement $\varepsilon_s/\sqrt{\varepsilon_b}$")
    for axes in (rejection, improvement):
        axes.set(xlabel=r"signal efficiency $\varepsilon_s$", xlim=(_LEAST_SIGNAL, 1))
    legend_below(figure, 5)
    return figure


@styled
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
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1.2)
    for name, (mean, fraction, share) in bins.items():
        axes.plot(mean, fraction, color=colors[name], linewidth=1.2, label=arm_label(name))
        dots: dict[str, Any] = {"color": colors[name], "alpha": 0.65, "linewidths": 0}
        axes.scatter(mean, fraction, s=15 + 250 * share, **dots)
    axes.set(xlabel="predicted probability of signal", ylabel="fraction of signal", aspect="equal")
    legend_below(figure, 3)
    return figure


class Edge(Protocol):
    """A curve, the ratio with its error, and their correlation, at the same points."""

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


@styled
def plot_against_ratio(edges: Sequence[Edge]) -> Figure:
    """Draw a panel an edge of an additive model: its curve, and the log-likelihood ratio in bins of as many jets each.

    The bins are so close where there are many jets: the points show the data's density.

    Args:
        edges: In the order of the panels.
    """
    figure, every = panels(len(edges), _COLUMNS, (3.1, 2.7), (0, 0.4))
    columns = min(_COLUMNS, len(edges))
    points: dict[str, Any] = {"color": INK, "fmt": "o", "markersize": 3, "linewidth": 0.9}
    for axes, edge in zip(every, edges, strict=True):
        label = "log-likelihood ratio, ± 1 s.e."
        axes.errorbar(edge.x, edge.ratio, edge.error, label=label, **points)
        axes.plot(edge.x, edge.edge, color=PALETTE[6], linewidth=2, label="edge function")
        axes.set_title(f"{edge.observable.replace('_', ' ')}, r = {edge.correlation:.2f}")
    for axes in every[-columns:]:
        axes.set_xlabel("standard deviations")
    for axes in every[::columns]:
        axes.set_ylabel("log-odds")
    legend_below(figure, 2)
    return figure
