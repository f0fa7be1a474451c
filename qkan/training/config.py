"""What can be set about a training, and the optimiser that it names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import torch
from torch import nn
from torch.optim import LBFGS, Adam, AdamW, Optimizer

from circuits.errors import UsageError, unknown_name
from qkan.config import at_least, check, setting

__all__ = ["TrainingConfig", "make_optimizer"]


@dataclass(frozen=True)
class TrainingConfig:
    """How a model is trained: everything that changes its numbers, but the data and the loss.

    Raises:
        UsageError: If a setting is out of range, or one that the optimiser does not know.

    Example:
        >>> TrainingConfig(epochs=60, optimizer="adamw", gamma=0.9).initial_rate
        0.001
    """

    epochs: int = setting(10, "Passes over the training data.")
    batch_size: int | None = setting(64, "Samples a step; all of them where it is left out.")
    optimizer: Literal["adam", "adamw", "lbfgs"] = setting("adam", "adam, adamw or lbfgs.")
    learning_rate: float | None = setting(None, "The first rate (1e-3; lbfgs: 1).")
    weight_decay: float = setting(0.0, "As torch's Adam (L2) and AdamW (decoupled) have it.")
    gamma: float | None = setting(None, "The factor of the learning rate from epoch to epoch.")
    clip_norm: float | None = setting(None, "The largest norm of a gradient.")
    max_iter: int = setting(20, "Iterations of lbfgs on each batch.")
    drop_last: bool = setting(False, "Leave out the last batch if it is smaller.")
    patience: int | None = setting(None, "Epochs without a better one, after which it stops.")
    monitor: str | None = setting(
        None, "What the best epoch is judged by (val_loss, or train_loss without validation)."
    )
    direction: Literal["min", "max"] | None = setting(
        None, "Whether a small or a large one is better; known of losses and the accuracy."
    )
    restore_best: bool | None = setting(
        None, "End with the weights of the best epoch (with patience yes, else no)."
    )
    seed: int = setting(0, "What the order of the data and dropout are drawn from.")

    def __new__(cls, *_: Any, **settings: Any) -> Self:
        """Refuse unknown settings with a hint; what Python says of them has none."""
        for name in settings.keys() - cls.__dataclass_fields__.keys():
            raise unknown_name("setting", name, cls.__dataclass_fields__)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        check(self)
        at_least(self, epochs=0, batch_size=1, max_iter=1, patience=1, seed=0)
        for name in ("learning_rate", "gamma", "clip_norm"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise UsageError(f"expected {name} to be positive and finite, got {value}")
        if not 0 <= self.weight_decay < math.inf:
            raise UsageError(f"expected weight_decay to be 0 or more, got {self.weight_decay}")
        if self.optimizer == "lbfgs" and (self.weight_decay or self.clip_norm):
            raise UsageError(
                "lbfgs knows neither weight_decay nor clip_norm: its line search needs the "
                "gradient of what it minimises; give fit a penalty instead"
            )

    @property
    def initial_rate(self) -> float:
        """The learning rate of the first epoch."""
        if self.learning_rate is not None:
            return self.learning_rate
        return 1.0 if self.optimizer == "lbfgs" else 1e-3

    def rate(self, epoch: int) -> float:
        """Return the learning rate of an epoch, from 0."""
        return self.initial_rate * (1.0 if self.gamma is None else self.gamma**epoch)

    @property
    def restores_best(self) -> bool:
        """Whether the model ends with the weights of its best epoch."""
        return self.patience is not None if self.restore_best is None else self.restore_best


def make_optimizer(parameters: Sequence[nn.Parameter], config: TrainingConfig) -> Optimizer:
    """Return the optimiser of the parameters that are to be trained.

    L-BFGS has a strong Wolfe line search and a history of 50 steps, and stops within a batch only
    where it can go no further.

    Raises:
        UsageError: If there are none.
    """
    if not parameters:
        raise UsageError("the model has no parameter that requires a gradient: nothing to train")
    rate = config.initial_rate
    if config.optimizer == "lbfgs":
        return LBFGS(
            parameters,
            lr=rate,
            max_iter=config.max_iter,
            history_size=50,
            tolerance_grad=torch.finfo(parameters[0].dtype).tiny,
            tolerance_change=torch.finfo(parameters[0].dtype).eps ** 2,
            line_search_fn="strong_wolfe",
        )
    fused = all(p.device.type in ("cpu", "cuda") and p.is_floating_point() for p in parameters)
    kind = Adam if config.optimizer == "adam" else AdamW
    return kind(parameters, lr=rate, weight_decay=config.weight_decay, fused=fused)
