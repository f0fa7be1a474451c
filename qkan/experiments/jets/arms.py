"""The models that are compared: on tables, at about equal parameters, and on images, at equal channels."""

from __future__ import annotations

from typing import Any

from qkan.experiments.jets.config import Config

__all__ = ["CURVES", "arms", "tables"]

Arm = dict[str, Any]

CURVES = ("logistic", "mlp", "kan", "qkan", "fourier twin")
"""The models whose learning curves are drawn; they see 12 observables."""

_RANGE = (-2.0, 2.0)
"""Where the knots of the splines are, in standard deviations; a base function goes on beyond."""

_HEADS = {"linear": 1e-2, "cnn": 3e-3}
"""What is trained on images, and from which learning rate, chosen as those of the tables (one seed)."""

_SMALL_EDGE = {"edge": "real(depth=2)", "base": None, "bias": False}


def tables(inputs: int) -> dict[str, Arm]:
    """Return the models of so many observables.

    KAN and QKAN have the same four hidden units; the MLP's width brings it to the parameters of the KAN. The QKAN's
    Fourier twin begins as the same function, with coefficients that no circuit ties together. The small QKAN has one
    layer, and 60 parameters at 12 inputs.

    Learning rates were chosen once, for 12 inputs, by the validation loss after 40 epochs (mean of two seeds) among
    3e-3, 1e-2, 3e-2 and, at an end of that range, 1e-3 or 1e-1; the QKAN's from 3e-3 to 6e-2. So was the range of the
    splines, among 2, 3 and 4 standard deviations.

    Example:
        >>> list(tables(2))
        ['logistic', 'trees', 'mlp', 'kan', 'one-layer kan', 'sinekan', 'qkan', 'one-layer qkan', 'small qkan', ...]
    """
    deep, flat = [inputs, 4, 1], [inputs, 1]
    spline = {"kind": "kan", "grid": 3, "domain": list(_RANGE)}
    quantum = {"kind": "qkan", "sizes": deep, "edge": "pz(depth=2)"}
    return {
        "logistic": {"model": {"kind": "logistic"}},
        "trees": {"model": {"kind": "trees"}},
        "mlp": {"model": {"kind": "mlp", "sizes": [inputs, 26, 1]}, "rate": 3e-2},
        "kan": {"model": spline | {"sizes": deep}, "rate": 3e-2},
        "one-layer kan": {"model": spline | {"sizes": flat}, "rate": 1e-1},
        "sinekan": {"model": {"kind": "sinekan", "sizes": deep}, "rate": 3e-3},
        "qkan": {"model": quantum, "rate": 4e-2},
        "one-layer qkan": {
            "model": {"kind": "qkan", "sizes": flat, "edge": "pz(depth=3)"},
            "rate": 3e-2,
        },
        "small qkan": {"model": {"kind": "qkan", "sizes": flat} | _SMALL_EDGE, "rate": 2e-2},
        "fourier twin": {"model": quantum, "start": {"kind": "twin"}, "rate": 1e-2},
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
        f"{features} + {kind}": {
            "inputs": features,
            "model": head(kind, *shape),
            "rate": _HEADS[kind],
        }
        for features, shape in shapes.items()
        for kind in _HEADS
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
    if config.warm:
        chosen["warm qkan, 12 inputs"] = {
            "inputs": 12,
            "jets": config.train,
            "model": tables(12)["qkan"]["model"],
            "rate": 3e-2,
            "start": {"kind": "kan", "pruned": 0.25, **tables(12)["kan"]},
        }
    if config.images:
        chosen |= {name: {"jets": config.train, **arm} for name, arm in images().items()}
    for size in config.sizes[:-1]:
        chosen |= {
            f"{name}, {size} jets": {"inputs": 12, "jets": size, **tables(12)[name]}
            for name in CURVES
        }
    return {name: {"epochs": config.epochs, **arm} for name, arm in chosen.items()}
