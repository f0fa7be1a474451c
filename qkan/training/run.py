"""The state of one training, from epoch to epoch."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from circuits.errors import UsageError, unknown_name
from qkan.training import checkpoint
from qkan.training.config import TrainingConfig
from qkan.training.data import Data, Tensors
from qkan.training.history import History, best_epoch
from qkan.training.randomness import Randomness

__all__ = ["DivergedError", "Run", "describe_data"]


class DivergedError(UsageError):
    """A loss or a weight that is not finite any more.

    Attributes:
        history: What was measured before.
    """

    def __init__(self, message: str, history: History) -> None:
        super().__init__(message)
        self.history = history


class Run:
    """All that a training goes on from: weights, optimiser, random numbers, what was measured.

    Args:
        model: Trained in place.
        optimizer: Of its parameters.
        config: The settings.
        columns: What is measured in every epoch.
        generators: What the data draw from.

    Raises:
        UsageError: If what epochs are to be judged by is not measured.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        config: TrainingConfig,
        columns: Sequence[str],
        generators: Sequence[torch.Generator] = (),
    ) -> None:
        self.model, self.optimizer, self.config = model, optimizer, config
        self.monitor = config.monitor or ("val_loss" if "val_loss" in columns else "train_loss")
        if self.monitor not in columns:
            raise unknown_name("column to monitor", self.monitor, columns)
        self.randomness = Randomness(config.seed, model, generators)
        self.columns: dict[str, list[float]] = {name: [] for name in columns}
        self.best: dict[str, Tensor] | None = None

    @property
    def epoch(self) -> int:
        """How many epochs are done."""
        return len(self.columns["train_loss"])

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or none was better for too long."""
        if self.epoch >= self.config.epochs:
            return True
        patience = self.config.patience
        return patience is not None and self.epoch - 1 - self.best_epoch >= patience

    @property
    def best_epoch(self) -> int:
        """The best epoch so far, from 0; -1 before the first."""
        return best_epoch(np.array(self.columns[self.monitor]), self.monitor)

    def record(self, measured: dict[str, float]) -> None:
        """Keep what an epoch measured, and its weights if it is the best."""
        for name, value in measured.items():
            self.columns[name].append(value)
        if self.config.restores_best and self.best_epoch == self.epoch - 1:
            self.best = {k: v.detach().clone() for k, v in self.model.state_dict().items()}

    def require_finite(self, measured: Mapping[str, float]) -> None:
        """Refuse to go on with what is broken, before a checkpoint is made of it.

        Raises:
            DivergedError: If what was measured or a weight is NaN or infinite.
        """
        broken = [name for name, value in measured.items() if not math.isfinite(value)]
        broken += [n for n, p in self.model.named_parameters() if not bool(p.isfinite().all())]
        if broken:
            raise DivergedError(
                f"{broken[0]} is not finite in epoch {self.epoch + 1} of {self.config.epochs}, at "
                f"the learning rate {self.config.rate(self.epoch):g}; lower it, or set clip_norm. "
                "A checkpoint, if there is one, holds the epoch before",
                self.history(),
            )

    def status(self, loss: float | None = None) -> str:
        """Return what a progress bar says: epoch, loss, accuracy and learning rate."""
        last = {name: values[-1] for name, values in self.columns.items() if values}
        loss = last.get("train_loss") if loss is None else loss
        shown = {"loss": loss, "val_accuracy": last.get("val_accuracy")}
        parts = [f"{name} {value:.4g}" for name, value in shown.items() if value is not None]
        return ", ".join(
            [f"epoch {self.epoch}", *parts, f"rate {self.config.rate(self.epoch):.3g}"]
        )

    def history(self) -> History:
        """Return what was measured."""
        columns = {name: np.array(values) for name, values in self.columns.items()}
        return History(columns, self.monitor)

    def finish(self) -> History:
        """Put the best weights back, if that is asked for, and return what was measured."""
        if self.config.restores_best and self.best is not None:
            self.model.load_state_dict(self.best)
        return self.history()

    def save(self, path: Path, data: dict[str, Any]) -> None:
        """Write a checkpoint of the epochs that are done."""
        facts = self._facts(data)
        state = {
            "model": dict(self.model.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "random": self.randomness.state(),
            "columns": {k: torch.tensor(v, dtype=torch.float64) for k, v in self.columns.items()},
            "best": self.best,
        }
        checkpoint.write(path, facts, state)

    def resume(self, path: Path, data: dict[str, Any]) -> None:
        """Go on from a checkpoint, if there is one.

        Raises:
            UsageError: If it is that of another training.
        """
        checkpoint.prepare(path)

        def usable(facts: dict[str, Any]) -> None:
            changed = [
                f"{name}: {facts.get(name)}, now {value}"
                for name, value in self._facts(data).items()
                if facts.get(name) != value and name != "epochs"
            ]
            if changed:
                raise UsageError(
                    f"{path} is the checkpoint of another training ({'; '.join(changed)}); go on with "
                    "the same settings and data (only epochs may differ), or choose another file"
                )

        state = checkpoint.read_newest(path, usable)
        if state is None:
            return
        try:
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError) as error:
            raise UsageError(f"{path} is the checkpoint of another model: {error}") from error
        self.randomness.restore(state["random"])
        self.columns = {name: values.tolist() for name, values in state["columns"].items()}
        self.best = state["best"]

    def _facts(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return all that a training must have in common with the checkpoint it goes on from."""
        return asdict(self.config) | {"columns": list(self.columns)} | data


def describe_data(data: Data | None) -> list[int] | None:
    """Return what tells tensors apart, the number of samples and checksums; None for other data."""
    if not isinstance(data, Tensors):
        return None
    return [
        len(data),
        *(
            zlib.crc32(t.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
            for t in (data.x, data.y, data.weights)
            if t is not None
        ),
    ]
