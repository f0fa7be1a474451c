"""Trained QKANs off the exact simulator: sampled with shots, and with a device's noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from circuits.backends import backend
from qkan.experiments.jets.features import split
from qkan.experiments.jets.training import network, scored
from qkan.training import predict

__all__ = ["on_backend"]


def on_backend(
    model: Mapping[str, Any],
    run: Mapping[str, NDArray[Any]],
    inputs: int,
    jets: int,
    name: str,
    **options: Any,
) -> dict[str, NDArray[Any]]:
    """Return the metrics of a trained QKAN whose circuits run elsewhere, at the nodes of the edges' series.

    Args:
        model: Its configuration.
        run: What :func:`qkan.experiments.jets.training.train_on_jets` returned.
        inputs: What it sees.
        jets: How many jets it was trained on, which its inputs were standardised by.
        name: The backend.
        options: Of the backend: ``shots``, ``seed``, ``noise``.
    """
    where = backend(name, **options)
    net = network(model, run, backend=where, evaluate="fourier")
    test, labels = split(inputs, jets).test
    with torch.no_grad():
        # One batch: each call samples the circuits anew.
        scores = predict(net, test, batch_size=len(test)).squeeze(1).double().numpy()
    metrics = scored(np.asarray(scores), labels.numpy())
    return metrics | {"parameters": run["parameters"]}
