"""The figures of the comparison, and the quantum KAN of seed 0 for ``qkan inspect``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qkan.analysis import plot
from qkan.data import mnist
from qkan.experiments.inspection.page import INPUTS
from qkan.experiments.qkan_mnist.arms import LABELS
from qkan.plotting import plot_scores
from qkan.studies.report import Picture
from qkan.studies.run import RunFolder
from qkan.studies.study import FOLDER, Results, trained

__all__ = ["draw_accuracy", "draw_network"]

_IMAGES = 500


def draw_accuracy(
    values: Mapping[str, Mapping[str, NDArray[np.float64]]], folder: RunFolder
) -> Picture:
    """Draw every arm's test accuracy: a dot a seed, a tick at the mean."""
    scores = {LABELS[arm]: 100 * values[arm]["test_accuracy"] for arm in LABELS}
    caption = "Test accuracy: a dot a seed, a tick at the mean."
    return Picture.save(folder, "accuracy", caption, plot_scores(scores, "test accuracy / %"))


def draw_network(
    results: Results, arms: Mapping[str, Mapping[str, Any]], folder: RunFolder
) -> list[Picture]:
    """Draw the trained quantum KAN, and keep it with some images."""
    net = trained(arms["qkan"]["model"], results.runs["qkan"][0])
    inputs = mnist(train=_IMAGES, test=1).train_images.flatten(1).numpy() / np.float32(255)
    np.save(folder.path / FOLDER / INPUTS, inputs)
    caption = f"The edges that account for most of the outputs, over {_IMAGES} training images."
    return [Picture.save(folder, "network", caption, plot(net, inputs))]
