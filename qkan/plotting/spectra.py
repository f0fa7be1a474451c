"""What edges and circuits can be: spectra, clouds of Fourier coefficients, variances of gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter
from numpy.typing import NDArray

from qkan.plotting.style import PALETTE, finite, logarithmic, styled, subplots

__all__ = ["plot_clouds", "plot_gradient_variances", "plot_spectra"]

_QUANTILES = ((0.05, 0.95, 0.18), (0.25, 0.75, 0.35))
_PANELS = 5


@styled
def plot_spectra(amplitudes: Mapping[str, NDArray[np.floating]]) -> Figure:
    """Draw one panel a layer: of each harmonic's amplitude the median, and where half and 90 % of the edges lie.

    Args:
        amplitudes: ``{layer: amplitudes}``; the first row is the constant.

    Shape:
        ``(degree + 1, in, out)`` each.

    Example:
        >>> figure = plot_spectra({"layer 0": np.ones((4, 3, 2))})
        >>> figure.axes[0].get_xlabel()
        'harmonic'
    """
    figure, every = subplots(1, len(amplitudes), (3.9 * len(amplitudes), 3.1))
    for (name, rows), axes in zip(amplitudes.items(), every, strict=True):
        values = rows.reshape(len(rows), -1)
        for k, row in enumerate(values):
            for low, high, alpha in _QUANTILES:
                bottom, top = np.quantile(row, [low, high])
                axes.bar(k, top - bottom, 0.72, bottom, color=PALETTE[0], alpha=alpha, linewidth=0)
            axes.plot([k - 0.36, k + 0.36], [np.median(row)] * 2, color=PALETTE[0], linewidth=2)
        axes.set(xlabel="harmonic", ylabel="amplitude", title=f"{name}: {values.shape[1]:,} edges")
        axes.set_ylim(bottom=0)
        if len(values) <= 12:
            axes.set_xticks(range(len(values)))
    return figure


@styled
def plot_clouds(clouds: Mapping[str, NDArray[np.complexfloating]]) -> Figure:
    """Draw one row a cloud and one panel a harmonic: a dot for each setting of the weights.

    Constants are real; they lie on the horizontal axis. Of many harmonics the first ones and the last are drawn.

    Args:
        clouds: ``{name: coefficients}``, with equally many harmonics.

    Shape:
        ``(samples, degree + 1)`` each.

    Example:
        >>> cloud = np.exp(2j * np.pi * np.random.default_rng(0).random((50, 3)))
        >>> [axes.get_title() for axes in plot_clouds({"circuit": cloud}).axes]
        ['$c_{0}$', '$c_{1}$', '$c_{2}$']
    """
    degree = next(iter(clouds.values())).shape[1] - 1
    shown = list(range(degree + 1))
    if len(shown) > _PANELS:
        shown = [*shown[: _PANELS - 1], degree]
    size = (2.0 * len(shown) + 0.9, 2.05 * len(clouds) + 0.5)
    figure, every = subplots(len(clouds), len(shown), size, sharex="col", sharey="col")
    grid = np.array(every, dtype=object).reshape(len(clouds), len(shown))
    for row, (name, cloud), color in zip(grid, clouds.items(), cycle(PALETTE), strict=False):
        for axes, k in zip(row, shown, strict=True):
            axes.plot(cloud[:, k].real, cloud[:, k].imag, ".", color=color, ms=3, alpha=0.35, mew=0)
            axes.set_box_aspect(1)
            axes.locator_params(nbins=4)
        row[0].set_ylabel(name)
    for top, k in zip(grid[0], shown, strict=True):
        reach = (
            finite([0.0], *(np.abs(cloud[:, k]) for cloud in clouds.values())).max() * 1.08 or 1.0
        )
        top.set(title=f"$c_{{{k}}}$", xlim=(-reach, reach), ylim=(-reach, reach))
    return figure


@styled
def plot_gradient_variances(
    variances: NDArray[np.floating], wires: Sequence[int], depths: Sequence[int]
) -> Figure:
    """Draw the variances on a logarithmic axis: parallel lines, ever lower, are a barren plateau.

    Args:
        variances: One row a width, one column a depth.
        wires: The widths.
        depths: The depths.

    Shape:
        variances: ``(wires, depths)``

    Example:
        >>> plot_gradient_variances(np.full((2, 3), 0.1), [2, 4], [1, 2, 3]).axes[0].get_xlabel()
        'depth'
    """
    figure, (axes,) = subplots(1, 1, (4.8, 3.3))
    shades = np.linspace(0.35, 1, len(wires))
    for row, width, shade in zip(variances, wires, shades, strict=True):
        label = f"{width} wire{'' if width == 1 else 's'}"
        axes.plot(
            depths, row, "o-", color=PALETTE[0], alpha=shade, ms=4, linewidth=1.6, label=label
        )
    axes.set(xlabel="depth", ylabel="variance of the gradient")
    logarithmic(axes.yaxis, variances)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    # A single decade at least, so that noise does not look like a plateau.
    low, high = axes.get_ylim()
    if low > 0 and high < 10 * low:
        middle = np.sqrt(low * high)
        axes.set_ylim(middle / 10**0.5, middle * 10**0.5)
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.legend()
    return figure
