"""Clouds of Fourier coefficients in the complex plane."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from qkan.plotting.style import subplots

__all__ = ["plot_clouds"]

_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
_PANELS = 5


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
    figure, axes_of = subplots(len(clouds), len(shown), size, sharex="col", sharey="col")
    panels = np.array(list(axes_of), dtype=object).reshape(len(clouds), len(shown))
    for row, (name, cloud), color in zip(panels, clouds.items(), _COLORS * 9, strict=False):
        for axes, k in zip(row, shown, strict=True):
            axes.plot(cloud[:, k].real, cloud[:, k].imag, ".", color=color, ms=3, alpha=0.35, mew=0)
            axes.set_box_aspect(1)
            axes.locator_params(nbins=4)
        row[0].set_ylabel(name)
    for column, k in enumerate(shown):
        panels[0, column].set_title(f"$c_{{{k}}}$")
        reach = max(np.abs(cloud[:, k]).max() for cloud in clouds.values()) * 1.08 or 1.0
        panels[0, column].set(xlim=(-reach, reach), ylim=(-reach, reach))
    return figure
