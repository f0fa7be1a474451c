"""The published models: what was trained, how, and the accuracy that was quoted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["DEFINITIONS", "Arm", "Definition"]


@dataclass(frozen=True)
class Arm:
    """One published run.

    Attributes:
        name: What it is called in ``results.json``.
        model: The model's configuration.
        training: Settings of :class:`qkan.training.TrainingConfig`.
        published: The accuracy that was quoted for it, 0 to 1, or None.
    """

    name: str
    model: Mapping[str, Any]
    training: Mapping[str, Any]
    published: float | None = None


@dataclass(frozen=True)
class Definition:
    """One kind of model, as it was published.

    Attributes:
        title: The report's title.
        about: One line for the command line.
        source: Where the accuracies come from.
        arms: The published runs.
        pixels: The range of the pixels: 0 to 1, or -1 to 1.
        open: What the publication leaves open, and what ours is.
    """

    title: str
    about: str
    source: str
    arms: tuple[Arm, ...]
    pixels: Literal["unit", "symmetric"]
    open: tuple[str, ...] = field(default=())


_NOTEBOOK = "one run of the published notebook, the best epoch on the test images"
_UNIT = "Pixels are taken from 0 to 1."
_SYMMETRIC = "Pixels are taken from -1 to 1, as in the SineKAN authors' notebook."


def _sinekan(
    width: int, gamma: float, published: float, rate: float = 2e-4, epochs: int = 5
) -> Arm:
    name = f"width_{width}_gamma_{gamma}" + (f"_rate_{rate}" if rate != 2e-4 else "")
    model = {"kind": "sinekan", "sizes": [784, width, 10], "grid": 8}
    training = {
        "epochs": epochs,
        "batch_size": 64,
        "optimizer": "adamw",
        "weight_decay": 0.01,
        "learning_rate": rate,
        "gamma": gamma,
    }
    return Arm(name, model, training, published)


def _mlp(width: int, published: float) -> Arm:
    training = {
        "epochs": 30,
        "batch_size": 64,
        "optimizer": "adamw",
        "weight_decay": 0.01,
        "learning_rate": 8e-4,
        "gamma": 0.9,
    }
    return Arm(f"width_{width}", {"kind": "mlp", "sizes": [784, width, 10]}, training, published)


def _adam(epochs: int) -> dict[str, Any]:
    return {"epochs": epochs, "batch_size": 64, "optimizer": "adam", "learning_rate": 1e-3}


DEFINITIONS: dict[str, Definition] = {
    "scipy-kan": Definition(
        "The SciPy KAN on MNIST",
        "The notebook's first network, around one shared SciPy spline, on MNIST.",
        _NOTEBOOK,
        (
            Arm(
                "scipy_kan",
                {"kind": "scipykan", "sizes": [784, 128, 10], "num_knots": 10, "degree": 3},
                _adam(60),
                0.9502,
            ),
        ),
        "symmetric",
        (
            "The optimiser, its rate and the batch size are not stated; ours are Adam, 1e-3 and 64.",
            _SYMMETRIC,
            "The spline is drawn from N(0, 1) with the seed, so that seeds differ in their activation function, too.",
        ),
    ),
    "table-kan": Definition(
        "The table KAN on MNIST",
        "The notebook's second network, splines read from a table, on MNIST.",
        _NOTEBOOK + " (352.8 s of training and 20.8 s of evaluation on a GPU)",
        (
            Arm(
                "table_kan",
                {"kind": "tablekan", "sizes": [784, 1024, 512, 256, 10]},
                _adam(10),
                0.8947,
            ),
        ),
        "unit",
        (
            "The optimiser, its rate, the batch size and the knots are not stated; ours are Adam, 1e-3, 64 and the "
            "knots of the first network.",
            _UNIT,
            "No gradient passes a look-up: as the layer is described, all but the last table's splines and the dense "
            "layer stay as they were drawn.",
        ),
    ),
    "sinekan": Definition(
        "SineKAN on MNIST",
        "SineKAN at the notebook's widths and learning rates, on MNIST.",
        _NOTEBOOK,
        (
            _sinekan(64, 0.8, 0.9651),
            _sinekan(128, 0.8, 0.9707),
            _sinekan(256, 0.8, 0.9739),
            _sinekan(64, 0.9, 0.9652),
            _sinekan(128, 0.9, 0.9694),
            _sinekan(128, 0.8, 0.9306, rate=4e-2, epochs=20),
        ),
        "symmetric",
        (
            "Weight decay is torch's default for AdamW, 0.01.",
            _SYMMETRIC,
            "The gamma of the run with the rate 4e-2 is not stated; ours is 0.8.",
        ),
    ),
    "cnn": Definition(
        "The convolutional network on MNIST",
        "The notebook's convolutional network on MNIST.",
        "the published notebook describes the network; no accuracy of it is known to us",
        (Arm("cnn", {"kind": "cnn"}, _adam(10)),),
        "unit",
        ("The batch size is not stated; ours is 64.", _UNIT),
    ),
    "mlp": Definition(
        "Multilayer perceptrons on MNIST",
        "The SineKAN authors' multilayer perceptrons on MNIST.",
        "single runs of E. Reinhardt et al., arXiv:2407.04149, the best of 30 epochs on the test images",
        tuple(
            _mlp(width, published)
            for width, published in (
                (16, 0.9183),
                (32, 0.9557),
                (64, 0.9682),
                (128, 0.9797),
                (256, 0.9822),
                (512, 0.9842),
            )
        ),
        "symmetric",
        (
            "The authors searched rate and gamma; ours are 8e-4 and 0.9, which their notebook shows, at every width.",
            "Weight decay is torch's default for AdamW, 0.01.",
        ),
    ),
}
"""Every reproduction of one kind of model, by its name on the command line."""
