"""The training loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from circuits.errors import UsageError
from qkan.config import from_mapping
from qkan.progress import Progress
from qkan.training.config import TrainingConfig
from qkan.training.data import Data, Loader, Tensors, as_data
from qkan.training.evaluate import evaluate, modes_kept
from qkan.training.history import History
from qkan.training.losses import Loss, LossFunction, Metric, metrics_for
from qkan.training.optimizers import make_optimizer
from qkan.training.run import Run, describe_data
from qkan.training.steps import Penalty, Steps

__all__ = ["fit"]


def fit(
    model: nn.Module,
    train: Any,
    validation: Any = None,
    config: TrainingConfig | Mapping[str, Any] | None = None,
    *,
    loss: str | LossFunction = "cross_entropy",
    penalty: Penalty | None = None,
    metrics: Sequence[str | Metric] | None = None,
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
            number a sample, or their mean.
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
        >>> import torch
        >>> from qkan.models.kan import KAN
        >>> model = KAN([1, 1], generator=torch.Generator().manual_seed(0))
        >>> x = torch.linspace(-1, 1, 100).unsqueeze(1)
        >>> config = TrainingConfig(epochs=5, optimizer="lbfgs", batch_size=None)
        >>> history = fit(model, (x, torch.sin(3 * x)), config=config, loss="mse")
        >>> bool(history.train_loss[-1] < 1e-3)
        True
    """
    if not isinstance(config, TrainingConfig):
        config = from_mapping(TrainingConfig, config or {})
    objective = Loss(loss)
    named = metrics_for(loss, metrics)
    data = as_data("training", train)
    held_out = None if validation is None else as_data("validation", validation)
    _check(model, data, config)
    columns = ["train_loss", *(["penalty"] if penalty else []), "learning_rate", "seconds"]
    if held_out is not None:
        columns += ["val_loss", *(f"val_{name}" for name in named)]
    generators = data.generators if isinstance(data, Loader) else []
    run = Run(model, make_optimizer(model, config), config, columns, generators)
    steps = Steps(
        run, objective, penalty, [d.y for d in (data, held_out) if isinstance(d, Tensors)]
    )
    file = None if checkpoint is None else Path(checkpoint)
    facts: dict[str, Any] = {}
    if file is not None:
        facts = {"loss": objective.name, "data": describe_data(data)}
        facts |= {"validation data": describe_data(held_out)}
    shown = Progress.on_stderr() if progress is True else progress or Progress()
    per_epoch = data.steps(config.batch_size, config.drop_last)
    with (
        modes_kept(model),
        run.randomness.lent(),
        shown.task("training", config.epochs * (per_epoch or 1)) as advance,
    ):
        if file is not None:
            run.resume(file, facts)
        while not run.finished:
            measured = steps.epoch(data, advance)
            if held_out is not None:
                size = max(config.batch_size or 0, 1024)
                with run.randomness.set_aside():
                    scores = evaluate(
                        model, held_out, loss=objective, metrics=metrics, batch_size=size
                    )
                measured |= {f"val_{name}": value for name, value in scores.items()}
            run.require_finite(measured)
            run.record(measured)
            if file is not None:
                run.save(file, facts)
            advance((per_epoch or 1) * run.epoch, status=run.status())
        return run.finish()


def _check(model: nn.Module, data: Data, config: TrainingConfig) -> None:
    """Refuse batches that cannot be made, or cannot be normalised."""
    if not isinstance(data, Tensors):
        return
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
