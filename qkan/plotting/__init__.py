"""Figures from arrays, one plot a file. Nothing in here knows of models or runs."""

from __future__ import annotations

from qkan.plotting.channels import plot_channels
from qkan.plotting.curves import plot_curves
from qkan.plotting.response import Response, plot_response
from qkan.plotting.save import render
from qkan.plotting.scaling import plot_scaling
from qkan.plotting.seeds import plot_seeds
from qkan.plotting.sweep import plot_sweep

__all__ = [
    "Response",
    "plot_channels",
    "plot_curves",
    "plot_response",
    "plot_scaling",
    "plot_seeds",
    "plot_sweep",
    "render",
]
