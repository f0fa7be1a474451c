"""Figures from arrays, one plot a file. Nothing in here knows of models or runs."""

from __future__ import annotations

from qkan.plotting.channels import plot_channels
from qkan.plotting.clouds import plot_clouds
from qkan.plotting.curves import plot_curves
from qkan.plotting.edge_functions import EdgeFunction, plot_edge_functions
from qkan.plotting.edge_network import EdgeCurves, plot_edge_network
from qkan.plotting.errors import plot_errors
from qkan.plotting.fits import Fit, plot_fits
from qkan.plotting.harmonics import Harmonics, plot_harmonics
from qkan.plotting.heat_maps import plot_heat_maps
from qkan.plotting.network import plot_network
from qkan.plotting.noise import plot_feature_errors
from qkan.plotting.plateau import plot_gradient_variances
from qkan.plotting.response import Response, plot_response
from qkan.plotting.save import render
from qkan.plotting.scaling import plot_scaling
from qkan.plotting.scores import plot_scores
from qkan.plotting.seeds import plot_seeds
from qkan.plotting.spectra import plot_spectra
from qkan.plotting.sweep import plot_sweep
from qkan.plotting.tradeoff import Measured, plot_tradeoff

__all__ = [
    "EdgeCurves",
    "EdgeFunction",
    "Fit",
    "Harmonics",
    "Measured",
    "Response",
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
    "plot_response",
    "plot_scaling",
    "plot_scores",
    "plot_seeds",
    "plot_spectra",
    "plot_sweep",
    "plot_tradeoff",
    "render",
]
