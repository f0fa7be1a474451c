"""One model, one seed, one protocol on MNIST: the task that the studies of digits share.

A study's arms are made by :func:`arm`, its tasks done by :func:`train_on_mnist`::

    images = Images.of(full=False, train=4_500, validation=500)     # checked, before anything runs
    arms = {"kan": arm({"kind": "kan", "sizes": [784, 64, 10]}, {"epochs": 5}, images)}
    train = functools.partial(train_on_mnist, data_dir=places.data_dir)
    Study("my-study", "Title", config, arms, 5, train, conclude, {"data": images.facts}).run(places)
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from qkan.config import from_mapping
from qkan.data import mnist
from qkan.experiments.mnist_images import Images
from qkan.experiments.notebook_networks import make
from qkan.training import History, TrainingConfig, evaluate, fit, predict

__all__ = ["arm", "train_on_mnist"]

Data = tuple[Tensor, Tensor]

_TIMED_IMAGES, _TIMES = 1000, 5


def arm(
    model: Mapping[str, Any],
    training: Mapping[str, Any],
    images: Images,
    *,
    rates: Sequence[float] = (),
    keep_weights: bool = False,
) -> dict[str, Any]:
    """Return the settings of one arm, which are wrong here rather than in a worker.

    Args:
        model: The model's configuration, with its ``kind``.
        training: Settings of :class:`qkan.training.TrainingConfig`, without a seed.
        images: What it is trained on, and the protocol.
        rates: Learning rates to choose from; by default the one of ``training``.
        keep_weights: Whether the weights of seed 0 are kept, as ``weights.NAME``.

    Raises:
        UsageError: If a setting is unknown or out of range.

    Example:
        >>> images = Images.of(train=40, test=20)
        >>> arm({"kind": "mlp", "sizes": [784, 10]}, {"epochs": 2}, images)["training"]
        {'epochs': 2}
    """
    make(model, generator=torch.Generator())
    for config in _configs(training, rates):
        from_mapping(TrainingConfig, config)
    return {
        "model": dict(model),
        "training": dict(training),
        "images": images.settings,
        "rates": list(rates),
        "keep_weights": keep_weights,
    }


def train_on_mnist(
    *,
    seed: int,
    model: Mapping[str, Any],
    training: Mapping[str, Any],
    images: Mapping[str, Any],
    rates: Sequence[float] = (),
    keep_weights: bool = False,
    data_dir: Path | None = None,
) -> dict[str, NDArray[Any]]:
    """Train a model from one seed, and look at the test images as the protocol has it.

    After every epoch the accuracy is measured on the validation images, where there are any (our protocol), else on
    the test images (the notebook's). The weights of the best epoch are tested; of several learning rates, those of the
    rate with the best epoch. The seed draws the initial weights, the order of the images and dropout. Times are CPU
    time of this process.

    Args:
        seed: The seed.
        model: See :func:`arm`.
        training: See :func:`arm`.
        images: See :class:`Images`.
        rates: See :func:`arm`.
        keep_weights: See :func:`arm`.
        data_dir: Where all of MNIST is.

    Returns:
        The metrics ``test_accuracy``, ``test_loss``, ``best_epoch`` (from 1), ``rate`` (the first epoch's),
        ``parameters``, ``train_seconds`` (the epochs and the looks after them, at one rate) and ``inference_us`` (an
        image, in batches of 1,000); the curves ``train_loss``, ``val_loss``, ``val_accuracy`` and ``learning_rate``;
        and ``test.correct``, one value an image.
    """
    chosen = Images(**images)
    digits = mnist(full=chosen.full, data_dir=data_dir, download=False)
    train, validation, test = ((chosen.scaled(x), y) for x, y in chosen.split(digits))
    runs = [_train(seed, model, config, train, validation) for config in _configs(training, rates)]
    # The first of equals: a tie must not depend on anything else.
    net, history, seconds = max(runs, key=lambda run: run[1].val_accuracy.max())
    scores = evaluate(net, test)
    correct = predict(net, test[0]).argmax(dim=1) == test[1]
    results = {
        "test_accuracy": np.array(scores["accuracy"]),
        "test_loss": np.array(scores["loss"]),
        "best_epoch": np.array(history.best_epoch + 1),
        "rate": np.array(history.learning_rate[0]),
        "parameters": np.array(net.num_parameters),
        "train_seconds": np.array(seconds),
        "inference_us": np.array(_microseconds(net, test[0][:_TIMED_IMAGES])),
        "test.correct": correct.numpy(),
    }
    for name in ("train_loss", "val_loss", "val_accuracy", "learning_rate"):
        results[name] = history[name]
    if keep_weights and seed == 0:
        state = net.state_dict()
        results |= {f"weights.{name}": value.numpy() for name, value in state.items()}
    return results


def _configs(training: Mapping[str, Any], rates: Sequence[float]) -> list[dict[str, Any]]:
    return [{**training, "learning_rate": rate} for rate in rates] or [dict(training)]


def _train(
    seed: int, model: Mapping[str, Any], settings: Mapping[str, Any], train: Data, validation: Data
) -> tuple[nn.Module, History, float]:
    """Return the model with the weights of its best epoch, and the CPU seconds that it took."""
    protocol = {"seed": seed, "monitor": "val_accuracy", "restore_best": True}
    config = from_mapping(TrainingConfig, {**settings, **protocol})
    net = make(model, generator=torch.Generator().manual_seed(seed))
    started = time.process_time()
    history = fit(net, train, validation, config)
    return net, history, time.process_time() - started


def _microseconds(net: nn.Module, images: Tensor) -> float:
    """Return the CPU time of one image, the median of a few passes after a first one."""
    times = []
    for _ in range(1 + _TIMES):
        started = time.process_time()
        predict(net, images)
        times.append(time.process_time() - started)
    return 1e6 * median(times[1:]) / len(images)
