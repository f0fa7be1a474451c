"""One page about a trained model: its network, edges, formulas, spectra and circuits."""

from qkan.experiments.inspection.page import inspect_model, inspect_path

__all__ = ["inspect_model", "inspect_path"]
