"""Functions of one variable beside their fits, with what the fits leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from qkan.plotting.style import subplots

__all__ = ["Fit", "plot_fits"]


@dataclass(frozen=True, eq=False)
class Fit:
    """A function and its fit on the same points.

    Attributes:
        name: The title of its panel.
        x: The points, ``(P,)``.
        y: The function, ``(P,)``.
        fit: The fit, ``(P,)``.
    """

    name: str
    x: NDArray[np.floating]
    y: NDArray[np.floating]
    fit: NDArray[np.floating]


def plot_fits(fits: Sequence[Fit]) -> Figure:
    """Draw one column a function: it and its fit above, the difference below.

    Example:
        >>> x = np.linspace(0, 1, 30)
        >>> len(plot_fits([Fit("square", x, x**2, x**2)]).axes)
        2
    """
    size = (4.0 * len(fits), 3.9)
    ratios = {"height_ratios": [2.4, 1]}
    figure, axes_of = subplots(2, len(fits), size, sharex="col", gridspec_kw=ratios)
    panels = list(axes_of)
    for fit, above, below in zip(fits, panels[: len(fits)], panels[len(fits) :], strict=True):
        every = max(1, len(fit.x) // 40)
        above.plot(fit.x, fit.y, color="#8C8C8C", linewidth=2.4, label="function")
        above.plot(fit.x[::every], fit.fit[::every], ".", color="#0072B2", ms=5, label="fit")
        above.set_title(fit.name)
        below.plot(fit.x, fit.fit - fit.y, color="#D55E00", linewidth=1)
        below.set(xlabel="x", ylabel="difference")
        below.ticklabel_format(axis="y", style="sci", scilimits=(-2, 2))
        below.margins(x=0)
    panels[0].legend(frameon=False)
    return figure
