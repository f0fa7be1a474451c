"""One arm from one seed: every learning rate, of which validation chooses; and the warm start."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from qkan.config import from_mapping
from qkan.data import mnist
from qkan.experiments.mnist_images import Images
from qkan.experiments.mnist_training import train_on_mnist
from qkan.models import KAN, QKAN
from qkan.models.pruning import prune
from qkan.training import TrainingConfig, evaluate, fit

__all__ = ["train_at_best_rate", "train_warm"]

_LOOKED_AT = 1000
"""Images over which edges are measured and fitted."""

Arrays = dict[str, NDArray[Any]]


def train_at_best_rate(
    *,
    seed: int,
    model: Mapping[str, Any],
    training: Mapping[str, Any],
    images: Mapping[str, Any],
    rates: Sequence[float],
    pruned: float | None = None,
    keep_weights: bool = False,
    data_dir: Path | None = None,
) -> Arrays:
    """Train at every rate; return what was measured at the one with the highest validation accuracy.

    Args:
        seed: Draws initial weights and the order of the images.
        model: The model's configuration.
        training: Settings of :class:`qkan.training.TrainingConfig`, without a rate.
        images: The settings of :class:`qkan.experiments.mnist_images.Images`.
        rates: The learning rates.
        pruned: For the warm start the part of edges that is pruned; None starts from random weights.
        keep_weights: Whether the weights of seed 0 are kept.
        data_dir: Where all of MNIST is.

    Returns:
        As :func:`qkan.experiments.mnist_training.train_on_mnist`, with ``rate``, and ``train_seconds`` at that rate.
    """
    best: Arrays | None = None
    for rate in rates:
        settings = {**training, "learning_rate": rate}
        if pruned is None:
            found = train_on_mnist(
                seed=seed,
                model=model,
                training=settings,
                images=images,
                keep_weights=keep_weights,
                data_dir=data_dir,
            )
        else:
            found = train_warm(
                seed=seed,
                model=model,
                training=settings,
                images=images,
                pruned=pruned,
                data_dir=data_dir,
            )
        found["rate"] = np.array(rate)
        if best is None or found["val_accuracy"].max() > best["val_accuracy"].max():
            best = found
    return best or {}


def train_warm(
    *,
    seed: int,
    model: Mapping[str, Any],
    training: Mapping[str, Any],
    images: Mapping[str, Any],
    pruned: float,
    data_dir: Path | None = None,
) -> Arrays:
    """Train a classical KAN for half of the epochs, prune it, and go on with the quantum KAN fitted to it.

    The epochs are as many as those of a random start, and the learning rate falls alike. Fitting the edges is on top: it
    is in ``train_seconds``, and ``fit_seconds`` alone.
    """
    chosen = Images(**images)
    digits = mnist(full=chosen.full, data_dir=data_dir, download=False)
    train, validation, test = ((x.flatten(1).float() / 255, y) for x, y in chosen.split(digits))
    epochs = int(training["epochs"])
    first = epochs // 2
    decay = float(training.get("gamma", 1.0)) ** first
    generator = torch.Generator().manual_seed(seed)
    started = time.process_time()
    kan = KAN(list(model["sizes"]), generator=generator)
    before = fit(kan, train, validation, _config(training, seed, epochs=first))
    kan_test = evaluate(kan, test)["accuracy"]
    if pruned:
        prune(kan, train[0][:_LOOKED_AT], fraction=pruned, nodes=False)
    fitting = time.process_time()
    net = QKAN.from_kan(kan, model["edge"], x=train[0][:_LOOKED_AT], generator=generator)
    fit_seconds = time.process_time() - fitting
    start = evaluate(net, test)["accuracy"]
    settings = _config(
        training, seed, epochs=epochs - first, learning_rate=training["learning_rate"] * decay
    )
    after = fit(net, train, validation, settings)
    seconds = time.process_time() - started
    scores = evaluate(net, test)
    curves = ("train_loss", "val_loss", "val_accuracy", "learning_rate")
    return {
        "test_accuracy": np.array(scores["accuracy"]),
        "test_loss": np.array(scores["loss"]),
        "best_epoch": np.array(first + after.best_epoch + 1),
        "parameters": np.array(net.num_parameters),
        "train_seconds": np.array(seconds),
        "fit_seconds": np.array(fit_seconds),
        "kan_accuracy": np.array(kan_test),
        "start_accuracy": np.array(start),
        **{name: np.concatenate([before[name], after[name]]) for name in curves},
    }


def _config(training: Mapping[str, Any], seed: int, **changes: Any) -> TrainingConfig:
    best = {"monitor": "val_accuracy", "restore_best": True}
    return from_mapping(TrainingConfig, {**training, "seed": seed, **best, **changes})
