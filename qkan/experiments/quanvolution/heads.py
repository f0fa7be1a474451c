"""The two heads of the experiment on all of MNIST, trained side by side on streamed features."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

__all__ = ["HEADS", "Split", "make_head", "train_heads"]

HEADS = ("linear", "cnn")

Features = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Split:
    """8-bit images and their labels.

    Shape:
        ``(N, 1, 28, 28)`` and ``(N,)``
    """

    images: Tensor
    labels: Tensor

    def batches(self, size: int, order: Tensor | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield images (0 to 1, float32) and labels in the given order."""
        chosen = torch.arange(len(self.labels)) if order is None else order
        for batch in chosen.split(size):  # type: ignore[no-untyped-call]
            yield self.images[batch].float() / 255, self.labels[batch]


def make_head(kind: str, channels: int, side: int, generator: torch.Generator) -> nn.Module:
    """Return a head of ten outputs for features of shape ``(N, channels, side, side)``.

    ``linear`` is one dense layer; ``cnn`` has two 3x3 convolutions of 8 and 16 channels, each with
    ReLU and 2x2 pooling, before it. Weights are Glorot uniform, biases zero.

    Example:
        >>> head = make_head("cnn", channels=4, side=14, generator=torch.Generator())
        >>> head(torch.zeros(2, 4, 14, 14)).shape
        torch.Size([2, 10])
    """
    layers: list[nn.Module] = []
    if kind == "cnn":
        for width in (8, 16):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
            channels, side = width, side // 2
    head = nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * side**2, 10))
    for parameter in head.parameters():
        if parameter.ndim > 1:
            nn.init.xavier_uniform_(parameter, generator=generator)
        else:
            nn.init.zeros_(parameter)
    return head


def train_heads(
    features: Features,
    train: Split,
    validation: Split,
    test: Split,
    *,
    seed: int,
    epochs: int,
    batch_size: int,
    on_epoch: Callable[[], None] = lambda: None,
) -> dict[str, NDArray[np.float64]]:
    """Train both heads on the same stream of features, and test each once.

    The features of a batch are computed when it is needed, so that memory does not grow with their
    number; the heads share nothing else. Adam, its rate falling from 1e-3 to 0 as a cosine. Each
    head keeps the weights of the epoch with the best validation accuracy, and only these see the
    test images.

    Returns:
        ``{"HEAD.METRIC": values}``: ``train_loss``, ``val_loss``, ``val_accuracy`` for every epoch,
        ``best_epoch`` (from 0), and ``test_loss``, ``test_accuracy``, each of one value.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        _, channels, side, _ = features(train.images[:1].float() / 255).shape
    heads = nn.ModuleDict({kind: make_head(kind, channels, side, generator) for kind in HEADS})
    best: dict[str, nn.Module] = {}
    adam = torch.optim.Adam(heads.parameters(), lr=1e-3, fused=True)
    steps = epochs * -(-len(train.labels) // batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    record: dict[str, list[float]] = {}
    for _ in range(epochs):
        running = dict.fromkeys(HEADS, 0.0)
        order = torch.randperm(len(train.labels), generator=generator)
        for images, labels in train.batches(batch_size, order):
            with torch.no_grad():
                maps = features(images)
            losses = {k: nn.functional.cross_entropy(h(maps), labels) for k, h in heads.items()}
            adam.zero_grad()
            torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
            adam.step()
            schedule.step()
            for kind in HEADS:
                running[kind] += losses[kind].item() * len(labels)
        scores = _evaluate(heads, features, validation)
        for kind, (val_loss, accuracy) in scores.items():
            seen = record.get(f"{kind}.val_accuracy", [])
            if not seen or accuracy > max(seen):
                best[kind] = deepcopy(heads[kind])
                record[f"{kind}.best_epoch"] = [len(seen)]
            train_loss = running[kind] / len(train.labels)
            record.setdefault(f"{kind}.train_loss", []).append(train_loss)
            record.setdefault(f"{kind}.val_loss", []).append(val_loss)
            record.setdefault(f"{kind}.val_accuracy", []).append(accuracy)
        on_epoch()
    for kind, (test_loss, accuracy) in _evaluate(nn.ModuleDict(best), features, test).items():
        record[f"{kind}.test_loss"], record[f"{kind}.test_accuracy"] = [test_loss], [accuracy]
    return {name: np.array(values, dtype=np.float64) for name, values in record.items()}


@torch.no_grad()
def _evaluate(
    heads: nn.ModuleDict, features: Features, split: Split
) -> dict[str, tuple[float, float]]:
    """Return the mean loss and the accuracy of every head."""
    totals = {kind: np.zeros(2) for kind in heads}
    for images, labels in split.batches(1000):
        maps = features(images)
        for kind, head in heads.items():
            logits = head(maps)
            loss = nn.functional.cross_entropy(logits, labels, reduction="sum")
            hits = (logits.argmax(dim=1) == labels).sum()
            totals[kind] += np.array([loss.item(), hits.item()])
    count = len(split.labels)
    return {
        kind: (float(loss) / count, float(hits) / count) for kind, (loss, hits) in totals.items()
    }
