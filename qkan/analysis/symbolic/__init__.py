"""Formulas for curves: a small library of forms, fitted with an affine map before and behind."""

from qkan.analysis.symbolic.fit import SymbolicFit, fit_formula, fit_formulas
from qkan.analysis.symbolic.forms import FORMS, Form

__all__ = ["FORMS", "Form", "SymbolicFit", "fit_formula", "fit_formulas"]
