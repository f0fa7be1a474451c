"""What is recorded of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuits.errors import UsageError, unknown_name

__all__ = ["DivergedError", "History", "best_epoch"]


def _column(name: str, what: str) -> property:
    return property(lambda history: history[name], doc=what)


@dataclass(frozen=True)
class History:
    """What was measured in every epoch.

    Attributes:
        columns: ``train_loss``, the running mean over the epoch's steps, without penalties; ``penalty`` where there is
            one; ``val_loss`` and ``val_METRIC``, after the epoch, where there are validation data; ``learning_rate``;
            ``seconds``, of the steps alone, without validation and checkpoints.
        monitor: The column that epochs are judged by: a loss should be small, a metric large.

    Shape:
        Each column is ``(epochs,)``, float64.
    """

    columns: Mapping[str, NDArray[np.float64]]
    monitor: str = "train_loss"

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
        """The first epoch, from 0, that no later one is better than; -1 if there is none."""
        return best_epoch(self[self.monitor], self.monitor)


def best_epoch(values: NDArray[np.float64], monitor: str) -> int:
    """Return the index of the best value, the first of equals; -1 if there is none.

    Example:
        >>> best_epoch(np.array([3.0, 1.0, 1.0]), "val_loss")
        1
        >>> best_epoch(np.array([0.3, 0.5, 0.4]), "val_accuracy")
        1
    """
    if not len(values):
        return -1
    return int(np.argmin(values) if monitor.endswith("loss") else np.argmax(values))


class DivergedError(UsageError):
    """A loss or a weight that is not finite any more; ``history`` is what was measured before."""

    def __init__(self, message: str, history: History) -> None:
        super().__init__(message)
        self.history = history
