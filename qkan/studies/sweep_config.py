"""What a sweep is: its settings, which of them it varies, data that are never a test set, and one trial.

A setting is varied over a list of values or a range.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
import zipfile
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from circuits.errors import UsageError, unknown_name
from qkan.config import at_least, check, from_mapping, read_toml, setting
from qkan.data import mnist
from qkan.models import make
from qkan.training import TrainingConfig, evaluate, fit

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

__all__ = [
    "Choice",
    "DataConfig",
    "Dimension",
    "Range",
    "SweepConfig",
    "check_settings",
    "checksum",
    "label",
    "load",
    "loss_of",
    "merged",
    "parse_space",
    "read_arrays",
    "read_config",
    "train_trial",
]

_TRIALS = 20

_SHARE = 5
"""One sample of so many is for validation, if nothing else is said."""

_SECTIONS = ("model", "data", "training")


@dataclass(frozen=True)
class SweepConfig:
    """All that decides a sweep's trials and their numbers.

    Attributes:
        model: The model's settings, with its ``kind``.
        space: What is varied: ``{"model": {...}, "data": {...}, "training": {...}}``.
        data: Settings of :class:`DataConfig`.
        training: Settings of :class:`qkan.training.TrainingConfig`.

    Raises:
        UsageError: If a setting is of another type or out of range.

    Example:
        >>> SweepConfig({"kind": "mlp"}, {"model": {"sizes": [[784, 10]]}}, metric="val_accuracy").direction
        'maximize'
    """

    model: dict[str, Any]
    space: dict[str, Any]
    data: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    loss: Literal["cross_entropy", "mse"] | None = setting(None, "By default as the targets are.")
    metric: str = setting("val_loss", "What is to be good, where the training ends.")
    direction: Literal["maximize", "minimize"] | None = setting(
        None, "By default a loss is minimised, all else maximised."
    )
    sampler: Literal["grid", "random", "tpe"] = setting("tpe", "How settings are chosen.")
    trials: int | None = setting(None, f"How many ({_TRIALS}; grid: all).")
    repeats: int = setting(1, "Trainings a trial, from successive seeds; their mean counts.")
    seed: int = setting(0, "What random settings, and the split of a file's data, are drawn from.")

    def __post_init__(self) -> None:
        check(self)
        at_least(self, trials=1, repeats=1, seed=0)
        if self.direction is None:
            better = "minimize" if self.metric.endswith("loss") else "maximize"
            object.__setattr__(self, "direction", better)
        if self.trials is None and self.sampler != "grid":
            object.__setattr__(self, "trials", _TRIALS)


def read_config(path: Path) -> SweepConfig:
    """Return the sweep that a TOML file describes; a data file's name is relative to it.

    Raises:
        UsageError: If a setting is unknown, missing or wrong.
        OSError: If the file cannot be read.
    """
    config = read_toml(SweepConfig, path)
    file = config.data.get("file")
    if isinstance(file, str):
        config = replace(
            config,
            data={**config.data, "file": str(path.parent.resolve() / Path(file).expanduser())},
        )
    return config


@dataclass(frozen=True)
class Choice:
    """One of several values, which may be lists or tables themselves."""

    values: tuple[Any, ...]

    @property
    def extremes(self) -> tuple[Any, ...]:
        """Values that must all be valid before the sweep begins."""
        return self.values

    @property
    def count(self) -> int:
        """How many values a grid has."""
        return len(self.values)

    def at(self, position: int) -> Any:
        """Return a value of the grid."""
        return self.values[position]

    def distribution(self) -> BaseDistribution:
        """Return what Optuna draws from; it knows only plain values, so others are drawn as their labels."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(list(map(label, self.values)))

    def value(self, drawn: Any) -> Any:
        """Return the value that was drawn."""
        return {label(value): value for value in self.values}[drawn]


@dataclass(frozen=True)
class Range:
    """A whole or real number between two bounds, both of them included."""

    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = None

    def __post_init__(self) -> None:
        low, high, step = self.low, self.high, self.step
        if not -math.inf < low < high < math.inf:
            raise UsageError(f"expected low < high, got {low} and {high}")
        if self.log and low <= 0:
            raise UsageError(f"a logarithmic range needs low > 0, got {low}")
        if step is not None and (self.log or step <= 0 or (self.whole and step % 1)):
            raise UsageError(
                f"expected a positive step, whole between whole numbers, and not with log; got {step}"
            )

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are meant: both bounds are written as such."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def extremes(self) -> tuple[Any, ...]:
        """Values that must all be valid before the sweep begins."""
        return (self.low, self.high)

    @property
    def count(self) -> int | None:
        """How many values a grid has; None if there is no end of them."""
        step = self.step or (1 if self.whole and not self.log else None)
        return None if step is None else int((self.high - self.low) / step + 1e-9) + 1

    def at(self, position: int) -> Any:
        """Return a value of the grid."""
        value = self.low + position * (self.step or 1)
        return int(value) if self.whole else float(value)

    def distribution(self) -> BaseDistribution:
        """Return what Optuna draws from."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.whole:
            return IntDistribution(int(self.low), int(self.high), self.log, int(self.step or 1))
        return FloatDistribution(self.low, self.high, self.log, self.step)

    def value(self, drawn: Any) -> Any:
        """Return the number that was drawn."""
        return drawn


Dimension = Choice | Range


def parse_space(space: Mapping[str, Any]) -> dict[str, Dimension]:
    """Return what is varied, by names such as ``training.learning_rate``.

    Args:
        space: Tables by section, or names with dots; see :mod:`qkan.studies.sweep`.

    Raises:
        UsageError: If a section is unknown, a list empty, or a range upside down.

    Example:
        >>> parse_space({"training": {"gamma": [0.8, 0.9]}, "model.grid": {"low": 2, "high": 8}})
        {'training.gamma': Choice(values=(0.8, 0.9)), 'model.grid': Range(low=2, high=8, ...)}
        >>> parse_space({"model": {"grid": {"low": 8, "high": 2}}})
        Traceback (most recent call last):
        circuits.errors.UsageError: space.model.grid: expected low < high, got 8 and 2
    """
    found = dict(_dimensions((), space))
    if not found:
        raise UsageError(
            "the space is empty: name at least one setting to vary, such as training.gamma = [0.8, 0.9]"
        )
    return found


def merged(base: Mapping[str, Any], point: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with those of ``point``, by names with dots, in place.

    Example:
        >>> merged({"model": {"kind": "mlp"}}, {"model.dropout": 0.1})
        {'model': {'kind': 'mlp', 'dropout': 0.1}}
    """
    result = deepcopy(dict(base))
    for name, value in point.items():
        *tables, last = name.split(".")
        table = result
        for key in tables:
            table = table.setdefault(key, {})
            if not isinstance(table, dict):
                raise UsageError(
                    f"space.{name}: {key} is {table!r}, which has no settings of its own"
                )
        table[last] = value
    return result


def _dimensions(path: tuple[str, ...], table: Mapping[str, Any]) -> Iterator[tuple[str, Dimension]]:
    for key, given in table.items():
        parts = (*path, *key.split("."))
        name = ".".join(parts)
        if parts[0] not in _SECTIONS:
            raise unknown_name("section of the space", parts[0], _SECTIONS)
        if isinstance(given, list):
            labels = {label(value) for value in given}  # to Python, 1 and 1.0 and True are the same
            if not labels or len(labels) < len(given):
                raise UsageError(
                    f"space.{name}: expected a list of different values, got {given!r}"
                )
            yield name, Choice(tuple(given))
        elif not isinstance(given, Mapping):
            raise UsageError(
                f"space.{name}: expected a list of values or {{low = ..., high = ...}}, got {given!r}"
            )
        elif not {"low", "high"} & given.keys():
            yield from _dimensions(parts, given)
        else:
            try:
                yield name, from_mapping(Range, given)
            except UsageError as error:
                raise UsageError(f"space.{name}: {error}") from error


def label(value: Any) -> str | float | int | bool:
    """Return a value itself, or the text by which a list or a table is drawn and shown."""
    return value if isinstance(value, str | float | int | bool) else json.dumps(value)


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


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of a ``.npz`` file.

    Raises:
        UsageError: If it is none.
    """
    if not path.is_file():  # a pipe would block
        raise UsageError(f"{path} is not a .npz file of arrays")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (
        OSError,
        ValueError,
        EOFError,
        AttributeError,
        MemoryError,
        zipfile.BadZipFile,
    ) as error:
        raise UsageError(f"{path} is not a .npz file of arrays: {error}") from error


def _read(path: Path) -> Split:
    found = read_arrays(path)
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
