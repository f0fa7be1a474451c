"""The quanvolution on all of MNIST: 1, 4 and 9 filters, and their controls, under a linear and a small CNN head."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from circuits import Circuit, quanvolutional_filter, without_entanglement
from circuits.backends import Backend
from circuits.errors import UsageError
from qkan.config import as_mapping
from qkan.data import MNIST, mnist
from qkan.experiments.mnist_task import ten_classes
from qkan.experiments.quanvolution_filter import LABELS, Config, Filter, pixels
from qkan.plotting import Measured, plot_tradeoff
from qkan.store import Store
from qkan.studies.report import (
    Picture,
    Record,
    Section,
    Table,
    difference_sentence,
    percent,
    points,
)
from qkan.studies.run import Places, RunFolder
from qkan.studies.statistics import differences_to, paired_difference, summarise
from qkan.studies.study import Results, Study

__all__ = ["Arm", "Split", "arms_of", "make_head", "run", "train_heads", "workload"]

FILTER_COUNTS = (1, 4, 9)

HEADS = {"linear": "linear head", "cnn": "small convolutional head"}

_CURVES = ("train_loss", "val_loss", "val_accuracy")

Features = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Arm:
    """One kind of feature in one number of channels.

    Attributes:
        kind: ``quantum``, ``classical``, ``no_entanglement`` or ``random_features``.
        filters: How many filters (for the controls: as many channels as so many filters have).
        channels: How many channels.
    """

    kind: str
    filters: int
    channels: int

    @property
    def name(self) -> str:
        """What its tasks are called; in ``results.json`` a head is added: ``quantum_16_cnn``."""
        return f"{self.kind}_{self.channels}"


def arms_of(circuit: Circuit) -> list[Arm]:
    """Return the arms: raw pixels, and three kinds of features in each number of channels.

    The raw pixels of a patch become channels, so that all arms have the same heads.
    """
    outputs = circuit.num_observables
    kinds = ("quantum", "no_entanglement", "random_features")
    return [Arm("classical", 1, circuit.num_inputs)] + [
        Arm(kind, count, count * outputs) for count in FILTER_COUNTS for kind in kinds
    ]


def run(config: Config, places: Places) -> RunFolder:
    """Train every arm under both heads from every seed; what is finished is read back.

    The first filter of a layer is the configured one, the others are random filters, drawn anew
    for every seed, as the cosines are. The configuration is settled.

    Raises:
        UsageError: If there are too few training images for the validation split.
    """
    chosen = _checked(config)
    data = ten_classes(mnist(full=True, data_dir=places.data_dir))
    _splits(config, data)
    of = {"filter": chosen.key, "config": as_mapping(chosen.config), "data": data.sha256}
    where = chosen.backend
    places.progress.say(f"backend {where.name}: {where.reason or 'as asked'}")
    return Study(
        "quanvolution",
        f"Quanvolution on all of {data.name}",
        config,
        {arm.name: {**asdict(arm), "of": of} for arm in arms_of(chosen.circuit)},
        config.seeds or 0,
        partial(train, config=config, data_dir=places.data_dir, cache_dir=places.cache_dir),
        partial(conclude, chosen, data, places),
        chosen.facts(data, sum(count for _, _, count in workload(config))),
    ).run(places)


def workload(config: Config) -> list[tuple[Circuit, Backend, int]]:
    """Return the circuits of all quantum arms and seeds, where they run, and their nodes."""
    chosen = _checked(config)
    return [
        (circuit, chosen.backend, circuit.num_nodes)
        for arm in arms_of(chosen.circuit)
        for seed in range(config.seeds or 0)
        for circuit in _filters(arm, chosen, seed)
    ]


def _checked(config: Config) -> Filter:
    """Return the filter, which must have a series.

    Raises:
        UsageError: If it has none, or is to be evaluated directly.
    """
    if config.evaluate == "direct":
        raise UsageError(
            "--full runs every filter on 13.7 million patches, epoch after epoch: expected "
            "evaluate to be fourier or auto, got direct"
        )
    chosen = Filter.of(replace(config, evaluate="fourier"))
    chosen.circuit.require_series()
    return chosen


def _filters(arm: Arm, chosen: Filter, seed: int) -> list[Circuit]:
    """Return the circuits of an arm: the configured one first, then random ones."""
    if arm.kind not in ("quantum", "no_entanglement"):
        return []
    wires = chosen.circuit.num_wires
    filters = [chosen.circuit] + [
        quanvolutional_filter("random", wires=wires, seed=1000 * seed + number)
        for number in range(1, arm.filters)
    ]
    return [without_entanglement(f) for f in filters] if arm.kind == "no_entanglement" else filters


def features_of(arm: Arm, chosen: Filter, seed: int, store: Store) -> nn.Module:
    """Return what makes the features of an arm from images, ``(N, 1, H, W)`` to ``(N, C, H', W')``."""
    if arm.kind == "classical":
        return nn.PixelUnshuffle(chosen.patch)
    if arm.kind == "random_features":
        return chosen.cosines(arm.channels, seed)
    return chosen.layer_from_cache(_filters(arm, chosen, seed), store)


def train(
    *,
    seed: int,
    kind: str,
    filters: int,
    channels: int,
    of: object,
    config: Config,
    data_dir: Path | None,
    cache_dir: Path | None,
) -> dict[str, NDArray[np.float64]]:
    """Train both heads on one arm's features, in whichever process: it loads the images itself."""
    arm = Arm(kind, filters, channels)
    return train_heads(
        features_of(arm, _checked(config), seed, Store(cache_dir)),
        *_splits(config, mnist(full=True, data_dir=data_dir)),
        seed=seed,
        epochs=config.epochs or 0,
        batch_size=config.batch_size or 0,
    )


class Split(NamedTuple):
    """8-bit images ``(N, 1, 28, 28)`` and their labels ``(N,)``."""

    images: Tensor
    labels: Tensor

    def batches(self, size: int, order: Tensor | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield images (0 to 1, float32) and labels in the given order."""
        chosen = torch.arange(len(self.labels)) if order is None else order
        for batch in chosen.split(size):  # type: ignore[no-untyped-call]
            yield self.images[batch].float() / 255, self.labels[batch]


def _splits(config: Config, data: MNIST) -> tuple[Split, Split, Split]:
    """Return training, validation and test images; the validation images are training images."""
    n, m = config.train or 0, config.validation or 0
    if n + m > len(data.train_labels):
        raise UsageError(
            f"expected train + validation to be at most {len(data.train_labels):,} (the validation "
            f"images are taken from the training set), got {n:,} + {m:,}"
        )
    return (
        Split(data.train_images[:n], data.train_labels[:n]),
        Split(data.train_images[n : n + m], data.train_labels[n : n + m]),
        Split(data.test_images, data.test_labels),
    )


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
) -> dict[str, NDArray[np.float64]]:
    """Train both heads on the same stream of features, and test each once.

    The features of a batch are computed when it is needed, so that memory does not grow with their
    number; the heads share nothing else. Adam, its rate falling from 1e-3 to 0 as a cosine. Each
    head keeps the weights of the epoch with the best validation accuracy, and only these see the
    test images.

    Returns:
        ``{"HEAD_METRIC": values}``: ``train_loss``, ``val_loss`` and ``val_accuracy`` for every
        epoch; ``best_epoch`` (from 0), ``test_loss`` and ``test_accuracy`` are single values.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        _, channels, side, _ = features(train.images[:1].float() / 255).shape
    heads = nn.ModuleDict({kind: make_head(kind, channels, side, generator) for kind in HEADS})
    best: dict[str, nn.Module] = {}
    adam = torch.optim.Adam(heads.parameters(), lr=1e-3, fused=True)
    steps = epochs * -(-len(train.labels) // batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    curves: dict[str, list[float]] = {f"{k}_{metric}": [] for k in HEADS for metric in _CURVES}
    finals: dict[str, float] = {}
    for epoch in range(epochs):
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
        for kind, (loss, accuracy) in _evaluate(heads, features, validation).items():
            if not epoch or accuracy > max(curves[f"{kind}_val_accuracy"]):
                best[kind] = deepcopy(heads[kind])
                finals[f"{kind}_best_epoch"] = epoch
            curves[f"{kind}_train_loss"].append(running[kind] / len(train.labels))
            curves[f"{kind}_val_loss"].append(loss)
            curves[f"{kind}_val_accuracy"].append(accuracy)
    for kind, (loss, accuracy) in _evaluate(nn.ModuleDict(best), features, test).items():
        finals |= {f"{kind}_test_loss": loss, f"{kind}_test_accuracy": accuracy}
    return {name: np.array(values, dtype=np.float64) for name, values in (curves | finals).items()}


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


def chosen_values(runs: Sequence[Mapping[str, Any]], head: str) -> dict[str, NDArray[np.float64]]:
    """Return every metric of one head at the epoch that validation chose, one value a seed."""
    best = [int(seed[f"{head}_best_epoch"]) for seed in runs]
    values = {
        metric: np.array([seed[f"{head}_{metric}"][k] for seed, k in zip(runs, best, strict=True)])
        for metric in _CURVES
    }
    for metric in ("test_loss", "test_accuracy"):
        values[metric] = np.array([float(seed[f"{head}_{metric}"]) for seed in runs])
    return values


def conclude(
    chosen: Filter, data: MNIST, places: Places, results: Results, folder: RunFolder
) -> Record:
    """Return the record of a run, and draw its figures."""
    arms, config, series = arms_of(chosen.circuit), chosen.config, chosen.series()
    values = {
        f"{arm.name}_{head}": chosen_values(results.runs[arm.name], head)
        for head in HEADS
        for arm in arms
    }
    summary, sections = summarise(values), []
    differences: dict[str, Any] = {}
    sentences = [chosen.sentence(series)]
    text = (
        f"Mean ± standard deviation over {config.seeds} seeds. {config.train:,} training images; "
        f"{config.validation:,} others of the training set chose the epoch (of {config.epochs}) whose weights were "
        f"kept; the {len(data.test_labels):,} test images were used once, for these. The further filters and the "
        "cosines are drawn anew for every seed. The last column is the paired difference to the raw pixels under the "
        "same head, with its 95 % interval."
    )
    for head, label in HEADS.items():
        names = {arm: f"{arm.name}_{head}" for arm in arms}
        of_head = {name: values[name] for name in names.values()}
        gains = differences_to(names[arms[0]], of_head)
        differences |= gains
        sentences.append(_against_cosines(config, data, arms, values, head))
        columns: dict[str, Callable[..., object]] = {
            "arm": lambda arm, _: f"{LABELS[arm.kind]}, {arm.channels} channels",
            "validation / %": lambda _, name: percent(summary[name]["val_accuracy"]),
            "test / %": lambda _, name: percent(summary[name]["test_accuracy"]),
            "difference / points": lambda _, name, gains=gains: (
                points(gains[name]["test_accuracy"]) if name in gains else ""
            ),
        }
        sections.append(Section(label.capitalize(), [text], Table.of(columns, names)))
        text = "As above."
    images = pixels(data.train_images[:4])
    maps = chosen.features(chosen.circuit, images, places).maps
    sections[-1] = replace(sections[-1], pictures=[_scaling(arms, values, folder)])
    sections.append(chosen.section("The first filter", series, images, maps, folder))
    verdict = {"difference_to_classical": differences, "sentences": sentences}
    return Record(summary, verdict, sections)


def _scaling(arms: Sequence[Arm], values: Mapping[str, Any], folder: RunFolder) -> Picture:
    panels: dict[str, dict[str, list[Measured]]] = {f"channels, {h}": {} for h in HEADS.values()}
    for head, label in HEADS.items():
        for arm in arms:
            percents = 100 * np.asarray(values[f"{arm.name}_{head}"]["test_accuracy"])
            mean, sd = percents.mean(), percents.std(ddof=min(1, len(percents) - 1))
            point = Measured(arm.channels, mean, mean - sd, mean + sd)
            panels[f"channels, {label}"].setdefault(LABELS[arm.kind], []).append(point)
    caption = (
        "Test accuracy against the number of channels: mean and standard deviation over seeds."
    )
    return Picture.save(folder, "scaling", caption, plot_tradeoff(panels, "test accuracy / %"))


def _against_cosines(
    config: Config, data: MNIST, arms: Sequence[Arm], values: Mapping[str, Any], head: str
) -> str:
    """Compare the largest quantum arm with random cosines in as many channels."""
    channels = max(arm.channels for arm in arms if arm.kind == "quantum")
    ours, control = (
        values[f"{Arm(kind, 0, channels).name}_{head}"]["test_accuracy"]
        for kind in ("quantum", "random_features")
    )
    return difference_sentence(
        f"Under the {HEADS[head]}, the quantum layer of {channels} channels",
        f"{channels} random cosines",
        vars(paired_difference(ours, control)),
        config.seeds or 0,
        len(data.test_labels),
    )
