"""The training loop: the state of a training, an epoch, a step."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from circuits.errors import UsageError, unknown_name
from qkan.config import from_mapping
from qkan.layers.checks import modes_kept
from qkan.progress import Progress
from qkan.training import checkpoint as files
from qkan.training.config import TrainingConfig, make_optimizer
from qkan.training.data import Batch, Data, Loader, Tensors, as_data, checksums
from qkan.training.history import DivergedError, History, direction_of
from qkan.training.losses import (
    Loss,
    LossFunction,
    Metric,
    device_of,
    evaluate,
    metrics_for,
    name_of,
    one_number,
)

__all__ = ["Penalty", "fit"]

_SINCE = ("direction", "model", "penalty")
"""What the first checkpoints did not say."""

_LOOK = 50
"""Steps between looks at the loss: a look waits for the device."""

Penalty: TypeAlias = Callable[[nn.Module], Tensor]


def fit(
    model: nn.Module,
    train: Any,
    validation: Any = None,
    config: TrainingConfig | Mapping[str, Any] | None = None,
    *,
    loss: str | LossFunction | None = None,
    penalty: Penalty | None = None,
    metrics: str | Metric | Sequence[str | Metric] | None = None,
    checkpoint: str | Path | None = None,
    progress: Progress | bool | None = None,
) -> History:
    r"""Train a model in place.

    .. math:: \min_\theta \; \frac{1}{N} \sum_n w_n \, \ell(f_\theta(x_n), y_n) + P(\theta)

    Given the same data, settings and first weights, the result is the same on a CPU, bit for bit,
    whether the training ran through or was killed and went on from its checkpoint, and whatever
    else draws random numbers. (What circuits sample on a backend with shots is not in a
    checkpoint.) The model's mode, training or evaluation, is afterwards as it was.

    Args:
        model: Any module. Batches are moved to its first parameter's device, targets to that of
            its outputs.
        train: ``(inputs, targets)`` or ``(inputs, targets, weights)``: tensors, which are
            shuffled and indexed in place; or a DataLoader that gives such batches, and whose batch
            size then counts. Weights may be negative; those of tensors are scaled to the mean 1.
        validation: Likewise, to be looked at after every epoch.
        config: The settings, also as a mapping.
        loss: ``"cross_entropy"``; ``"mse"``; or a function of outputs and targets that gives one
            number a sample, or their mean. By default the one that the targets ask for: labels
            and one-hot rows the cross-entropy, numbers in the shape of the outputs the squared error;
            where both could be meant, the error says so.
        penalty: A function of the model, added to the loss of every step.
        metrics: ``"accuracy"``, or functions of outputs and targets that give one number a sample;
            by default the accuracy of a classification.
        checkpoint: A file that is written after every epoch; if it is there, the training goes
            on from it.
        progress: Who is told; True for a bar in the terminal.

    Returns:
        What was measured in every epoch.

    Raises:
        UsageError: If data, labels, settings or checkpoint do not fit each other or the model.
        DivergedError: If the loss or a weight is not finite any more. The checkpoint is that of
            the last epoch in which all was.

    Example:
        >>> from qkan.models import KAN
        >>> model = KAN([1, 1], generator=torch.Generator().manual_seed(0))
        >>> x = torch.linspace(-1, 1, 100).unsqueeze(1)
        >>> config = TrainingConfig(epochs=5, optimizer="lbfgs", batch_size=None)
        >>> history = fit(model, (x, torch.sin(3 * x)), config=config, loss="mse")
        >>> bool(history.train_loss[-1] < 1e-3)
        True
    """
    if not isinstance(model, nn.Module):
        raise UsageError(f"fit trains a torch.nn.Module, got {type(model).__name__}")
    if not isinstance(config, TrainingConfig | Mapping | None):
        raise UsageError(f"config is a TrainingConfig or a mapping of its settings, got {config!r}")
    if not (penalty is None or callable(penalty)):
        raise UsageError(f"penalty is a function of the model, got {penalty!r}")
    if not isinstance(config, TrainingConfig):
        config = from_mapping(TrainingConfig, config or {})
    objective = Loss(loss)
    data = as_data("training", train)
    held_out = None if validation is None else as_data("validation", validation)
    _check_data(model, data, held_out, config, checkpoint is not None)
    training = _Training(model, config, objective, penalty, metrics, data, held_out)
    shown = Progress.on_stderr() if progress is True else progress or Progress()
    if not isinstance(shown, Progress):
        raise UsageError(f"progress is True or a qkan.progress.Progress, got {progress!r}")
    per_epoch = data.steps(config.batch_size, config.drop_last)
    path = None if checkpoint is None else Path(checkpoint).expanduser()
    with (
        nullcontext() if path is None else files.held(path),
        modes_kept(model),
        training.randomness.lent(),
        shown.task("training", config.epochs * (per_epoch or 1)) as advance,
    ):
        if path is not None:
            training.resume(path)
        while not training.finished:
            measured = training.run_epoch(advance)
            if held_out is not None:
                size = max(config.batch_size or 0, 1024)
                with training.randomness.set_aside():
                    scores = evaluate(
                        model, held_out, loss=objective, metrics=metrics, batch_size=size
                    )
                measured |= {f"val_{name}": value for name, value in scores.items()}
            training.record(measured)
            if path is not None:
                training.save(path)
            advance((per_epoch or 1) * training.epoch, status=training.status())
        return training.finish()


class _Training:
    """All that a training goes on from: weights, optimiser, random numbers, what was measured."""

    def __init__(
        self,
        model: nn.Module,
        config: TrainingConfig,
        loss: Loss,
        penalty: Penalty | None,
        metrics: str | Metric | Sequence[str | Metric] | None,
        data: Data,
        held_out: Data | None,
    ) -> None:
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = make_optimizer(self.parameters, config)
        self.model, self.config, self.loss, self.penalty = model, config, loss, penalty
        self.data, self.held_out, self.metrics = data, held_out, metrics
        self.randomness = files.Randomness(config.seed, model, data, held_out)
        self.columns: dict[str, list[float]] = {name: [] for name in self._names()}
        self.monitor = config.monitor or ("train_loss" if held_out is None else "val_loss")
        later = held_out is not None and loss.name is None and self.monitor == "val_accuracy"
        if self.monitor not in self.columns and not later:
            raise unknown_name("column to monitor", self.monitor, self.columns)
        direction_of(self.monitor, config.direction)  # known, or asked for before the training
        self.best: dict[str, Tensor] | None = None
        # Held against the outputs of the first step, before anything has changed.
        self._unchecked = [d.y for d in (data, held_out) if isinstance(d, Tensors)]
        self._device = device_of(model)

    @property
    def epoch(self) -> int:
        """How many epochs are done."""
        return len(self.columns["train_loss"])

    def _names(self) -> list[str]:
        """Return what is measured; the metrics may follow from the loss that the targets ask for."""
        names = ["train_loss", *(["penalty"] if self.penalty else []), "learning_rate", "seconds"]
        found = ["loss", *metrics_for(self.loss, self.metrics)]
        return names + [f"val_{name}" for name in found if self.held_out is not None]

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or none was better for too long."""
        if self.epoch >= self.config.epochs:
            return True
        patience = self.config.patience
        return patience is not None and self.epoch - 1 - self.history().best_epoch >= patience

    def run_epoch(self, advance: Callable[..., None]) -> dict[str, float]:
        """Train for one epoch and return what was measured; ``advance`` is told of the steps."""
        config, data = self.config, self.data
        rate = config.rate(self.epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.model.train()
        started = time.perf_counter()
        steps = data.steps(config.batch_size, config.drop_last)
        losses, penalties, samples = torch.zeros(()), torch.zeros(()), 0
        batches = data.batches(config.batch_size, self.randomness.order, config.drop_last)
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
                mean = float(losses) / samples
                self.require_finite({"train_loss": mean})
                done = self.epoch if steps is None else self.epoch * steps + number
                advance(done, status=self.status(mean))
        measured = {"train_loss": float(losses) / samples}
        if self.penalty is not None:
            measured["penalty"] = float(penalties) / samples
        return measured | {"learning_rate": rate, "seconds": time.perf_counter() - started}

    def _step(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Take one step; return loss and penalty as they were before it."""
        x, y, weights = batch
        if x.device != self._device:
            x = x.to(self._device, non_blocking=True)
        before: list[tuple[Tensor, Tensor | None]] = []

        def closure() -> Tensor:
            self.optimizer.zero_grad()
            outputs = self.model(x)
            while self._unchecked:
                self.loss.check(outputs, self._unchecked.pop())
            loss = total = self.loss(outputs, self.loss.prepare(outputs, y), weights)
            penalty = None
            if self.penalty is not None:
                penalty = one_number("the penalty", self.penalty(self.model))
                total = loss + penalty.to(loss.device)
            total.backward()  # type: ignore[no-untyped-call]
            if self.config.clip_norm is not None:
                nn.utils.clip_grad_norm_(self.parameters, self.config.clip_norm)
            before.append((loss.detach(), None if penalty is None else penalty.detach()))
            return total

        self.optimizer.step(closure)  # type: ignore[arg-type]  # torch asks for a float, takes both
        return before[0]

    def require_finite(self, measured: Mapping[str, float]) -> None:
        """Refuse to go on with what is broken, before a checkpoint is made of it."""
        broken = [name for name, value in measured.items() if not math.isfinite(value)]
        broken += [n for n, p in self.model.named_parameters() if not bool(p.isfinite().all())]
        if broken:
            raise DivergedError(
                f"{broken[0]} is not finite in epoch {self.epoch + 1} of {self.config.epochs}, at "
                f"the learning rate {self.config.rate(self.epoch):g}; lower it, or set clip_norm. "
                "A checkpoint, if there is one, holds the epoch before",
                self.history(),
            )

    def record(self, measured: dict[str, float]) -> None:
        """Keep what an epoch measured, and its weights if it is the best."""
        self.require_finite(measured)
        for name, value in measured.items():
            self.columns.setdefault(name, []).append(value)
        if self.monitor not in self.columns:  # of a classification, which it turned out not to be
            raise unknown_name("column to monitor", self.monitor, self.columns)
        if self.config.restores_best and self.history().best_epoch == self.epoch - 1:
            self.best = {k: v.detach().clone() for k, v in self.model.state_dict().items()}

    def status(self, loss: float | None = None) -> str:
        """Return what a progress bar says: epoch, loss, accuracy and learning rate."""
        last = {name: values[-1] for name, values in self.columns.items() if values}
        shown = {
            "loss": last.get("train_loss") if loss is None else loss,
            "val_accuracy": last.get("val_accuracy"),
        }
        parts = [f"{name} {value:.4g}" for name, value in shown.items() if value is not None]
        rate = f"rate {self.config.rate(self.epoch):.3g}"
        return ", ".join([f"epoch {self.epoch}", *parts, rate])

    def history(self) -> History:
        """Return what was measured."""
        columns = {name: np.array(values) for name, values in self.columns.items()}
        return History(columns, self.monitor, self.config.direction)

    def finish(self) -> History:
        """Put the best weights back, if that is asked for, and return what was measured."""
        if self.config.restores_best and self.best is not None:
            self.model.load_state_dict(self.best)
        return self.history()

    def save(self, path: Path) -> None:
        """Write a checkpoint of the epochs that are done."""
        state = {
            "model": dict(self.model.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "random": self.randomness.state(),
            "columns": {k: torch.tensor(v, dtype=torch.float64) for k, v in self.columns.items()},
            "best": self.best,
        }
        files.write(path, self.facts, state)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint, if there is one; refuse that of another training."""
        try:
            state = files.read_newest(path, lambda facts: self._require_same(path, facts))
            if state is None:
                return
            self._require_fitting(state)
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.randomness.restore(state["random"])
            self.columns = {name: values.tolist() for name, values in state["columns"].items()}
            self.best = state["best"]
        except UsageError:
            raise
        except Exception as error:  # whatever a file may hold
            raise UsageError(f"{path} is the checkpoint of another model: {error}") from error

    def _require_fitting(self, state: Mapping[str, Any]) -> None:
        """Refuse a state that is not of this model, its optimiser and what is measured."""
        own, groups = self.optimizer.state_dict(), state["optimizer"]["param_groups"]
        same = [{k: v for k, v in g.items() if k != "lr"} for g in own["param_groups"]]
        if same != [{k: v for k, v in g.items() if k != "lr"} for g in groups]:
            raise ValueError("its optimiser is set otherwise")
        sizes = {1, *(p.numel() for p in self.parameters), sum(p.numel() for p in self.parameters)}
        found = list(_tensors(state["optimizer"]["state"]))
        if any(t.numel() not in sizes or not bool(t.isfinite().all()) for t in found):
            raise ValueError("its optimiser is one of other parameters, or not finite")
        weights = self.model.state_dict()
        for kept in (state["model"], state["best"]):
            known = {k: (v.shape, v.dtype) for k, v in weights.items()}
            if kept is not None and {k: (v.shape, v.dtype) for k, v in kept.items()} != known:
                raise ValueError("its weights have other names, shapes or types")
            if kept is not None and not all(bool(v.isfinite().all()) for v in kept.values()):
                raise ValueError("its weights are not finite")
        lengths = {len(v) for v in state["columns"].values() if v.dtype == torch.float64}
        if list(state["columns"]) != list(self.columns) or len(lengths) != 1:
            raise ValueError("what it measured is something else")

    @cached_property
    def facts(self) -> dict[str, Any]:
        """All that a training must have in common with the checkpoint it goes on from."""
        return {
            **asdict(self.config),
            "model": _described(self.model),
            "penalty": None if self.penalty is None else name_of(self.penalty),
            "columns": list(self.columns),
            "loss": self.loss.name,
            "data": checksums(self.data),
            "validation data": checksums(self.held_out),
        }

    def _require_same(self, path: Path, facts: Mapping[str, Any]) -> None:
        if self.loss.name is None and facts.get("loss") in ("cross_entropy", "mse"):
            self.loss.loss = facts["loss"]  # of the same data, which asked for it then
            self.columns = {name: [] for name in self._names()}
        changed = [
            f"{name}: {facts.get(name)}, now {value}"
            for name, value in self.facts.items()
            if name != "epochs" and facts.get(name, value if name in _SINCE else None) != value
        ]
        if changed:
            raise UsageError(
                f"{path} is the checkpoint of another training ({'; '.join(changed)}); go on with "
                "the same settings and data (only epochs may differ), or choose another file"
            )


def _described(model: nn.Module) -> Any:
    """Return what a model says that it is, as JSON has it, or its kind."""
    try:
        return json.loads(json.dumps(model.spec()))  # type: ignore[operator]
    except Exception:  # not one of qkan.models, which stand beside this package
        return type(model).__name__


def _tensors(tree: Any) -> Iterator[Tensor]:
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, dict | list | tuple):
        for part in tree.values() if isinstance(tree, dict) else tree:
            yield from _tensors(part)


def _check_data(
    model: nn.Module, data: Data, held_out: Data | None, config: TrainingConfig, resumes: bool
) -> None:
    """Refuse batches that cannot be made or normalised, validation data of another kind, orders that are lost."""
    for part in (data, held_out):
        if resumes and isinstance(part, Loader):
            part.require_resumable()
    if not isinstance(data, Tensors):
        return
    if isinstance(held_out, Tensors):
        one, other = ((part.x.dtype, *part.x.shape[1:]) for part in (data, held_out))
        if one != other:
            raise UsageError(
                f"a training input has dtype and shape {one}, one of the validation data {other}"
            )
    if data.steps(config.batch_size, config.drop_last) == 0:
        raise UsageError(
            f"{len(data)} samples do not fill one batch of {config.batch_size}; choose a smaller "
            "batch_size, or drop_last=False"
        )
    last = len(data) % (config.batch_size or len(data)) or config.batch_size or len(data)
    normalises = any(isinstance(module, nn.BatchNorm1d) for module in model.modules())
    if last == 1 and normalises and not config.drop_last:
        raise UsageError(
            f"the last of the batches of {config.batch_size} is a single sample, of which batch "
            "normalisation knows no spread; choose another batch_size, or drop_last=True"
        )
