"""Looking at models and circuits: edge functions, spectra, formulas, gradients, expressivity.

Everything here but :func:`plot` returns arrays; ``qkan.plotting`` draws them.
"""

from __future__ import annotations

from qkan.analysis.edges import (
    attribution,
    connection_strengths,
    edge_curves,
    edge_strengths,
    learned_curves,
    plot,
)
from qkan.analysis.expressivity import (
    GradientVariance,
    coefficient_cloud,
    gradient_variance,
    gradient_variances,
    random_cloud,
    reachable_dimension,
)
from qkan.analysis.formulas import FORMS, Form, SymbolicFit, fit_formula, fit_formulas
from qkan.analysis.lookup_table import LookUpTables
from qkan.analysis.spectrum import EdgeSpectrum, edge_spectrum

__all__ = [
    "FORMS",
    "EdgeSpectrum",
    "Form",
    "GradientVariance",
    "LookUpTables",
    "SymbolicFit",
    "attribution",
    "coefficient_cloud",
    "connection_strengths",
    "edge_curves",
    "edge_spectrum",
    "edge_strengths",
    "fit_formula",
    "fit_formulas",
    "gradient_variance",
    "gradient_variances",
    "learned_curves",
    "plot",
    "random_cloud",
    "reachable_dimension",
]
