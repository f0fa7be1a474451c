"""One trial of a sweep: data that are never a test set, and a model made, trained and judged, wherever it runs."""

from __future__ import annotations

import hashlib
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from circuits.errors import UsageError, unknown_name
from qkan.config import check, from_mapping
from qkan.data import mnist
from qkan.models import make
from qkan.training import TrainingConfig, evaluate, fit

__all__ = ["DataConfig", "check_settings", "checksum", "load", "loss_of", "train_trial"]

_SHARE = 5
"""One sample of so many is for validation, if nothing else is said."""

Split = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class DataConfig:
    """Training images of MNIST, or the samples in a file.

    Attributes:
        file: A ``.npz`` file with arrays ``x`` (N, ...) and ``y`` (N,) or (N, outputs); its samples are shuffled.
        full: All of MNIST, where there is no file.
        train: How many samples are learnt from; by default all that are not for validation.
        validation: How many of the others judge; by default a fifth of all.
    """

    file: str | None = None
    full: bool = False
    train: int | None = None
    validation: int | None = None

    def __post_init__(self) -> None:
        check(self)
        if self.file is not None and self.full:
            raise UsageError("expected a file or full = true (all of MNIST), got both")


def load(config: DataConfig, seed: int, data_dir: Path | None = None) -> tuple[Split, Split]:
    """Return what is learnt from, and what is judged by.

    Args:
        config: Which.
        seed: The order of a file's samples, before they are split.
        data_dir: Where all of MNIST is.

    Shape:
        Inputs ``(N, ...)`` in float32, MNIST ``(N, 1, 28, 28)`` from 0 to 1; targets int64 or float32.

    Raises:
        UsageError: If the file is not such a one, or there are too few samples.
    """
    if config.file is None:
        images = mnist(full=config.full, data_dir=data_dir)
        x, y = images.train_images.float() / 255, images.train_labels
    else:
        x, y = _read(Path(config.file))
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
        x, y = x[order], y[order]
    m = len(x) // _SHARE if config.validation is None else config.validation
    n = len(x) - m if config.train is None else config.train
    if n < 1 or m < 1 or n + m > len(x):
        raise UsageError(
            f"expected training and validation samples, together at most {len(x):,}, got {n:,} and {m:,}"
        )
    return (x[:n], y[:n]), (x[n : n + m], y[n : n + m])


def checksum(config: DataConfig, data_dir: Path | None = None) -> str:
    """Return the SHA-256 of the data that are read."""
    if config.file is None:
        return mnist(full=config.full, data_dir=data_dir).sha256
    return hashlib.sha256(Path(config.file).read_bytes()).hexdigest()


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
        data: See :class:`DataConfig`.
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
        rows.append([history[name][epoch] for name in _metrics(loss)])
    columns = dict(zip(_metrics(loss), np.array(rows).T, strict=True))
    parameters, seconds = np.array(net.num_parameters), np.array(time.monotonic() - started)
    return {**columns, "parameters": parameters, "seconds": seconds}


def loss_of(targets: Tensor) -> str:
    """Return the loss that targets ask for: labels are whole numbers."""
    return "mse" if targets.is_floating_point() else "cross_entropy"


def check_settings(settings: Mapping[str, Any], *, loss: str, metric: str, train: Split) -> None:
    """Find what is wrong with a trial's settings without training.

    Args:
        settings: ``model``, ``data`` and ``training``.
        loss: The loss.
        metric: What is optimised.
        train: The training samples, two of which are put through the model.

    Raises:
        UsageError: If a setting is unknown or out of range, or the model does not fit the data.
    """
    if metric not in _metrics(loss):
        raise unknown_name(f"metric of a training with {loss}:", metric, _metrics(loss))
    from_mapping(DataConfig, settings["data"])
    config = from_mapping(TrainingConfig, settings["training"])
    if config.epochs < 1:
        raise UsageError("expected epochs to be 1 or more in a sweep, got 0")
    net = make(settings["model"], generator=torch.Generator().manual_seed(0))
    x, y = train
    metrics = ["accuracy"] if loss == "cross_entropy" else []
    try:
        evaluate(net, (x[:2], y[:2]), loss=loss, metrics=metrics)
    except RuntimeError as error:  # torch's own
        raise UsageError(
            f"the model does not take samples of shape {tuple(x.shape[1:])}: {error}"
        ) from error


def _metrics(loss: str) -> list[str]:
    """Return what is measured in a training with this loss."""
    return ["train_loss", "val_loss"] + (["val_accuracy"] if loss == "cross_entropy" else [])


def _read(path: Path) -> Split:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise UsageError(f"{path} is not a .npz file with arrays x and y: {error}") from error
    if not {"x", "y"} <= found.keys():
        raise UsageError(f"expected arrays x and y in {path}, got {', '.join(found) or 'none'}")
    x, y = found["x"], found["y"]
    if x.dtype.kind not in "fiub" or y.dtype.kind not in "fiub" or len(x) != len(y) or x.ndim < 2:
        raise UsageError(
            f"expected numbers x (N, ...) and y (N, ...) in {path}, got {x.dtype} {x.shape} and {y.dtype} {y.shape}"
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise UsageError(f"{path} holds NaN or infinite values; clean the data first")
    targets = torch.from_numpy(y.astype(np.float32 if y.dtype.kind == "f" else np.int64))
    return torch.from_numpy(x.astype(np.float32)), targets
