"""Where the training of a network begins: at random, at a QKAN's exact twin, or at a QKAN fitted to a pruned KAN."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from circuits.errors import unknown_name
from qkan.experiments.jets.features import Split
from qkan.experiments.jets.losses import bce
from qkan.models import QKAN, Model, make
from qkan.models.conversions import to_classical
from qkan.models.pruning import prune
from qkan.training import TrainingConfig, fit

__all__ = ["STARTS", "begin"]

STARTS = ("random", "twin", "kan")


def begin(
    model: Mapping[str, Any], start: Mapping[str, Any], data: Split, training: TrainingConfig
) -> tuple[Model, TrainingConfig]:
    """Return a network to train, and the training that is left for it.

    Args:
        model: The network's configuration.
        start: Its ``kind``: ``"random"``; ``"twin"``: the QKAN of this configuration, its random start written as
            Fourier layers, whose coefficients no circuit ties together; ``"kan"``: a classical KAN (``model``) is
            trained for half of the epochs (from the learning ``rate``), the part ``pruned`` of its edges is pruned, and
            the circuits are fitted to the others, which takes no epochs.
        data: To train on.
        training: The whole training; its seed draws the start.

    Raises:
        UsageError: If there is no such start.
    """
    generator = torch.Generator().manual_seed(training.seed)
    match start["kind"]:
        case "random":
            return make(model, generator=generator), training
        case "twin":
            twin = to_classical(make(model, generator=generator))
            assert isinstance(twin, Model)  # that of a model of ours is one
            return twin, training
        case "kan":
            return _from_kan(model, start, data, training, generator)
    raise unknown_name("start", str(start["kind"]), STARTS)


def _from_kan(
    model: Mapping[str, Any],
    start: Mapping[str, Any],
    data: Split,
    training: TrainingConfig,
    generator: torch.Generator,
) -> tuple[Model, TrainingConfig]:
    first = training.epochs // 2
    gamma = training.gamma or 1.0
    kan = make(start["model"], generator=generator)
    early = replace(training, epochs=first, learning_rate=start["rate"])
    fit(kan, data.train, data.validation, early, loss=bce, metrics=())
    x = data.train[0]
    prune(kan, x, fraction=start["pruned"], nodes=False)
    settings = {k: v for k, v in model.items() if k not in {"kind", "sizes", "edge"}}
    net = QKAN.from_kan(kan, model["edge"], x=x, generator=generator, **settings)
    rate = training.initial_rate * gamma**first
    return net, replace(training, epochs=training.epochs - first, learning_rate=rate)
