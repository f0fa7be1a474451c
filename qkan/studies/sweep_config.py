"""What a sweep is: its settings, and which of them it varies, each over a list of values or a range."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from circuits.errors import UsageError, unknown_name
from qkan.config import at_least, check, from_mapping, read_toml, setting

if TYPE_CHECKING:
    from optuna import Trial

__all__ = ["Choice", "Dimension", "Range", "SweepConfig", "merged", "parse_space", "read_config"]

_TRIALS = 20
_SECTIONS = ("model", "data", "training")


@dataclass(frozen=True)
class SweepConfig:
    """All that decides a sweep's trials and their numbers.

    Attributes:
        model: The model's settings, with its ``kind``.
        space: What is varied: ``{"model": {...}, "data": {...}, "training": {...}}``.
        data: Settings of :class:`qkan.studies.sweep_trial.DataConfig`.
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
        config = replace(config, data={**config.data, "file": str(path.parent.resolve() / file)})
    return config


@dataclass(frozen=True)
class Choice:
    """One of several values, which may be lists or tables themselves."""

    values: tuple[Any, ...]

    def suggest(self, trial: Trial, name: str) -> Any:
        """Return the value of a trial; Optuna knows only plain values, so that others are labels to it."""
        label = trial.suggest_categorical(name, self.grid(name))
        return {_label(value): value for value in self.values}[label]

    @property
    def extremes(self) -> tuple[Any, ...]:
        """Values that must all be valid before the sweep begins."""
        return self.values

    def grid(self, name: str) -> list[Any]:
        """Return the labels of all values."""
        return [_label(value) for value in self.values]


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

    def suggest(self, trial: Trial, name: str) -> Any:
        """Return the number of a trial."""
        if self.whole:
            low, high, step = int(self.low), int(self.high), int(self.step or 1)
            return trial.suggest_int(name, low, high, step=step, log=self.log)
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)

    @property
    def extremes(self) -> tuple[Any, ...]:
        """Values that must all be valid before the sweep begins."""
        return (self.low, self.high)

    def grid(self, name: str) -> list[Any]:
        """Return all values.

        Raises:
            UsageError: If there is no end of them.
        """
        step = self.step or (1 if self.whole and not self.log else None)
        if step is None:
            raise UsageError(
                f"space.{name}: a grid needs a list of values, or a range with a step; got a continuous one"
            )
        count = int((self.high - self.low) / step + 1e-9) + 1
        return [self.low + k * step for k in range(count)]


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
            labels = {
                _label(value) for value in given
            }  # to Python, 1 and 1.0 and True are the same
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


def _label(value: Any) -> str | float | int | bool:
    return value if isinstance(value, str | float | int | bool) else json.dumps(value)
