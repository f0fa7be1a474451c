"""One arm from one seed: every learning rate, of which validation chooses; and the two starts that are not random."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qkan.config import from_mapping
from qkan.data import mnist
from qkan.experiments.mnist_task import Images, train_on_mnist
from qkan.models import KAN, QKAN, Model, make
from qkan.models.pruning import prune
from qkan.models.to_classical import to_classical
from qkan.training import History, TrainingConfig, evaluate, fit

__all__ = ["train_at_best_rate", "train_from_kan", "train_twin"]

_LOOKED_AT = 1000
"""Images over which edges are measured and fitted."""

_FITTING: dict[str, Any] = {"points": 33, "starts": 2, "iterations": 15}
"""A start need not be exact: training goes on from it."""

_CURVES = ("train_loss", "val_loss", "val_accuracy", "learning_rate")

Arrays = dict[str, NDArray[Any]]
Part = tuple[Tensor, Tensor]


def train_at_best_rate(
    *,
    seed: int,
    model: Mapping[str, Any],
    training: Mapping[str, Any],
    images: Mapping[str, Any],
    rates: Sequence[float],
    start: str = "random",
    pruned: float = 0.0,
    keep_weights: bool = False,
    data_dir: Path | None = None,
) -> Arrays:
    """Train at every rate; return what was measured at the one with the highest validation accuracy.

    Args:
        seed: Draws initial weights and the order of the images.
        model: The model's configuration.
        training: Settings of :class:`qkan.training.TrainingConfig`, without a rate.
        images: The settings of :class:`qkan.experiments.mnist_task.Images`.
        rates: The learning rates.
        start: ``"random"``; ``"twin"``: see :func:`train_twin`; ``"kan"``: see :func:`train_from_kan`.
        pruned: For a start from a KAN, the part of its edges that is pruned.
        keep_weights: For a random start, whether the weights of seed 0 are kept.
        data_dir: Where all of MNIST is.

    Returns:
        As :func:`qkan.experiments.mnist_task.train_on_mnist`, with ``rate``; ``train_seconds`` is at this rate.
    """
    ways: dict[str, Callable[..., Arrays]] = {
        "random": partial(train_on_mnist, keep_weights=keep_weights),
        "twin": train_twin,
        "kan": partial(train_from_kan, pruned=pruned),
    }
    found: list[Arrays] = []
    for rate in rates:
        settings = {**training, "learning_rate": rate}
        result = ways[start](
            seed=seed, model=model, training=settings, images=images, data_dir=data_dir
        )
        found.append({**result, "rate": np.array(rate)})
    return max(found, key=lambda result: float(result["val_accuracy"].max()))


def train_twin(
    *,
    seed: int,
    model: Mapping[str, Any],
    training: Mapping[str, Any],
    images: Mapping[str, Any],
    data_dir: Path | None = None,
) -> Arrays:
    """Train the exact classical form of a quantum KAN from that KAN's own random start.

    Both begin as the same function; from there its Fourier coefficients are free, where the circuits' are tied. So the
    difference in accuracy is the constraint's alone, not that of another initial spectrum.
    """
    parts = _parts(images, data_dir)
    net = make(model, generator=torch.Generator().manual_seed(seed))
    twin = to_classical(net)
    assert isinstance(twin, Model)  # that of a model of ours is one
    started = time.process_time()
    history = fit(twin, parts[0], parts[1], _config(training, seed))
    return _results(twin, [history], parts[2], time.process_time() - started)


def train_from_kan(
    *,
    seed: int,
    model: Mapping[str, Any],
    training: Mapping[str, Any],
    images: Mapping[str, Any],
    pruned: float,
    data_dir: Path | None = None,
) -> Arrays:
    """Train a classical KAN for half of the epochs, prune it, and go on with the quantum KAN that is fitted to it.

    Epochs are as many as those of a random start, and the learning rate falls alike. Fitting the edges comes on top: it
    is a part of ``train_seconds``, and ``fit_seconds`` alone.
    """
    train, validation, test = _parts(images, data_dir)
    looked_at = train[0][:_LOOKED_AT]
    epochs = int(training["epochs"])
    first = epochs // 2
    generator = torch.Generator().manual_seed(seed)
    started = time.process_time()
    kan = KAN(list(model["sizes"]), generator=generator)
    before = fit(kan, train, validation, _config(training, seed, epochs=first))
    kan_accuracy = evaluate(kan, test)["accuracy"]
    if pruned:
        prune(kan, looked_at, fraction=pruned, nodes=False)
    fitting = time.process_time()
    net = QKAN.from_kan(kan, model["edge"], x=looked_at, generator=generator, **_FITTING)
    fit_seconds = time.process_time() - fitting
    start_accuracy = evaluate(net, test)["accuracy"]
    rate = float(training["learning_rate"]) * float(training.get("gamma", 1.0)) ** first
    rest = _config(training, seed, epochs=epochs - first, learning_rate=rate)
    after = fit(net, train, validation, rest)
    results = _results(net, [before, after], test, time.process_time() - started)
    return results | {
        "fit_seconds": np.array(fit_seconds),
        "kan_accuracy": np.array(kan_accuracy),
        "start_accuracy": np.array(start_accuracy),
    }


def _parts(images: Mapping[str, Any], data_dir: Path | None) -> list[Part]:
    """Return images and labels to learn from, to choose by, and to test on."""
    chosen = Images(**images)
    digits = mnist(full=chosen.full, data_dir=data_dir, download=False)
    return [(x.flatten(1).float() / 255, y) for x, y in chosen.split(digits)]


def _config(training: Mapping[str, Any], seed: int, **changes: Any) -> TrainingConfig:
    best = {"monitor": "val_accuracy", "restore_best": True}
    return from_mapping(TrainingConfig, {**training, "seed": seed, **best, **changes})


def _results(net: Model, histories: Sequence[History], test: Part, seconds: float) -> Arrays:
    """Return the numbers of a training that went through one model after another."""
    scores = evaluate(net, test)
    earlier = sum(len(history["train_loss"]) for history in histories[:-1])
    return {
        "test_accuracy": np.array(scores["accuracy"]),
        "test_loss": np.array(scores["loss"]),
        "best_epoch": np.array(earlier + histories[-1].best_epoch + 1),
        "parameters": np.array(net.num_parameters),
        "train_seconds": np.array(seconds),
        **{name: np.concatenate([history[name] for history in histories]) for name in _CURVES},
    }
