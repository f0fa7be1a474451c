"""Errors of features against shots, for several noises, beside what shots alone would give."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from qkan.plotting.style import subplots

__all__ = ["plot_feature_errors"]


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
