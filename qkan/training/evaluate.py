"""What a model gives on data, without training it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from circuits.errors import UsageError
from qkan.training.data import as_data
from qkan.training.losses import Loss, LossFunction, Metric, metrics_for

__all__ = ["evaluate", "modes_kept", "place_of", "predict"]


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
    with _evaluating(model):
        place = place_of(model)
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
    with _evaluating(model):
        place = place_of(model)
        parts = x.split(batch_size)  # type: ignore[no-untyped-call]
        return torch.cat([model(part if place is None else part.to(place)) for part in parts])


def place_of(model: nn.Module) -> torch.device | None:
    """Return the device that inputs are moved to: that of the first parameter."""
    return next((parameter.device for parameter in model.parameters()), None)


@contextmanager
def modes_kept(model: nn.Module) -> Iterator[None]:
    """Leave every part of a model in the mode, training or evaluation, that it was in."""
    modes = {module: module.training for module in model.modules()}
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    with modes_kept(model), torch.no_grad():
        model.eval()
        yield
