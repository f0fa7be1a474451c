"""What is recorded of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuits.errors import UsageError, unknown_name

__all__ = ["DivergedError", "History", "direction_of"]


def _column(name: str, what: str) -> property:
    return property(lambda history: history[name], doc=what)


@dataclass(frozen=True)
class History:
    """What was measured in every epoch.

    Attributes:
        columns: ``train_loss``, the running mean over the epoch's steps, without penalties; ``penalty`` where there is
            one; ``val_loss`` and ``val_METRIC``, after the epoch, where there are validation data; ``learning_rate``;
            ``seconds``, of the steps alone, without validation and checkpoints.
        monitor: The column that epochs are judged by.
        direction: Whether it should be small, ``"min"``, or large, ``"max"``.

    Shape:
        Each column is ``(epochs,)``, float64.
    """

    columns: Mapping[str, NDArray[np.float64]]
    monitor: str = "train_loss"
    direction: str | None = None

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        """Return a column.

        Raises:
            UsageError: If nothing of that name was measured.
        """
        if name not in self.columns:
            raise unknown_name("column of the history", name, self.columns)
        return self.columns[name]

    def __len__(self) -> int:
        return len(self.columns["train_loss"])

    train_loss = _column("train_loss", "The mean loss of the training steps.")
    val_loss = _column("val_loss", "The loss on the validation data.")
    val_accuracy = _column(
        "val_accuracy", "The share of the validation data that is classified correctly."
    )
    learning_rate = _column("learning_rate", "The learning rate.")
    seconds = _column("seconds", "The time that the steps took.")

    @property
    def best_epoch(self) -> int:
        """The first epoch, from 0, that no later one is better than; -1 if there is none.

        Example:
            >>> History({"val_loss": np.array([3.0, 1.0, 1.0])}, "val_loss").best_epoch
            1
            >>> History({"val_mae": np.array([3.0, 5.0, 4.0])}, "val_mae", "max").best_epoch
            1
        """
        values = self[self.monitor]
        find = np.argmax if direction_of(self.monitor, self.direction) == "max" else np.argmin
        return int(find(values)) if len(values) else -1


def direction_of(monitor: str, direction: str | None) -> str:
    """Return whether a column should be small, ``"min"``, or large, ``"max"``.

    Raises:
        UsageError: If it was not said, of a metric that only its author knows.
    """
    known = "max" if monitor == "val_accuracy" else "min"
    if (
        direction is None
        and monitor.startswith("val_")
        and monitor not in ("val_loss", "val_accuracy")
    ):
        raise UsageError(
            f"is a small or a large {monitor} better? Say TrainingConfig(monitor={monitor!r}, "
            "direction='min') or 'max'"
        )
    if (
        direction is not None
        and monitor in ("val_loss", "train_loss", "val_accuracy")
        and direction != known
    ):
        raise UsageError(f"the best {monitor} is the {known}imum, not direction={direction!r}")
    return direction or known


class DivergedError(UsageError):
    """A loss or a weight that is not finite any more; ``history`` is what was measured before."""

    def __init__(self, message: str, history: History) -> None:
        super().__init__(message)
        self.history = history
