"""Figures from arrays. Nothing in here knows of models or runs."""

from __future__ import annotations

from qkan.plotting.functions import (
    EdgeFunction,
    Fit,
    Harmonics,
    plot_edge_functions,
    plot_fits,
    plot_harmonics,
)
from qkan.plotting.network import EdgeCurves, plot_edge_network, plot_network
from qkan.plotting.physics import (
    Response,
    plot_against_ratio,
    plot_channels,
    plot_feature_errors,
    plot_reliability,
    plot_response,
    plot_rocs,
)
from qkan.plotting.runs import plot_curves, plot_errors, plot_scores, plot_seeds
from qkan.plotting.spectra import plot_clouds, plot_gradient_variances, plot_spectra
from qkan.plotting.style import render
from qkan.plotting.sweep import (
    Axis,
    Measured,
    plot_heat_maps,
    plot_scaling,
    plot_sweep,
    plot_tradeoff,
)

__all__ = [
    "Axis",
    "EdgeCurves",
    "EdgeFunction",
    "Fit",
    "Harmonics",
    "Measured",
    "Response",
    "plot_against_ratio",
    "plot_channels",
    "plot_clouds",
    "plot_curves",
    "plot_edge_functions",
    "plot_edge_network",
    "plot_errors",
    "plot_feature_errors",
    "plot_fits",
    "plot_gradient_variances",
    "plot_harmonics",
    "plot_heat_maps",
    "plot_network",
    "plot_reliability",
    "plot_response",
    "plot_rocs",
    "plot_scaling",
    "plot_scores",
    "plot_seeds",
    "plot_spectra",
    "plot_sweep",
    "plot_tradeoff",
    "render",
]
