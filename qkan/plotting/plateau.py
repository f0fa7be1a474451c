"""The variance of gradients against depth, one line a width."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter
from numpy.typing import NDArray

from qkan.plotting.style import subplots

__all__ = ["plot_gradient_variances"]


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
        axes.plot(depths, row, "o-", color="#0072B2", alpha=shade, ms=4, linewidth=1.6, label=label)
    axes.set(xlabel="depth", ylabel="variance of the gradient", yscale="log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    # A single decade at least, so that noise does not look like a plateau.
    low, high = axes.get_ylim()
    if high < 10 * low:
        middle = np.sqrt(low * high)
        axes.set_ylim(middle / 10**0.5, middle * 10**0.5)
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.legend(frameon=False)
    return figure
