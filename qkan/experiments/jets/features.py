"""What the models see: standardised observables, or features of jet images."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from circuits import quanvolutional_filter
from circuits.errors import unknown_name
from qkan.data.jets import JetSample, quark_gluon
from qkan.experiments.jets.inputs import INPUTS
from qkan.experiments.quanvolution.random_features import COSINE_SEEDS, RandomCosines
from qkan.layers.quanvolution import Quanvolution2d

__all__ = ["IMAGES", "Split", "split"]

IMAGES = ("pixels", "quanvolution", "cosines")
"""Features of images: grey values; the demo filter's four channels; as many random cosines."""

_FARTHEST = 4.0
"""Standard deviations at which an observable is cut, so that an angle stays within its period."""


class Split(NamedTuple):
    """Inputs and labels to learn from, to choose the epoch by, and to test on."""

    train: tuple[Tensor, Tensor]
    validation: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


def split(inputs: int | str, train: int) -> Split:
    """Return the sample's three parts as a model sees them.

    Observables, and the channels of images, are standardised by the training jets' mean and standard deviation.

    Args:
        inputs: 12, 4, 2 observables or 1, or the name of features of images.
        train: How many training jets, the first ones.

    Raises:
        UsageError: If there are no such inputs.

    Example:
        >>> split(2, 100).train[0].shape, split("quanvolution", 100).test[0].shape
        (torch.Size([100, 2]), torch.Size([3000, 4, 9, 9]))
    """
    sample = _sample()
    parts = [sample.part("train")[:train], sample.part("validation"), sample.part("test")]
    if isinstance(inputs, int) and inputs in INPUTS:
        columns = [part.inputs(*INPUTS[inputs]).astype(np.float64) for part in parts]
        mean, sd = columns[0].mean(axis=0), columns[0].std(axis=0)
        scaled = [np.clip((column - mean) / sd, -_FARTHEST, _FARTHEST) for column in columns]
        tensors = [torch.from_numpy(values.astype(np.float32)) for values in scaled]
    elif inputs in IMAGES:
        tensors = [_features(str(inputs), part) for part in parts]
        scale, center = torch.std_mean(tensors[0], dim=(0, 2, 3), keepdim=True)
        tensors = [(images - center) / scale for images in tensors]
    else:
        raise unknown_name("inputs", str(inputs), [*map(str, INPUTS), *IMAGES])
    labels = [torch.from_numpy(part.labels) for part in parts]
    return Split(*((x, y) for x, y in zip(tensors, labels, strict=True)))


@cache
def _sample() -> JetSample:
    """Return the sample, of which a study has hundreds of uses, each of some columns that it copies."""
    return quark_gluon()


def _features(name: str, part: JetSample) -> Tensor:
    images = torch.from_numpy(part.images).float() / 255
    circuit = quanvolutional_filter("demo")
    with torch.no_grad():
        if name == "quanvolution":
            images = Quanvolution2d(circuit)(images)
        elif name == "cosines":
            images = RandomCosines(circuit.num_observables, seed=COSINE_SEEDS)(images)
    return images
