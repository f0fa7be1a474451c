"""One model, one seed, one protocol on MNIST: the settings and the task that the studies of digits share.

A study's settings begin with those of :class:`Digits`, its arms are made by :func:`arm`, its tasks done by
:func:`train_on_mnist`::

    images = config.images("unit", places.data_dir)                  # checked, before anything runs
    arms = {"kan": arm({"kind": "kan", "sizes": [784, 64, 10]}, {"epochs": 5}, images)}
    train = functools.partial(train_on_mnist, data_dir=places.data_dir)
    Study("my-study", "Title", config, arms, 5, train, conclude, {"data": images.facts}).run(places)
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from circuits.errors import UsageError
from qkan.analysis import connection_strengths, learned_curves
from qkan.config import at_least, check, from_mapping, setting
from qkan.data import MNIST, mnist
from qkan.experiments import notebook_networks
from qkan.experiments.notebook_networks import make
from qkan.plotting import plot_edge_functions, plot_network
from qkan.studies.report import Picture
from qkan.studies.run import RunFolder
from qkan.studies.study import Results
from qkan.training import DivergedError, History, TrainingConfig, evaluate, fit, predict

__all__ = [
    "Digits",
    "Images",
    "Trained",
    "arm",
    "correct_of",
    "enough",
    "from_random",
    "network_pictures",
    "parameters_of",
    "survivors",
    "ten_classes",
    "train_on_mnist",
]

Part = tuple[Tensor, Tensor]
"""Images and their labels."""

_CHANCE = 0.2
_TIMED_IMAGES, _TIMES = 1000, 5
_CURVES = ("train_loss", "val_loss", "val_accuracy", "learning_rate")
_IMAGE = (28, 28)


@dataclass(frozen=True)
class Digits:
    """The settings that the studies of digits share.

    Raises:
        UsageError: If a number is out of range.
    """

    DEFAULTS: ClassVar[Sequence[Mapping[str, Any]]] = ({"validation": 500}, {"validation": 5_000})
    """What settings that are None are filled in with, and what with ``full``."""

    full: bool = setting(False, "All of MNIST instead of 5,000/1,000 images.")
    seeds: int | None = setting(None, "How many seeds.")
    epochs: int | None = setting(None, "Passes over the training images.")
    train: int | None = setting(None, "Training images, those for validation included (all).")
    validation: int | None = setting(
        None, "Of these, how many choose epoch and rate (500; full: 5,000)."
    )
    test: int | None = setting(None, "Test images (all).")

    def __post_init__(self) -> None:
        check(self)
        at_least(self, seeds=1, epochs=1, train=2, validation=1, test=2)

    def settled(self) -> Self:
        """Return the same with the numbers filled in that are None."""
        defaults = self.DEFAULTS[self.full]
        missing: dict[str, Any] = {k: v for k, v in defaults.items() if getattr(self, k) is None}
        return replace(self, **missing)

    def images(self, pixels: Literal["unit", "symmetric"], data_dir: Path | None) -> Images:
        """Return the images of a settled configuration; see :meth:`Images.of`."""
        held_back = self.validation or 0
        return Images.of(
            full=self.full,
            train=None if self.train is None else self.train - held_back,
            validation=held_back,
            test=self.test,
            pixels=pixels,
            data_dir=data_dir,
        )


@dataclass(frozen=True)
class Images:
    """The part of MNIST that a study uses, and so its protocol.

    Attributes:
        full: All of MNIST, or the 5,000 training and 1,000 test images inside the package.
        train: How many training images are learnt from, the first ones.
        validation: How many of the training images that follow choose the epoch. With none the test images do, as in
            the published notebook: its accuracies are then the best of many looks at the test set.
        test: How many test images there are.
        pixels: ``"unit"`` (0 to 1) or ``"symmetric"`` (-1 to 1).
        sha256: The checksum of all images that were read.
        name: Of the data set, as :class:`qkan.data.MNIST` has it.
    """

    full: bool
    train: int
    validation: int
    test: int
    pixels: Literal["unit", "symmetric"] = "unit"
    sha256: str = field(default="", repr=False)
    name: str = "MNIST"

    @classmethod
    def of(
        cls,
        *,
        full: bool = False,
        train: int | None = None,
        validation: int = 0,
        test: int | None = None,
        pixels: Literal["unit", "symmetric"] = "unit",
        data_dir: Path | None = None,
    ) -> Images:
        """Read the images once, so that what is missing is missed now, and return the choice.

        The arguments are the attributes; ``train`` and ``test`` are by default all that there are.

        Raises:
            UsageError: If there are fewer images than asked for, or none, or :func:`ten_classes` refuses them.

        Example:
            >>> images = Images.of(validation=500)
            >>> images.train, images.validation, images.test
            (4500, 500, 1000)
        """
        digits = ten_classes(mnist(full=full, data_dir=data_dir))
        available, tests = len(digits.train_labels), len(digits.test_labels)
        n = available - validation if train is None else train
        m = tests if test is None else test
        if min(n, m) < 1 or validation < 0:
            raise UsageError(
                f"expected training and test images, got {n:,} and {m:,}, with {validation:,} for validation"
            )
        if n + validation > available or m > tests:
            hint = "" if full else "; ask for all of MNIST with --full"
            raise UsageError(
                f"expected at most {available:,} images for training and validation and {tests:,} for the test, got "
                f"{n:,} + {validation:,} and {m:,}{hint}"
            )
        return cls(full, n, validation, m, pixels, digits.sha256, digits.name)

    @property
    def facts(self) -> dict[str, Any]:
        """What a report says of the data."""
        which = "all of it" if self.full else "the first 5,000/1,000 images"
        source = f"{self.name}, {which}"
        return {"source": source, "sha256": self.sha256}

    @property
    def chosen_on(self) -> str:
        """Which images choose the epoch, in words."""
        if self.validation:
            return f"{self.validation:,} validation images"
        return f"the {self.test:,} test images"

    def scaled(self, images: Tensor) -> Tensor:
        """Return 8-bit images as float32 in the range of ``pixels``."""
        unit = images.float() / 255
        return unit if self.pixels == "unit" else 2 * unit - 1

    def split(self, digits: MNIST) -> Iterator[Part]:
        """Yield images and labels to learn from, to choose the epoch by, and to test on."""
        n, m, k = self.train, self.validation, self.test
        test = (digits.test_images[:k], digits.test_labels[:k])
        yield digits.train_images[:n], digits.train_labels[:n]
        yield (digits.train_images[n : n + m], digits.train_labels[n : n + m]) if m else test
        yield test


def ten_classes(data: MNIST) -> MNIST:
    """Return a data set of which the models can be trained: 28 x 28 pixels, labels from 0 to 9.

    Raises:
        UsageError: If it is another.
    """
    shape = tuple(data.train_images.shape[-2:])
    largest = int(max(data.train_labels.max(), data.test_labels.max()))
    if shape != _IMAGE or largest > 9:
        raise UsageError(
            f"the experiments take images of 28 x 28 pixels in ten classes, labels 0 to 9; {data.source} has "
            f"{shape[0]} x {shape[1]} pixels and labels up to {largest}"
        )
    return data


class Trained(NamedTuple):
    """A model with the weights of its best epoch, and how it came to them.

    Attributes:
        net: The model, a module with ``num_parameters``.
        histories: Of its training, and of what it began from, if that was trained, before it.
        seconds: CPU time of all of it.
        metrics: More that was measured on the way.
    """

    net: Any
    histories: Sequence[History]
    seconds: float
    metrics: Mapping[str, float]


@functools.cache
def _warm_up() -> None:
    """Train something once in every process, so that no arm's time holds what torch loads with its first step."""
    with torch.random.fork_rng(devices=[]):  # layers of torch draw from the global generator
        net = torch.nn.Linear(2, 2)
        data = torch.ones(2, 2), torch.tensor([0, 1])
        fit(net, data, data, TrainingConfig(epochs=1))


def from_random(
    model: Mapping[str, Any], training: TrainingConfig, train: Part, validation: Part, test: Part
) -> Trained:
    """Train a model from random weights; see :func:`train_on_mnist`."""
    net = make(model, generator=torch.Generator().manual_seed(training.seed))
    _warm_up()
    started = time.process_time()
    history = fit(net, train, validation, training)
    return Trained(net, [history], time.process_time() - started, {})


def arm(
    model: Mapping[str, Any],
    training: Mapping[str, Any],
    images: Images,
    *,
    rates: Sequence[float] = (),
    keep_weights: bool = False,
) -> dict[str, Any]:
    """Return the settings of one arm, which are wrong here rather than in a worker.

    Args:
        model: The model's configuration, with its ``kind``.
        training: Settings of :class:`qkan.training.TrainingConfig`, without a seed.
        images: What it is trained on, and the protocol.
        rates: Learning rates to choose from; by default the one of ``training``.
        keep_weights: Whether the weights of seed 0 are kept, as ``weights.NAME``.

    Raises:
        UsageError: If a setting is unknown or out of range.

    Example:
        >>> images = Images.of(train=40, test=20)
        >>> arm({"kind": "mlp", "sizes": [784, 10]}, {"epochs": 2}, images)["training"]
        {'epochs': 2}
    """
    make(model, generator=torch.Generator())
    _configs(training, rates)
    return {
        "model": dict(model),
        "training": dict(training),
        "images": asdict(images),
        "rates": list(rates),
        "keep_weights": keep_weights,
    }


def train_on_mnist(
    *,
    seed: int,
    model: Mapping[str, Any],
    training: Mapping[str, Any],
    images: Mapping[str, Any],
    rates: Sequence[float] = (),
    keep_weights: bool = False,
    data_dir: Path | None = None,
    way: Callable[..., Trained] = from_random,
    weights: str = "weights",
) -> dict[str, NDArray[Any]]:
    """Train a model from one seed, and look at the test images as the protocol has it.

    After every epoch the accuracy is measured on the validation images, where there are any (our protocol), else on
    the test images (the notebook's). The weights of the best epoch are tested; of several learning rates, those of the
    rate with the best epoch. The seed draws the initial weights, the order of the images and dropout. Times are CPU
    time of this process.

    Args:
        seed: The seed.
        model: As in :func:`arm`, and so are the next four.
        training: Settings of the training.
        images: Settings of :class:`Images`.
        rates: Learning rates to choose from.
        keep_weights: Whether the weights of seed 0 are kept.
        data_dir: Where all of MNIST is.
        way: How a model is trained at one rate: a function like :func:`from_random`.
        weights: What weights that are kept are called.

    Returns:
        The metrics ``test_accuracy``, ``test_loss``, ``best_epoch`` (from 1), ``rate`` (the first epoch's),
        ``parameters``, ``train_seconds`` (the epochs and the looks after them, at one rate) and ``inference_us`` (an
        image, in batches of 1,000); the curves ``train_loss``, ``val_loss``, ``val_accuracy`` and ``learning_rate``;
        and ``test.correct``, one value an image. ``diverged`` counts the rates at which the training diverged; if all
        did, there is nothing else: see :func:`survivors`.
    """
    chosen = Images(**images)
    digits = mnist(full=chosen.full, data_dir=data_dir, download=False)
    if digits.sha256 != chosen.sha256:
        raise UsageError(
            f"the images are not those that the study began with: SHA-256 {digits.sha256}, expected {chosen.sha256}"
        )
    parts = [(chosen.scaled(x), y) for x, y in chosen.split(digits)]
    runs, lost = [], []
    for config in _configs(training, rates, seed=seed):
        try:
            runs.append(way(model, config, *parts))
        except DivergedError:
            lost.append(config.initial_rate)
    diverged = {"diverged": np.array(len(lost)), "diverged.rates": np.array(lost, dtype=np.float64)}
    if not runs:
        return diverged
    # The first of equals: a tie must not depend on anything else.
    best = max(runs, key=lambda run: max(h.val_accuracy.max() for h in run.histories))
    net, histories, (x, labels) = best.net, best.histories, parts[2]
    scores = evaluate(net, (x, labels))
    if not math.isfinite(scores["loss"]):
        raise UsageError(
            f"the loss on the test images is {scores['loss']} at the learning rate {histories[0].learning_rate[0]:g}, "
            "where that on the validation images is finite; use smaller rates"
        )
    earlier = sum(len(history["train_loss"]) for history in histories[:-1])
    metrics = {
        "test_accuracy": scores["accuracy"],
        "test_loss": scores["loss"],
        "best_epoch": earlier + histories[-1].best_epoch + 1,
        "rate": histories[0].learning_rate[0],
        "parameters": net.num_parameters,
        "train_seconds": best.seconds,
        "inference_us": _microseconds(net, x[:_TIMED_IMAGES]),
        **best.metrics,
    }
    results = diverged | {name: np.array(value) for name, value in metrics.items()}
    results["test.correct"] = (predict(net, x).argmax(dim=1) == labels).numpy()
    results |= {name: np.concatenate([h[name] for h in histories]) for name in _CURVES}
    if keep_weights and seed == 0:
        results |= {f"{weights}.{name}": value.numpy() for name, value in net.state_dict().items()}
    return results


def correct_of(results: Results) -> dict[str, NDArray[np.float64]]:
    """Return ``{arm: (seeds, images)}``: 1 where a test image is classified correctly."""
    return {
        arm: np.stack([np.asarray(seed["test.correct"], dtype=np.float64) for seed in seeds])
        for arm, seeds in results.runs.items()
    }


def enough(seeds: int) -> bool:
    """Return whether seeds tell how runs spread; of a few, none may be one of those that fail."""
    return seeds >= 5


def survivors(results: Results) -> tuple[Results, list[str]]:
    """Return the arms that were trained from every seed, and what is to be said of trainings that diverged.

    Raises:
        UsageError: If no arm was.
    """
    rates = [
        float(rate)
        for seeds in results.runs.values()
        for arrays in seeds
        for rate in arrays.get("diverged.rates", ())
    ]
    said = []
    if rates:
        each = ", ".join(f"{rate:g} ({rates.count(rate)} trainings)" for rate in sorted({*rates}))
        said.append(f"Trainings that diverged lose the choice of the learning rate: {each}.")
    lost = {
        arm: [k for k, arrays in enumerate(seeds) if "parameters" not in arrays]
        for arm, seeds in results.runs.items()
    }
    if all(lost.values()):
        raise UsageError(f"no arm could be trained from every seed. {' '.join(said)}")
    gone = [f"{arm} (seed {', '.join(map(str, seeds))})" for arm, seeds in lost.items() if seeds]
    if gone:
        said.append(f"Left out, for they diverged at every learning rate: {'; '.join(gone)}.")
    left = replace(results, runs={a: s for a, s in results.runs.items() if not lost[a]})
    accuracies = [float(arrays["test_accuracy"]) for s in left.runs.values() for arrays in s]
    if low := sum(accuracy < _CHANCE for accuracy in accuracies):
        said.append(
            f"{low} of {len(accuracies)} trainings ended below {100 * _CHANCE:g} % on the test images, near chance."
        )
    return left, said


def network_pictures(model: nn.Module, images: Tensor, folder: RunFolder) -> list[Picture]:
    """Draw the graph of a chain of layers, and what is learned on its edges or in its units.

    Returns:
        No pictures, if there is nothing of that kind to draw (a convolutional network).
    """
    if not hasattr(model, "in_features"):
        return []
    strengths = connection_strengths(model, images)
    pixels = strengths[0].shape[0] == _IMAGE[0] * _IMAGE[1]
    graph = plot_network(strengths, image=_IMAGE if pixels else None)
    caption = (
        "The strongest connections of each layer (seed 0): how far each one moves its output over the test images. "
        "Each pixel is as dark as its connections are strong in sum."
    )
    pictures = [Picture.save(folder, "network", caption, graph)]
    curves = learned_curves(model, images) or notebook_networks.learned_curves(model, images)
    if curves:
        caption = (
            "Functions that the network applies (seed 0), over the density of the values that reach them on the test "
            "images. Dashed: the range that a spline was made for; beyond it, it is extrapolated."
        )
        pictures.append(Picture.save(folder, "functions", caption, plot_edge_functions(curves)))
    return pictures


def parameters_of(model: Mapping[str, Any]) -> int:
    """Return how many parameters a model trains."""
    return int(make(model, generator=torch.Generator()).num_parameters)


def _configs(
    training: Mapping[str, Any], rates: Sequence[float], seed: int = 0
) -> list[TrainingConfig]:
    """Return the settings of the training at every rate: the weights of the best epoch are kept."""
    protocol = {"seed": seed, "monitor": "val_accuracy", "restore_best": True}
    each = [{"learning_rate": rate} for rate in rates] or [{}]
    return [from_mapping(TrainingConfig, {**training, **rate, **protocol}) for rate in each]


def _microseconds(net: nn.Module, images: Tensor) -> float:
    """Return the CPU time of one image, the median of a few passes after a first one."""
    times = []
    for _ in range(1 + _TIMES):
        started = time.process_time()
        predict(net, images)
        times.append(time.process_time() - started)
    return 1e6 * median(times[1:]) / len(images)
