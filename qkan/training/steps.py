"""The steps of one epoch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor, nn

from qkan.training.data import Batch, Data, Loader
from qkan.training.evaluate import place_of
from qkan.training.losses import Loss, one_number
from qkan.training.run import Run

__all__ = ["Penalty", "Steps"]

_LOOK = 50
"""Steps between looks at the loss: a look waits for the device."""

Penalty: TypeAlias = Callable[[nn.Module], Tensor]


class Steps:
    """Batch by batch: the loss, its gradient, and a step of the optimiser.

    Args:
        run: The training.
        loss: What is minimised.
        penalty: What is added to it.
        targets: Held against the outputs of the first step, before anything has changed.
    """

    def __init__(
        self, run: Run, loss: Loss, penalty: Penalty | None, targets: Sequence[Tensor]
    ) -> None:
        self.run, self.loss, self.penalty = run, loss, penalty
        self._unchecked = list(targets)
        self._parameters = [p for group in run.optimizer.param_groups for p in group["params"]]
        self._place = place_of(run.model)

    def epoch(self, data: Data, advance: Callable[..., None]) -> dict[str, float]:
        """Train for one epoch; return what was measured.

        Args:
            data: To learn from.
            advance: Told how many steps are done, and of the loss.

        Raises:
            DivergedError: If the loss is not finite.
        """
        run, config = self.run, self.run.config
        rate = config.rate(run.epoch)
        for group in run.optimizer.param_groups:
            group["lr"] = rate
        run.model.train()
        started = time.perf_counter()
        steps = data.steps(config.batch_size, config.drop_last)
        losses, penalties, samples = torch.zeros(()), torch.zeros(()), 0
        batches = data.batches(config.batch_size, run.randomness.order, config.drop_last)
        for number, batch in enumerate(batches, 1):
            if isinstance(data, Loader):
                self._unchecked = [batch[1]]
            loss, penalty = self._step(batch)
            count = len(batch[0])
            samples += count
            losses = losses.to(loss) + loss * count
            if penalty is not None:
                penalties = penalties.to(penalty) + penalty * count
            if number % _LOOK == 0:
                run.require_finite({"train_loss": float(losses) / samples})
                done = run.epoch if steps is None else run.epoch * steps + number
                advance(done, status=run.status(float(losses) / samples))
        measured = {"train_loss": float(losses) / samples}
        if self.penalty is not None:
            measured["penalty"] = float(penalties) / samples
        return measured | {"learning_rate": rate, "seconds": time.perf_counter() - started}

    def _step(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Take one step; return loss and penalty as they were before it."""
        optimizer, clip = self.run.optimizer, self.run.config.clip_norm
        x, y, weights = batch
        if x.device != self._place:
            x = x.to(self._place, non_blocking=True)
        before: list[tuple[Tensor, Tensor | None]] = []

        def closure() -> Tensor:
            optimizer.zero_grad()
            outputs = self.run.model(x)
            while self._unchecked:
                self.loss.check(outputs, self._unchecked.pop())
            loss = total = self.loss(outputs, self.loss.prepare(outputs, y), weights)
            penalty = None
            if self.penalty is not None:
                penalty = one_number("the penalty", self.penalty(self.run.model))
                total = loss + penalty.to(loss.device)
            total.backward()  # type: ignore[no-untyped-call]
            if clip is not None:
                nn.utils.clip_grad_norm_(self._parameters, clip)
            before.append((loss.detach(), None if penalty is None else penalty.detach()))
            return total

        optimizer.step(closure)  # type: ignore[arg-type]  # torch asks for a float, and takes both
        return before[0]
