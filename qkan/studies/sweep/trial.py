"""One trial: a model made, trained and judged, wherever it runs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from circuits.errors import UsageError, unknown_name
from qkan.config import from_mapping
from qkan.models import make
from qkan.studies.sweep.data import DataConfig, Split, load
from qkan.training import TrainingConfig, evaluate, fit

__all__ = ["check_settings", "loss_of", "metrics_of", "train_trial"]


def train_trial(
    *,
    model: Mapping[str, Any],
    data: Mapping[str, Any],
    training: Mapping[str, Any],
    loss: str,
    repeats: int,
    seed: int,
    data_dir: Path | None = None,
) -> dict[str, NDArray[Any]]:
    """Train a model from ``repeats`` successive seeds; return its metrics, one value a seed.

    A metric is that of the epoch whose weights the training ends with: the best one where the training's settings
    restore it, else the last.

    Args:
        model: See :func:`qkan.models.make`. Its first weights are drawn from the training's seed.
        data: See :class:`qkan.studies.sweep.data.DataConfig`.
        training: See :class:`qkan.training.TrainingConfig`.
        loss: See :func:`qkan.training.fit`.
        repeats: How many.
        seed: The order of a file's samples.
        data_dir: Where all of MNIST is.
    """
    train, validation = load(from_mapping(DataConfig, data), seed, data_dir)
    config = from_mapping(TrainingConfig, training)
    rows, started = [], time.monotonic()
    for first in range(config.seed, config.seed + repeats):
        net = make(model, generator=torch.Generator().manual_seed(first))
        history = fit(net, train, validation, replace(config, seed=first), loss=loss)
        epoch = history.best_epoch if config.restores_best else -1
        rows.append([history[name][epoch] for name in metrics_of(loss)])
    columns = dict(zip(metrics_of(loss), np.array(rows).T, strict=True))
    parameters, seconds = np.array(net.num_parameters), np.array(time.monotonic() - started)
    return {**columns, "parameters": parameters, "seconds": seconds}


def metrics_of(loss: str) -> list[str]:
    """Return what is measured in a training with this loss."""
    return ["train_loss", "val_loss"] + (["val_accuracy"] if loss == "cross_entropy" else [])


def loss_of(targets: torch.Tensor) -> str:
    """Return the loss that targets ask for: labels are whole numbers."""
    return "mse" if targets.is_floating_point() else "cross_entropy"


def check_settings(
    settings: Mapping[str, Any], *, loss: str, metric: str, train: Split | None = None
) -> None:
    """Find what is wrong with a trial's settings without training.

    Args:
        settings: ``model``, ``data`` and ``training``.
        loss: The loss.
        metric: What is optimised.
        train: The training samples, two of which are put through the model.

    Raises:
        UsageError: If a setting is unknown or out of range, or the model does not fit the data.
    """
    if metric not in metrics_of(loss):
        raise unknown_name(f"metric of a training with {loss}:", metric, metrics_of(loss))
    from_mapping(DataConfig, settings["data"])
    config = from_mapping(TrainingConfig, settings["training"])
    if config.epochs < 1:
        raise UsageError("expected epochs to be 1 or more in a sweep, got 0")
    net = make(settings["model"], generator=torch.Generator().manual_seed(0))
    if train is not None:
        x, y = train
        metrics = ["accuracy"] if loss == "cross_entropy" else []
        try:
            evaluate(net, (x[:2], y[:2]), loss=loss, metrics=metrics)
        except RuntimeError as error:  # torch's own
            raise UsageError(
                f"the model does not take samples of shape {tuple(x.shape[1:])}: {error}"
            ) from error
