"""All of MNIST: 1, 4 and 9 filters under a linear and a small convolutional head."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from circuits import Circuit, quanvolutional_filter, without_entanglement
from circuits.errors import UsageError
from qkan.config import as_mapping
from qkan.data import MNIST
from qkan.experiments.quanvolution.config import Config
from qkan.experiments.quanvolution.heads import HEADS, Split, train_heads
from qkan.experiments.quanvolution.random_features import COSINE_SEEDS, RandomCosines
from qkan.experiments.quanvolution.setup import Setup, load_images
from qkan.studies.run import Places, RunFolder, run_tasks

__all__ = [
    "FILTER_COUNTS",
    "Arm",
    "FullHistory",
    "arms_of",
    "circuits_executed_full",
    "circuits_of",
    "train_full",
]

FILTER_COUNTS = (1, 4, 9)

FullHistory = dict[str, NDArray[np.float64]]
"""``{METRIC: values}`` of one arm under one head; ``(seeds, epochs)`` or ``(seeds, 1)``."""


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

    def name(self, head: str) -> str:
        """Return what the arm is called in ``results.json``, such as ``quantum_16_cnn``."""
        return f"{self.kind}_{self.channels}_{head}"


def arms_of(circuit: Circuit) -> list[Arm]:
    """Return the arms: raw pixels, and three kinds of features in each number of channels.

    The raw pixels of a patch become channels, so that all arms have the same heads.
    """
    outputs = circuit.num_observables
    kinds = ("quantum", "no_entanglement", "random_features")
    return [Arm("classical", 1, circuit.num_inputs)] + [
        Arm(kind, count, count * outputs) for count in FILTER_COUNTS for kind in kinds
    ]


def train_full(
    setup: Setup, data: MNIST, folder: RunFolder, places: Places
) -> dict[str, FullHistory]:
    """Train every arm under both heads from every seed; what is finished is read back.

    The first filter of a layer is the configured one, the others are random filters, drawn anew
    for every seed, as the cosines are.

    Raises:
        UsageError: If there are too few training images for the validation split.
    """
    config = setup.config
    _splits(config, data)
    arms = arms_of(setup.circuit)
    tasks = {
        f"{arm.kind}, {arm.channels} channels, seed {seed}": {**asdict(arm), "seed": seed}
        for arm in arms
        for seed in range(config.seeds or 0)
    }
    trained = run_tasks(
        partial(_train, config=config, data_dir=places.data_dir, cache_dir=places.cache_dir),
        tasks,
        folder,
        places.executor,
        places.progress,
        fields=setup.fields(setup.circuit) | {"config": as_mapping(config), "data": data.sha256},
        what="training",
    )
    results: dict[str, dict[str, list[NDArray[np.float64]]]] = {}
    for name, settings in tasks.items():
        arm = Arm(settings["kind"], settings["filters"], settings["channels"])
        for key, values in trained[name].items():
            head, metric = key.split(".")
            results.setdefault(arm.name(head), {}).setdefault(metric, []).append(values)
    return {
        arm.name(head): {k: np.stack(v) for k, v in results[arm.name(head)].items()}
        for head in HEADS
        for arm in arms
    }


def _train(
    kind: str,
    filters: int,
    channels: int,
    seed: int,
    *,
    config: Config,
    data_dir: Path | None,
    cache_dir: Path | None,
) -> FullHistory:
    """Train both heads on one arm's features, in whichever process: it loads the images itself."""
    setup = Setup.of(config, Places(data_dir=data_dir, cache_dir=cache_dir))
    train, validation, test = _splits(config, load_images(config, data_dir))
    return train_heads(
        _features(Arm(kind, filters, channels), setup, seed),
        train,
        validation,
        test,
        seed=seed,
        epochs=config.epochs or 0,
        batch_size=config.batch_size or 0,
    )


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


def circuits_executed_full(setup: Setup) -> int:
    """Return how many circuits all quantum arms rest on, whether run now or read back."""
    return sum(circuit.num_nodes for circuit in circuits_of(setup))


def circuits_of(setup: Setup) -> list[Circuit]:
    """Return the circuits of all quantum arms and seeds, each as often as it is used."""
    return [
        circuit
        for arm in arms_of(setup.circuit)
        for seed in range(setup.config.seeds or 0)
        for circuit in _filters(arm, setup, seed)
    ]


def _filters(arm: Arm, setup: Setup, seed: int) -> list[Circuit]:
    """Return the circuits of an arm: the configured one first, then random ones."""
    if arm.kind not in ("quantum", "no_entanglement"):
        return []
    filters = [setup.circuit] + [
        quanvolutional_filter("random", wires=setup.circuit.num_wires, seed=1000 * seed + number)
        for number in range(1, arm.filters)
    ]
    if arm.kind == "no_entanglement":
        return [without_entanglement(one) for one in filters]
    return filters


def _features(arm: Arm, setup: Setup, seed: int) -> nn.Module:
    if arm.kind == "classical":
        return nn.PixelUnshuffle(setup.patch)
    if arm.kind == "random_features":
        return RandomCosines(arm.channels, COSINE_SEEDS + seed, setup.patch)
    return setup.layer_from_cache(_filters(arm, setup, seed))
