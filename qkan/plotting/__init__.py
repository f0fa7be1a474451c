"""Figures from arrays. Nothing in here knows of models or runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qkan.plotting.functions import (
        EdgeFunction as EdgeFunction,
        Harmonics as Harmonics,
        plot_edge_functions as plot_edge_functions,
        plot_fits as plot_fits,
        plot_harmonics as plot_harmonics,
    )
    from qkan.plotting.network import (
        EdgeCurves as EdgeCurves,
        plot_edge_network as plot_edge_network,
        plot_network as plot_network,
    )
    from qkan.plotting.physics import (
        Response as Response,
        plot_against_ratio as plot_against_ratio,
        plot_channels as plot_channels,
        plot_feature_errors as plot_feature_errors,
        plot_reliability as plot_reliability,
        plot_response as plot_response,
        plot_rocs as plot_rocs,
    )
    from qkan.plotting.runs import (
        plot_curves as plot_curves,
        plot_errors as plot_errors,
        plot_seeds as plot_seeds,
    )
    from qkan.plotting.spectra import (
        plot_clouds as plot_clouds,
        plot_gradient_variances as plot_gradient_variances,
        plot_spectra as plot_spectra,
    )
    from qkan.plotting.style import render as render
    from qkan.plotting.sweep import (
        Axis as Axis,
        Measured as Measured,
        plot_heat_maps as plot_heat_maps,
        plot_sweep as plot_sweep,
        plot_tradeoff as plot_tradeoff,
    )
else:
    from circuits._lazy import lazy_exports

    __getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
