"""Many seeds of one softmax head, trained together in a single batched model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from circuits.errors import UsageError

__all__ = ["History", "train_softmax_heads"]


@dataclass(frozen=True)
class History:
    """What was recorded of every seed after every epoch.

    Shape:
        Each array is ``(seeds, epochs)``, float64. ``train_loss`` is the running mean over the
        epoch's batches, weighted by their sizes (what Keras prints and the published run quotes);
        ``val_loss`` and ``val_accuracy`` (0 to 1) are taken after the epoch.
    """

    train_loss: NDArray[np.float64]
    val_loss: NDArray[np.float64]
    val_accuracy: NDArray[np.float64]

    def final(self) -> dict[str, NDArray[np.float64]]:
        """Return each metric's values after the last epoch, one a seed."""
        return {name: values[:, -1] for name, values in vars(self).items()}


def train_softmax_heads(
    train: tuple[Tensor, Tensor],
    validation: tuple[Tensor, Tensor],
    *,
    seeds: Sequence[int],
    classes: int = 20,
    epochs: int = 60,
    batch_size: int = 4,
    learning_rate: float = 1e-3,
    on_epoch: Callable[[], None] = lambda: None,
) -> History:
    r"""Train one dense softmax layer per seed, all of them in one stacked model.

    .. math:: p_s(c \mid x) = \mathrm{softmax}_c (x W_s + b_s)

    The seeds share nothing: seed :math:`s` draws its Glorot-uniform :math:`W_s` (F by C) and then
    one permutation an epoch from its own generator, the losses are summed over seeds, and Adam works
    element by element. So a seed's history does not depend on which other seeds are trained beside
    it, up to the rounding of the batched products. The last, smaller batch of an epoch is kept.
    The protocol is that of the quanvolution demo: Keras' Adam (epsilon 1e-7) on the cross-entropy.

    Args:
        train: Features and integer labels to learn from.
        validation: Features and labels that are only looked at.
        seeds: One seed per head.
        classes: The number of outputs C; labels are below it.
        epochs: Passes over the training set.
        batch_size: Samples a step.
        learning_rate: Adam's.
        on_epoch: Called after every epoch (a progress bar).

    Shape:
        Features: ``(N, F)`` when all seeds see the same, or ``(seeds, N, F)``; labels: ``(N,)``.

    Raises:
        UsageError: If there is nothing to train on, or a label is not below ``classes``.

    Example:
        >>> x, y = torch.eye(3).repeat(4, 1), torch.arange(3).repeat(4)
        >>> history = train_softmax_heads((x, y), (x, y), seeds=range(5), classes=3, epochs=2)
        >>> history.val_loss.shape
        (5, 2)

    References:
        M. Henderson, S. Shakya, S. Pradhan, T. Cook, "Quanvolutional Neural Networks",
        arXiv:1904.04767; the protocol is A. Mari's demo of it for PennyLane.
        X. Glorot, Y. Bengio, AISTATS 2010; D. Kingma, J. Ba, arXiv:1412.6980.
    """
    (x, y), (x_val, y_val) = train, validation
    if len(seeds) < 1 or epochs < 1 or batch_size < 1 or len(y) < 1 or len(y_val) < 1:
        raise UsageError(
            "expected at least one seed, epoch, training and validation sample, and a batch size "
            f"of 1 or more, got {len(seeds)} seeds, {epochs} epochs, {len(y)} and {len(y_val)} "
            f"samples, batch size {batch_size}"
        )
    if max(int(y.max()), int(y_val.max())) >= classes:
        raise UsageError(f"expected labels below {classes} (the head's outputs), got a larger one")
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    heads = len(generators)
    weight = torch.stack(
        [
            nn.init.xavier_uniform_(x.new_empty(x.shape[-1], classes), generator=generator)
            for generator in generators
        ]
    ).requires_grad_()
    bias = x.new_zeros(heads, 1, classes).requires_grad_()
    adam = torch.optim.Adam([weight, bias], lr=learning_rate, eps=1e-7, fused=True)
    each_head = torch.arange(heads)[:, None]
    records: list[Tensor] = []
    for _ in range(epochs):
        order = torch.stack([torch.randperm(len(y), generator=g) for g in generators])
        running = x.new_zeros(heads)
        for start in range(0, len(y), batch_size):
            batch = order[:, start : start + batch_size]
            samples = x[batch] if x.ndim == 2 else x[each_head, batch]
            losses = _cross_entropy(torch.baddbmm(bias, samples, weight), y[batch])
            adam.zero_grad()
            losses.mean(dim=1).sum().backward()  # type: ignore[no-untyped-call]
            adam.step()
            running += losses.detach().sum(dim=1)
        with torch.no_grad():
            logits = torch.baddbmm(bias, x_val.expand(heads, -1, -1), weight)
            val_loss = _cross_entropy(logits, y_val.expand(heads, -1)).mean(dim=1)
            accuracy = (logits.argmax(dim=-1) == y_val).double().mean(dim=1)
        records.append(torch.stack([running.double() / len(y), val_loss.double(), accuracy]))
        on_epoch()
    train_losses, val_losses, accuracies = torch.stack(records, dim=-1).numpy()
    return History(train_losses, val_losses, accuracies)


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the loss of every sample: (S, B, C) and (S, B) to (S, B)."""
    return nn.functional.cross_entropy(logits.movedim(-1, 1), labels, reduction="none")
