"""The published protocol: a softmax head on a few images, over many seeds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from circuits import without_entanglement
from qkan.config import as_mapping
from qkan.data import MNIST
from qkan.experiments.quanvolution.random_features import COSINE_SEEDS, RandomCosines
from qkan.experiments.quanvolution.setup import Setup
from qkan.studies.ensemble import History, train_softmax_heads
from qkan.studies.run import Places, RunFolder

__all__ = ["ARMS", "circuits_executed", "pixels", "train_arms"]

ARMS = ("quantum", "classical", "no_entanglement", "random_features")


def circuits_executed(setup: Setup, data: MNIST) -> int:
    """Return how many circuits the two quantum arms rest on, whether run now or read back."""
    images = pixels(torch.cat([data.train_images, data.test_images]))
    return sum(
        setup.features(circuit, images).circuits
        for circuit in (setup.circuit, without_entanglement(setup.circuit))
    )


def pixels(images: Tensor) -> Tensor:
    """Return 8-bit images as float64 from 0 to 1."""
    return images.double() / 255


def train_arms(setup: Setup, data: MNIST, folder: RunFolder, places: Places) -> dict[str, History]:
    """Train every arm on the same images from the same seeds; finished arms are read back.

    Arms:
        ``quantum``: the filter; ``classical``: the raw pixels; ``no_entanglement``: the filter
        without the gates that join wires; ``random_features``: as many random cosines of the same
        patches, drawn anew for every seed.
    """
    config = setup.config
    fields = setup.fields(setup.circuit) | {
        "config": as_mapping(replace(config, circuit="")),
        "data": data.sha256,
    }

    images = pixels(torch.cat([data.train_images, data.test_images]))

    def train(arm: str) -> dict[str, np.ndarray]:
        features = _features(arm, setup, images).flatten(start_dim=-3).float()
        x, x_val = features.tensor_split([len(data.train_labels)], dim=-2)
        with places.progress.task(f"{arm}: {config.seeds} seeds", config.epochs or 0) as advance:
            history = train_softmax_heads(
                (x, data.train_labels),
                (x_val, data.test_labels),
                seeds=range(config.seeds or 0),
                epochs=config.epochs or 0,
                batch_size=config.batch_size or 0,
                on_epoch=advance,
            )
        return vars(history)

    return {
        arm: History(**folder.stage(arm, fields, lambda arm=arm: train(arm)))  # type: ignore[misc]
        for arm in ARMS
    }


def _features(arm: str, setup: Setup, images: Tensor) -> Tensor:
    """Return the arm's features: ``(N, C, H', W')``, with one more axis if seeds differ."""
    if arm == "classical":
        return images
    if arm == "random_features":
        banks = (
            RandomCosines(setup.circuit.num_observables, COSINE_SEEDS + seed, setup.patch)
            for seed in range(setup.config.seeds or 0)
        )
        return torch.stack([bank(images) for bank in banks])
    circuit = setup.circuit if arm == "quantum" else without_entanglement(setup.circuit)
    return setup.features(circuit, images).maps
