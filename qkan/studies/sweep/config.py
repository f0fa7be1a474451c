"""What a sweep is: a model, data, a training, and which of their settings are varied.

It is written as TOML, like what ``qkan sweep --example`` prints. In ``[space]``, a list holds values (which may be
lists themselves), and ``{ low = ..., high = ... }`` is a range: of whole numbers if both ends are, with ``log = true``
logarithmic, with ``step`` in steps. The training's seed may be varied like any other setting.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from circuits.errors import UsageError
from qkan.config import check, read_toml, setting

__all__ = ["SweepConfig", "read_config"]

_TRIALS = 20


@dataclass(frozen=True)
class SweepConfig:
    """All that decides a sweep's trials and their numbers.

    Attributes:
        model: The model's settings, with its ``kind``.
        space: What is varied: ``{"model": {...}, "data": {...}, "training": {...}}``.
        data: Settings of :class:`qkan.studies.sweep.data.DataConfig`.
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
        for name in ("trials", "repeats"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"expected {name} to be 1 or more, got {value}")
        if self.seed < 0:
            raise UsageError(f"expected seed to be 0 or more, got {self.seed}")
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
