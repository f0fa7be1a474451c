"""The spectra of a layer's edges: how high each harmonic is, from edge to edge."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from qkan.plotting.style import subplots

__all__ = ["plot_spectra"]

_QUANTILES = ((0.05, 0.95, 0.18), (0.25, 0.75, 0.35))


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
    figure, axes_of = subplots(1, len(amplitudes), (3.9 * len(amplitudes), 3.1))
    for (name, rows), axes in zip(amplitudes.items(), axes_of, strict=True):
        values = rows.reshape(len(rows), -1)
        for k, row in enumerate(values):
            for low, high, alpha in _QUANTILES:
                bottom, top = np.quantile(row, [low, high])
                axes.bar(k, top - bottom, 0.72, bottom, color="#0072B2", alpha=alpha, linewidth=0)
            median = np.median(row)
            axes.plot([k - 0.36, k + 0.36], [median, median], color="#0072B2", linewidth=2)
        axes.set(xlabel="harmonic", ylabel="amplitude", title=f"{name}: {values.shape[1]:,} edges")
        axes.set_ylim(bottom=0)
        if len(values) <= 12:
            axes.set_xticks(range(len(values)))
    return figure
