"""The models that are compared: on tables, at about equal parameters, and on images, at equal channels."""

from __future__ import annotations

from typing import Any

from qkan.experiments.jets.config import Config

__all__ = ["CURVES", "arms", "tables"]

Arm = dict[str, Any]

CURVES = ("logistic", "mlp", "kan", "qkan", "fourier twin")
"""The models whose learning curves are drawn; they see 12 observables."""

_RANGE = (-4.0, 4.0)
"""Observables are standardised and cut at four standard deviations."""

_SMALL_EDGE = {"edge": "real(depth=2)", "base": None, "bias": False}


def tables(inputs: int) -> dict[str, Arm]:
    """Return the models of so many observables.

    KAN, QKAN and their twins have the same four hidden units; the QKAN's Fourier twin has the same spectrum, with
    coefficients that no circuit ties together. The MLP's width brings it to the parameters of the KAN. Learning rates
    were chosen once, among 1e-3, 3e-3, 1e-2 and 3e-2, by a look at three seeds of a part of the sample.

    Example:
        >>> list(tables(2))
        ['logistic', 'trees', 'mlp', 'kan', 'one-layer kan', 'sinekan', 'qkan', 'one-layer qkan', 'small qkan', ...]
    """
    deep, flat = [inputs, 4, 1], [inputs, 1]
    spline = {"kind": "kan", "grid": 3, "domain": list(_RANGE)}
    return {
        "logistic": {"model": {"kind": "logistic"}},
        "trees": {"model": {"kind": "trees"}},
        "mlp": {"model": {"kind": "mlp", "sizes": [inputs, 26, 1]}, "rate": 3e-3},
        "kan": {"model": spline | {"sizes": deep}, "rate": 2e-2},
        "one-layer kan": {"model": spline | {"sizes": flat}, "rate": 3e-2},
        "sinekan": {"model": {"kind": "sinekan", "sizes": deep}, "rate": 3e-3},
        "qkan": {"model": {"kind": "qkan", "sizes": deep, "edge": "pz(depth=2)"}, "rate": 5e-3},
        "one-layer qkan": {"model": {"kind": "qkan", "sizes": flat, "edge": "pz(depth=3)"}},
        "small qkan": {"model": {"kind": "qkan", "sizes": flat} | _SMALL_EDGE, "rate": 2e-2},
        "fourier twin": {
            "model": {"kind": "hybridkan", "sizes": deep, "layers": "fourier(degree=2)"},
            "rate": 2e-2,
        },
    }


def images() -> dict[str, Arm]:
    """Return the models of images: features, and what is trained on them."""

    def head(kind: str, channels: int, side: int) -> dict[str, Any]:
        if kind == "linear":
            return {"kind": "mlp", "sizes": [channels * side**2, 1]}
        image = {"image": [channels, side, side], "channels": [16, 32]}
        return {"kind": "cnn", "hidden": 32, "classes": 1} | image

    shapes = {"pixels": (1, 18), "quanvolution": (4, 9), "cosines": (4, 9)}
    return {
        f"{features} + {kind}": {"inputs": features, "model": head(kind, *shape), "rate": 1e-3}
        for features, shape in shapes.items()
        for kind in ("linear", "cnn")
    }


def arms(config: Config) -> dict[str, Arm]:
    """Return all arms of the study by name, each with what it is trained on and how.

    Example:
        >>> arms(Config())["qkan, 4 inputs"]["inputs"]
        4
    """
    chosen: dict[str, Arm] = {
        f"{name}, {inputs} inputs": {"inputs": inputs, "jets": config.train, **arm}
        for inputs in (12, 4, 2)
        for name, arm in tables(inputs).items()
    }
    chosen |= {
        f"{name}, 1 inputs": {"inputs": 1, "jets": config.train, **tables(1)[name]}
        for name in ("one-layer kan", "one-layer qkan")
    }
    if config.images:
        chosen |= {name: {"jets": config.train, **arm} for name, arm in images().items()}
    for size in config.sizes[:-1]:
        chosen |= {
            f"{name}, {size} jets": {"inputs": 12, "jets": size, **tables(12)[name]}
            for name in CURVES
        }
    return {name: {"epochs": config.epochs, **arm} for name, arm in chosen.items()}
