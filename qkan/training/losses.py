"""Losses and metrics, each a number a sample, averaged; and what a model gives on data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from circuits.errors import UsageError, unknown_name
from qkan.layers.checks import evaluating
from qkan.training.data import as_data

__all__ = [
    "METRICS",
    "Loss",
    "LossFunction",
    "Metric",
    "device_of",
    "evaluate",
    "metrics_for",
    "one_number",
    "predict",
]

LossFunction: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""From outputs and targets to one number, or one a sample (which sample weights need)."""

Metric: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""From outputs and targets to one number a sample."""


class Loss:
    """A loss by its name or as a function.

    Args:
        loss: ``"cross_entropy"``, for labels or class probabilities; ``"mse"``; or a function.

    Raises:
        UsageError: If the name is unknown.
    """

    def __init__(self, loss: str | LossFunction) -> None:
        if isinstance(loss, str) and loss not in ("cross_entropy", "mse"):
            raise unknown_name("loss", loss, ["cross_entropy", "mse"])
        self.loss = loss
        self.name = loss if isinstance(loss, str) else getattr(loss, "__name__", repr(loss))

    def prepare(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the targets where the outputs are and, of a regression, in their shape and dtype."""
        targets = targets.to(outputs.device, non_blocking=True)
        if self.loss == "mse":
            targets = targets.to(outputs.dtype)
            if targets.shape != outputs.shape and targets.numel() == outputs.numel():
                targets = targets.view_as(outputs)  # (N,) and (N, 1): torch would spread them
        return targets

    def check(self, outputs: Tensor, targets: Tensor) -> None:
        """Refuse targets that do not fit outputs: labels that are no classes, or other shapes."""
        if not isinstance(self.loss, str):
            return
        if self.loss == "mse" or targets.is_floating_point():
            one, wanted = targets[0].numel(), outputs[0].numel()
            if one != wanted:
                raise UsageError(
                    f"the model has outputs of shape {tuple(outputs.shape[1:])}, the targets have "
                    f"{tuple(targets.shape[1:])}; "
                    + ("they must agree" if self.loss == "mse" else "labels are whole numbers")
                )
            return
        if outputs.ndim != targets.ndim + 1:
            raise UsageError(
                f"labels of shape (N,) need outputs of shape (N, classes), got "
                f"{tuple(targets.shape)} and {tuple(outputs.shape)}"
            )
        low, high = (int(value) for value in torch.aminmax(targets))
        if low < 0 or high >= outputs.shape[1]:
            raise UsageError(
                f"the model has {outputs.shape[1]} outputs, so labels are 0 to "
                f"{outputs.shape[1] - 1}; {low if low < 0 else high} arrived"
            )

    def __call__(self, outputs: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
        """Return the mean over the samples, weighted if there are weights."""
        if weights is None:
            value = self._value(outputs, targets, "mean")
            if isinstance(value, Tensor) and value.ndim > 0:
                value = value.mean()
            return one_number(f"the loss {self.name}", value)
        values = self._value(outputs, targets, "none")
        if values.ndim == 0:
            raise UsageError(
                f"sample weights need a loss that gives one number a sample, {self.name} gives one "
                "number; use reduction='none' in it"
            )
        each = values.flatten(1).mean(1) if values.ndim > 1 else values
        return (each * weights.to(each)).mean()

    def _value(self, outputs: Tensor, targets: Tensor, reduction: str) -> Tensor:
        match self.loss:
            case "cross_entropy":
                if not targets.is_floating_point():
                    targets = targets.long()
                return functional.cross_entropy(outputs, targets, reduction=reduction)
            case "mse":
                return functional.mse_loss(outputs, targets, reduction=reduction)
        assert not isinstance(self.loss, str)
        return self.loss(outputs, targets)


def one_number(what: str, value: object) -> Tensor:
    """Return a tensor of one number; refuse what is none."""
    if not isinstance(value, Tensor) or value.ndim > 0:
        shape = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise UsageError(f"{what} must be a tensor of one number, got {shape}")
    return value


def accuracy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return 1 where the largest output is that of the label, else 0."""
    labels = targets.argmax(1) if targets.is_floating_point() else targets
    return outputs.argmax(1) == labels


METRICS: dict[str, Metric] = {"accuracy": accuracy}


def metrics_for(
    loss: str | LossFunction | Loss, metrics: Sequence[str | Metric] | None
) -> dict[str, Metric]:
    """Return metrics by name; those of a classification, if none were chosen."""
    if metrics is None:
        classifies = (loss.loss if isinstance(loss, Loss) else loss) == "cross_entropy"
        metrics = ["accuracy"] if classifies else []
    found: dict[str, Metric] = {}
    for given in metrics:
        if not isinstance(given, str):
            found[getattr(given, "__name__", repr(given))] = given
        elif given in METRICS:
            found[given] = METRICS[given]
        else:
            raise unknown_name("metric", given, METRICS)
    return found


def evaluate(
    model: nn.Module,
    data: Any,
    *,
    loss: str | LossFunction | Loss = "cross_entropy",
    metrics: Sequence[str | Metric] | None = None,
    batch_size: int = 1024,
) -> dict[str, float]:
    """Return the mean loss and metrics of a model on data, each sample by its weight.

    Args:
        model: Looked at in evaluation mode, and left as it was.
        data: ``(inputs, targets)`` or ``(inputs, targets, weights)``, or a DataLoader.
        loss: See :func:`fit`.
        metrics: See :func:`fit`.
        batch_size: Samples at once.

    Raises:
        UsageError: If the data do not fit.

    Example:
        >>> x, y = torch.eye(3), torch.tensor([0, 1, 1])
        >>> evaluate(nn.Identity(), (x, y))["accuracy"]
        0.66666...
    """
    chosen = loss if isinstance(loss, Loss) else Loss(loss)
    named = metrics_for(loss, metrics)
    totals = dict.fromkeys(["loss", *named], 0.0)
    weight = 0.0
    with evaluating(model):
        place = device_of(model)
        for x, targets, weights in as_data("validation", data).batches(batch_size):
            outputs = model(x if place is None else x.to(place))
            chosen.check(outputs, targets)
            y = chosen.prepare(outputs, targets)
            total = float(len(x) if weights is None else weights.double().sum())
            totals["loss"] += float(chosen(outputs, y, weights)) * len(x)
            for name, function in named.items():
                values = function(outputs, y).double()
                if values.shape != (len(x),):
                    raise UsageError(
                        f"the metric {name} must give one number a sample, shape ({len(x)},), "
                        f"got {tuple(values.shape)}"
                    )
                values = values if weights is None else values * weights.to(values)
                totals[name] += float(values.sum())
            weight += total
    return {name: value / weight for name, value in totals.items()}


def predict(model: nn.Module, x: Tensor, *, batch_size: int = 1024) -> Tensor:
    """Return a model's outputs, in evaluation mode, without gradients, batch by batch.

    Example:
        >>> predict(nn.Linear(2, 3), torch.zeros(5, 2)).shape
        torch.Size([5, 3])
    """
    with evaluating(model):
        place = device_of(model)
        parts = x.split(batch_size)  # type: ignore[no-untyped-call]
        return torch.cat([model(part if place is None else part.to(place)) for part in parts])


def device_of(model: nn.Module) -> torch.device | None:
    """Return the device that inputs are moved to: that of the first parameter."""
    return next((parameter.device for parameter in model.parameters()), None)
