"""Looking at models and circuits: edge functions, spectra, formulas, gradients, expressivity.

Everything here but :func:`plot` returns arrays; ``qkan.plotting`` draws them.
"""

from __future__ import annotations

from qkan.analysis.attribution import attribution
from qkan.analysis.connections import connection_strengths, learned_curves
from qkan.analysis.curves import edge_curves, edge_strengths
from qkan.analysis.expressivity import coefficient_cloud, random_cloud, reachable_dimension
from qkan.analysis.gradients import GradientVariance, gradient_variance, gradient_variances
from qkan.analysis.picture import plot
from qkan.analysis.spectrum import EdgeSpectrum, edge_spectrum
from qkan.analysis.symbolic import FORMS, Form, SymbolicFit, fit_formula, fit_formulas

__all__ = [
    "FORMS",
    "EdgeSpectrum",
    "Form",
    "GradientVariance",
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
