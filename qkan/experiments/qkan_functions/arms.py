"""Which models fit a function, and how large they are: as many parameters as the quantum KAN."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from math import pi
from typing import Any

import torch

from circuits.edges import edge as named_edge
from qkan.data.functions import function
from qkan.models import make

__all__ = ["HIDDEN", "MODELS", "arms_of", "size_for"]

Settings = dict[str, Any]

MODELS = {
    "qkan": "QKAN",
    "fourier": "free Fourier coefficients",
    "kan": "B-spline KAN",
    "sinekan": "SineKAN",
    "mlp": "MLP",
}
"""The models and what a reader calls them."""

HIDDEN = 5
"""The quantum KAN's hidden width where a function has more than one variable."""

_HALF_WIDTH = {"qkan": pi / 2, "fourier": pi / 2, "sinekan": pi / 2, "kan": 1.0, "mlp": 1.0}
"""Inputs fill (-half width, half width): half a period of a wave, the domain of a spline."""


def arms_of(name: str, single: str, edge: str) -> dict[str, Settings]:
    """Return the settings of every model for a function; all but the first adapt their size to the first's parameters.

    A function of one variable is fitted by a single edge, [1, 1], and rivals adapt their resolution; others by
    [n, 5, 1], and rivals adapt their hidden width. A multilayer perceptron has two hidden layers.

    Args:
        name: Of the function.
        single: The circuit of a single edge.
        edge: The circuit of edges where there is a hidden layer.

    Example:
        >>> arms = arms_of("exp-sin", "rpz(depth=6)", "pz(depth=3)")
        >>> arms["kan"]["model"]["sizes"], arms["mlp"]["model"]["sizes"]
        ([2, 7, 1], [2, 11, 11, 1])
    """
    n = function(name).num_inputs
    circuit = single if n == 1 else edge
    sizes = [1, 1] if n == 1 else [n, HIDDEN, 1]
    models: dict[str, Settings] = {"qkan": {"kind": "qkan", "sizes": sizes, "edge": circuit}}
    budget = parameters_of(models["qkan"])
    degree = named_edge(circuit).degrees[0]
    for kind, model_of in _rivals(n, degree).items():
        models[kind] = model_of(size_for(model_of, budget))
    return {
        kind: {"function_name": name, "model": model, "half_width": _HALF_WIDTH[kind]}
        for kind, model in models.items()
    }


def parameters_of(model: Mapping[str, Any]) -> int:
    """Return how many parameters a model trains."""
    return make(model, generator=torch.Generator()).num_parameters


def size_for(model_of: Callable[[int], Settings], budget: int) -> int:
    """Return the size at which a model has the number of parameters that is closest to ``budget``."""

    def count(size: int) -> int:
        return parameters_of(model_of(size))

    largest = 1
    while count(largest) < budget:  # no model much larger than wanted is ever made
        largest *= 2
    sizes = range(max(largest // 2, 1), largest + 1)
    above = bisect_left(sizes, budget, key=count)
    return min(sizes[max(above - 1, 0) : above + 1], key=lambda size: abs(count(size) - budget))


def _rivals(n: int, degree: int) -> dict[str, Callable[[int], Settings]]:
    def fourier(sizes: list[int], degree: int) -> Settings:
        return {"kind": "hybridkan", "sizes": sizes, "layers": f"scaled-fourier(degree={degree})"}

    if n == 1:
        return {
            "fourier": lambda size: fourier([1, 1], size),
            "kan": lambda size: {"kind": "kan", "sizes": [1, 1], "grid": size},
            "sinekan": lambda size: {"kind": "sinekan", "sizes": [1, 1], "grid": size},
            "mlp": lambda size: {"kind": "mlp", "sizes": [1, size, 1], "activation": "tanh"},
        }
    return {
        "fourier": lambda width: fourier([n, width, 1], degree),
        "kan": lambda width: {"kind": "kan", "sizes": [n, width, 1]},
        "sinekan": lambda width: {"kind": "sinekan", "sizes": [n, width, 1]},
        "mlp": lambda w: {"kind": "mlp", "sizes": [n, w, w, 1], "activation": "tanh"},
    }
