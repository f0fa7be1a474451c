"""Losses and metrics, each a number a sample, averaged; and what a model gives on data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from circuits.errors import UsageError, check_integer, unknown_name
from qkan.layers.checks import evaluating, require_tensor
from qkan.training.data import as_data

__all__ = ["METRICS", "Loss", "LossFunction", "Metric", "device_of", "evaluate", "predict"]

LossFunction: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""From outputs and targets to one number, or one a sample (which sample weights need)."""

Metric: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""From outputs and targets to one number a sample."""

_LOSSES: dict[str, Callable[..., Tensor]] = {
    "cross_entropy": functional.cross_entropy,
    "mse": functional.mse_loss,
}

_SUIT: dict[tuple[str, str], tuple[str, ...]] = {
    # What targets hold, and how a sample of them compares with one of the outputs: the losses that suit. The first is
    # taken if none was chosen; where that is no loss, it is the reason.
    ("whole numbers", "a label"): ("cross_entropy",),
    ("one-hot rows", "as many"): ("cross_entropy", "mse"),
    ("numbers", "as many"): ("mse",),
    ("numbers", "one number"): ("mse",),
    ("whole numbers", "one number"): ("classes need an output each", "mse"),
    ("whole numbers", "as many"): ("labels are one number a sample", "mse"),
    ("zeros and ones", "one number"): ("classes are whole numbers with an output each", "mse"),
    ("zeros and ones", "as many"): ("independent classes need a loss of your own", "mse"),
    ("shares", "as many"): ("probabilities need loss='cross_entropy'", "mse", "cross_entropy"),
}


class Loss:
    """A loss by its name, as a function, or None: that which the first targets ask for.

    =============  ======================  =================
    targets        a sample, of C outputs  loss
    =============  ======================  =================
    whole numbers  one, C > 1              ``cross_entropy``
    one-hot rows   C > 1                   ``cross_entropy``
    numbers        C                       ``mse``
    =============  ======================  =================

    Anything else is refused, and so is a loss that does not suit the targets.

    Raises:
        UsageError: If the name is unknown.
    """

    def __init__(self, loss: str | LossFunction | None) -> None:
        if isinstance(loss, str) and loss not in _LOSSES:
            raise unknown_name("loss", loss, _LOSSES)
        if loss is not None and not callable(loss) and not isinstance(loss, str):
            raise UsageError(f"loss is a name or a function of outputs and targets, not {loss!r}")
        self.loss = loss

    @property
    def name(self) -> str | None:
        """Its name; None before the targets have been seen."""
        return self.loss if self.loss is None or isinstance(self.loss, str) else name_of(self.loss)

    def check(self, outputs: Tensor, targets: Tensor) -> None:
        """Refuse targets that do not fit outputs, or the loss; choose the loss if none was.

        Targets may be more than the outputs are of.
        """
        if not isinstance(outputs, Tensor) or outputs.ndim == 0:
            what = f"shape {tuple(outputs.shape)}" if isinstance(outputs, Tensor) else type(outputs)
            raise UsageError(f"a model's outputs are a tensor of a row a sample, got {what}")
        if self.loss is not None and not isinstance(self.loss, str):
            return _require_rows_apart(self.name or "", self.loss, outputs, targets)
        found = (_kind(targets), _shape(outputs, targets))
        suit = _SUIT.get(found, ())
        if self.loss is None and suit and suit[0] in _LOSSES:
            self.loss = suit[0]
        if self.loss not in suit:
            what = f"targets of shape {_rows(targets)}, {found[0]}, and outputs of {_rows(outputs)}"
            usual = "labels are whole numbers, shape (N,), others have the outputs' shape"
            if self.loss is None:
                hint = f"{suit[0]}; numbers to fit need loss='mse'" if suit else usual
                raise UsageError(f"{what} do not tell the loss: {hint}")
            raise UsageError(f"{what} do not suit loss={self.loss!r}: {usual}")
        if self.loss == "cross_entropy" and found[1] == "a label":
            low, high = (int(value) for value in torch.aminmax(targets.long()))
            if low < 0 or high >= outputs.shape[1]:
                raise UsageError(
                    f"the model has {outputs.shape[1]} outputs, so labels are 0 to "
                    f"{outputs.shape[1] - 1}; {low if low < 0 else high} arrived"
                )
        return None

    def prepare(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the targets where the outputs are and, for a loss by name, in the dtype that it takes."""
        targets = targets.to(outputs.device, non_blocking=True)
        if len(outputs) != len(targets):
            raise UsageError(
                f"the model gave {len(outputs)} rows of outputs for {len(targets)} samples"
            )
        if self.loss == "mse":
            # (N,) and (N, 1): torch would spread them.
            return targets.to(outputs.dtype).reshape(outputs.shape)
        if self.loss == "cross_entropy":
            return targets.to(outputs.dtype if targets.is_floating_point() else torch.long)
        return targets

    def __call__(self, outputs: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
        """Return the mean over the samples, weighted if there are weights."""
        options = {"reduction": "mean" if weights is None else "none"}
        if isinstance(self.loss, str):
            value = _LOSSES[self.loss](outputs, targets, **options)
        else:
            value = self.loss(outputs, targets)  # type: ignore[misc]  # chosen by check()
        if weights is None:
            more = isinstance(value, Tensor) and value.ndim > 0
            return one_number(f"the loss {self.name}", value.mean() if more else value)
        if value.ndim == 0:
            raise UsageError(
                f"sample weights need a loss that gives one number a sample, {self.name} gives one "
                "number; use reduction='none' in it"
            )
        each = value.flatten(1).mean(1) if value.ndim > 1 else value
        return (each * weights.to(each)).mean()


def _kind(targets: Tensor) -> str:
    """Return what targets hold."""
    if targets.is_complex():
        return "complex numbers"
    if not targets.is_floating_point():
        return "whole numbers"
    ones = targets == 1
    if bool(((targets == 0) | ones).all()) and bool(ones.any()):
        wide = targets.ndim > 1 and targets.shape[1] > 1
        one_hot = wide and bool((ones.sum(1) == 1).all())
        return (
            "one-hot rows" if one_hot else "zeros and ones" if not bool(ones.all()) else "numbers"
        )
    if targets.ndim > 1 and targets.shape[1] > 1 and bool((targets >= 0).all()):
        sums = targets.sum(1)
        if torch.allclose(sums, torch.ones_like(sums), rtol=0, atol=1e-3):
            return "shares"
    return "numbers"


def _shape(outputs: Tensor, targets: Tensor) -> str:
    """Return how a sample of the targets compares with one of the outputs."""
    one, other = outputs.shape[1:], targets.shape[1:]
    if one.numel() == 1 and other.numel() == 1:
        return "one number"
    if one == other:
        return "as many"
    return "a label" if len(one) and one[0] > 1 and one[1:] == other else "another shape"


def _rows(tensor: Tensor) -> str:
    return f"({', '.join(['N', *map(str, tensor.shape[1:])])})"


def _require_rows_apart(
    name: str, function: LossFunction, outputs: Tensor, targets: Tensor
) -> None:
    """Refuse a function that spreads targets (N,) against outputs (N, 1), every sample with every other."""
    one = _shape(outputs, targets) == "one number"
    if one and outputs.ndim == 2 and isinstance(function, nn.CrossEntropyLoss):
        raise UsageError(
            "the cross-entropy of one output is 0 whatever it is; classes need an output each"
        )
    if outputs.shape[1:] == targets.shape[1:] or not (one or targets.is_floating_point()):
        return
    count = min(len(outputs), len(targets))
    o, t = outputs.detach()[:count], targets.to(outputs.device)[:count]
    ends = (torch.argmin, torch.argmax)
    # The rows that differ most: of equal ones, no mean tells whether they were mixed.
    rows = sorted({int(find(part.reshape(count, -1)[:, 0])) for part in (o, t) for find in ends})
    with torch.no_grad():
        each = torch.stack(
            [torch.as_tensor(function(o[[k]], t[[k]])).double().mean() for k in rows]
        )
        together = torch.as_tensor(function(o[rows], t[rows])).double().mean()
    if not any(torch.allclose(together, total, rtol=1e-4) for total in (each.mean(), each.sum())):
        raise UsageError(
            f"{name} compares every output, of shape {_rows(outputs)}, with every target, of shape {_rows(targets)}; "
            "give targets of the outputs' shape"
        )


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
    loss: Loss, metrics: str | Metric | Sequence[str | Metric] | None
) -> dict[str, Metric]:
    """Return metrics by name; those of a classification, if none were chosen."""
    if metrics is None:
        metrics = ["accuracy"] if loss.loss == "cross_entropy" else []
    if not (callable(metrics) or hasattr(metrics, "__iter__")):
        raise UsageError(f"metrics are names or functions of outputs and targets, got {metrics!r}")
    found: dict[str, Metric] = {}
    for given in [metrics] if isinstance(metrics, str) or callable(metrics) else metrics:
        if isinstance(given, str) and given not in METRICS:
            raise unknown_name("metric", given, METRICS)
        found[given if isinstance(given, str) else name_of(given)] = (
            METRICS[given] if isinstance(given, str) else given
        )
    return found


def name_of(function: Any) -> str:
    """Return what a function is called, in every process alike."""
    text = repr(function) if isinstance(function, nn.Module) else type(function).__name__
    return str(getattr(function, "__name__", text))


def evaluate(
    model: nn.Module,
    data: Any,
    *,
    loss: str | LossFunction | Loss | None = None,
    metrics: str | Metric | Sequence[str | Metric] | None = None,
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
    metrics_for(chosen, metrics)  # before anything is computed
    totals: dict[str, float] = {}
    weight = 0.0
    size = check_integer("batch_size", batch_size)
    with evaluating(model):
        place = device_of(model)
        for x, targets, weights in as_data("validation", data).batches(size):
            outputs = model(x if place is None else x.to(place))
            chosen.check(outputs, targets)
            y = chosen.prepare(outputs, targets)
            values = {
                name: _each(name, function, outputs, y)
                for name, function in metrics_for(chosen, metrics).items()
            }
            total = float(len(x) if weights is None else weights.double().sum())
            add = {"loss": float(chosen(outputs, y, weights)) * len(x)}
            add |= {
                name: float((each if weights is None else each * weights.to(each)).sum())
                for name, each in values.items()
            }
            totals = {name: totals.get(name, 0.0) + value for name, value in add.items()}
            weight += total
    return {name: value / weight for name, value in totals.items()}


def _each(name: str, function: Metric, outputs: Tensor, targets: Tensor) -> Tensor:
    """Return a metric's numbers; refuse what is not one a sample, from that sample alone."""
    values = torch.as_tensor(function(outputs, targets)).double()
    if values.shape != (len(outputs),):
        raise UsageError(
            f"the metric {name} must give one number a sample, shape ({len(outputs)},), "
            f"got {tuple(values.shape)}"
        )
    alone = torch.as_tensor(function(outputs[:1], targets[:1])).double()
    if not torch.allclose(values[:1], alone.reshape(-1), rtol=1e-3, atol=1e-6, equal_nan=True):
        raise UsageError(
            f"the metric {name} gives a sample another number where others are beside it: do outputs of shape "
            f"{tuple(outputs.shape)} and targets of {tuple(targets.shape)} spread?"
        )
    return values


def predict(model: nn.Module, x: Tensor, *, batch_size: int = 1024) -> Tensor:
    """Return a model's outputs, in evaluation mode, without gradients, batch by batch.

    Example:
        >>> predict(nn.Linear(2, 3), torch.zeros(5, 2)).shape
        torch.Size([5, 3])
    """
    require_tensor(x, "predict")
    with evaluating(model):
        place = device_of(model)
        parts = x.split(check_integer("batch_size", batch_size))  # type: ignore[no-untyped-call]
        return torch.cat([model(part if place is None else part.to(place)) for part in parts])


def device_of(model: nn.Module) -> torch.device | None:
    """Return the device that inputs are moved to: that of the first parameter."""
    return next((parameter.device for parameter in model.parameters()), None)
