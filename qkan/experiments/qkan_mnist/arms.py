"""Which models are compared, at the width of the quantum KAN and with as many parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from circuits.edges import edge as named_edge
from qkan.experiments.qkan_functions.arms import parameters_of, size_for

__all__ = ["LABELS", "models_of"]

_PIXELS, _CLASSES = 784, 10

Settings = dict[str, Any]

LABELS = {
    "qkan": "QKAN",
    "qkan_warm": "QKAN from a pruned KAN",
    "twin": "its classical twin, same start",
    "fourier": "free Fourier coefficients",
    "kan": "B-spline KAN",
    "sinekan": "SineKAN",
    "mlp": "MLP",
    "fourier_wide": "free Fourier coefficients, equal parameters",
    "kan_wide": "B-spline KAN, equal parameters",
    "sinekan_wide": "SineKAN, equal parameters",
    "mlp_wide": "MLP, equal parameters",
}
"""The arms and what a reader calls them."""


def models_of(edge: str, width: int) -> dict[str, Settings]:
    """Return the configuration of every model by its arm, but for the arms that start from another model.

    Example:
        >>> models = models_of("pz(depth=3)", 32)
        >>> models["fourier"]["sizes"], models["mlp_wide"]["sizes"]
        ([784, 32, 10], [784, 354, 10])
    """
    degree = named_edge(edge).degrees[0]
    kinds: dict[str, Callable[[int], Settings]] = {
        "fourier": lambda w: {
            "kind": "hybridkan",
            "sizes": _sizes(w),
            "layers": f"scaled-fourier(degree={degree})",
        },
        "kan": lambda w: {"kind": "kan", "sizes": _sizes(w)},
        "sinekan": lambda w: {"kind": "sinekan", "sizes": _sizes(w)},
        "mlp": lambda w: {"kind": "mlp", "sizes": _sizes(w)},
    }
    models: dict[str, Settings] = {"qkan": {"kind": "qkan", "sizes": _sizes(width), "edge": edge}}
    models |= {kind: model_of(width) for kind, model_of in kinds.items()}
    budget = parameters_of(models["qkan"])
    for kind, model_of in kinds.items():
        models[f"{kind}_wide"] = model_of(size_for(model_of, budget))
    return models


def _sizes(width: int) -> list[int]:
    return [_PIXELS, width, _CLASSES]
