"""Looking at models and circuits: edge functions, spectra, formulas, gradients, expressivity.

Everything here but :func:`plot` returns arrays; ``qkan.plotting`` draws them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qkan.analysis.edges import (
        attribution as attribution,
        connection_strengths as connection_strengths,
        edge_curves as edge_curves,
        edge_strengths as edge_strengths,
        learned_curves as learned_curves,
        plot as plot,
    )
    from qkan.analysis.expressivity import (
        GradientVariance as GradientVariance,
        coefficient_cloud as coefficient_cloud,
        gradient_variance as gradient_variance,
        random_cloud as random_cloud,
        reachable_dimension as reachable_dimension,
    )
    from qkan.analysis.formulas import (
        FORMS as FORMS,
        Form as Form,
        SymbolicFit as SymbolicFit,
        fit_formula as fit_formula,
        fit_formulas as fit_formulas,
    )
    from qkan.analysis.lookup_table import LookUpTables as LookUpTables
    from qkan.analysis.spectrum import EdgeSpectrum as EdgeSpectrum, edge_spectrum as edge_spectrum
else:
    from circuits._lazy import lazy_exports

    __getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
