"""Handwritten digits by a quantum KAN, its classical twin, and other models of equal size."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from circuits.edges import edge as named_edge
from circuits.errors import UsageError
from qkan.analysis import plot
from qkan.config import at_least, positive_numbers, setting
from qkan.data import mnist
from qkan.experiments.inspect import INPUTS
from qkan.experiments.mnist import width_for
from qkan.experiments.mnist_task import (
    Digits,
    Images,
    Part,
    Trained,
    arm,
    correct_of,
    from_random,
    parameters_of,
    survivors,
    train_on_mnist,
)
from qkan.experiments.qkan_functions import fourier
from qkan.models import KAN, QKAN, make
from qkan.plotting import plot_curves, plot_seeds
from qkan.studies.report import Picture, Record, Section, Table, percent, points
from qkan.studies.run import Places, RunFolder
from qkan.studies.statistics import Interval, crossed_interval, summarise
from qkan.studies.study import FOLDER, Results, Study, trained
from qkan.training import TrainingConfig, evaluate, fit

__all__ = ["LABELS", "TARGET", "Config", "models_of", "run", "train_from"]

TARGET = 0.97
"""The test accuracy that the quantum KAN should reach on all of MNIST in 5 epochs."""

LABELS = {
    "qkan": "QKAN",
    "qkan_warm": "QKAN from a pruned KAN",
    "twin": "its classical twin, same start",
    "fourier": "free Fourier coefficients",
    "kan": "B-spline KAN",
    "sinekan": "SineKAN",
    "mlp": "MLP",
    "fourier_wide": "free Fourier coefficients, equal parameters",
    "kan_wide": "B-spline KAN, equal parameters",
    "sinekan_wide": "SineKAN, equal parameters",
    "mlp_wide": "MLP, equal parameters",
}
"""The arms and what a reader calls them."""

_SAID = [
    "twin",
    "fourier",
    "kan",
    "sinekan",
    "mlp",
    "kan_wide",
    "sinekan_wide",
    "mlp_wide",
    "qkan_warm",
]
"""The arms that have a sentence, in this order."""

_LOOKED_AT = 1000
"""Images over which edges are measured and fitted."""
_SHOWN = 500
_FITTING: dict[str, Any] = {"points": 33, "starts": 2, "iterations": 15}
"""A start need not be exact: training goes on from it."""

Values = Mapping[str, Mapping[str, NDArray[np.float64]]]


@dataclass(frozen=True)
class Config(Digits):
    """The settings of one run; those that are None take other values with ``full``: see ``DEFAULTS``.

    Raises:
        UsageError: If a number is out of range, or the circuit unknown.

    Example:
        >>> Config(full=True).settled().epochs, Config(epochs=2).settled().seeds
        (5, 5)
    """

    DEFAULTS = (
        {"seeds": 5, "epochs": 6, "validation": 500},
        {"seeds": 1, "epochs": 5, "validation": 5_000},
    )

    seeds: int | None = setting(None, "How many seeds (5; full: 1).")
    epochs: int | None = setting(None, "Passes over the training images (6; full: 5).")
    edge: str = setting("pz(depth=3)", "The circuits on the edges.")
    width: int = setting(32, "The hidden width.")
    batch_size: int = setting(64, "Images a step.")
    rates: str = setting(
        "3e-4,1e-3,3e-3", "Learning rates; validation chooses, for every arm and seed anew."
    )
    gamma: float = setting(0.8, "The factor of the learning rate from epoch to epoch.")
    pruned: float = setting(
        0.5, "The part of the classical KAN's edges that the warm start leaves out."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, epochs=2, width=1, batch_size=1)
        if not 0 <= self.pruned < 1:
            raise UsageError(f"expected pruned to be in [0, 1), got {self.pruned}")
        if not 0 < self.gamma <= 1:
            raise UsageError(f"expected gamma to be in (0, 1], got {self.gamma}")
        named_edge(self.edge).require_series()
        positive_numbers("rates", self.rates)


def run(config: Config, places: Places | None = None) -> RunFolder:
    """Train every arm from every seed; return the folder of the run.

    Raises:
        UsageError: If a setting, the data or a folder is not what it should be.
    """
    places, config = places or Places(), config.settled()
    images = config.images("unit", places.data_dir)
    training = {name: getattr(config, name) for name in ("epochs", "batch_size", "gamma")}
    of = partial(
        arm, training=training, images=images, rates=positive_numbers("rates", config.rates)
    )
    models = models_of(config.edge, config.width)
    arms = {name: of(model, keep_weights=name == "qkan") for name, model in models.items()}
    arms["twin"] = {**of(models["qkan"]), "start": "twin"}
    arms["qkan_warm"] = {**of(models["qkan"]), "start": "kan", "pruned": config.pruned}
    return Study(
        "qkan-mnist",
        f"A quantum KAN on {'all of' if config.full else '5,000 images of'} {images.name}",
        config,
        arms,
        config.seeds or 1,
        partial(train_from, data_dir=places.data_dir),
        partial(_conclude, config, arms, images),
        {"data": images.facts},
    ).run(places)


def models_of(edge: str, width: int) -> dict[str, dict[str, Any]]:
    """Return the configuration of every model by its arm, but for the arms that start from another model.

    Example:
        >>> models = models_of("pz(depth=3)", 32)
        >>> models["fourier"]["sizes"], models["mlp_wide"]["sizes"]
        ([784, 32, 10], [784, 354, 10])
    """
    degree = named_edge(edge).degrees[0]

    def chain(kind: str, width: int) -> dict[str, Any]:
        sizes = [784, width, 10]
        return fourier(sizes, degree) if kind == "fourier" else {"kind": kind, "sizes": sizes}

    models = {"qkan": chain("qkan", width) | {"edge": edge}}
    rivals = ("fourier", "kan", "sinekan", "mlp")
    models |= {kind: chain(kind, width) for kind in rivals}
    budget = parameters_of(models["qkan"])
    for kind in rivals:
        models[f"{kind}_wide"] = chain(kind, width_for(partial(chain, kind), budget))
    return models


def train_from(
    *, start: str = "random", pruned: float = 0.0, **settings: Any
) -> dict[str, NDArray[Any]]:
    """Train at every rate; return what was measured at the one with the highest validation accuracy.

    Args:
        start: ``"random"``; ``"twin"``: see :func:`twin_of`; ``"kan"``: see :func:`from_kan`.
        pruned: For a start from a KAN, the part of its edges that is pruned.
        settings: Of :func:`qkan.experiments.mnist_task.train_on_mnist`.
    """
    ways: dict[str, Callable[..., Trained]] = {
        "random": from_random,
        "twin": twin_of,
        "kan": partial(from_kan, pruned=pruned),
    }
    return train_on_mnist(way=ways[start], **settings)


def twin_of(
    model: Mapping[str, Any], training: TrainingConfig, train: Part, validation: Part, test: Part
) -> Trained:
    """Train the exact classical form of a quantum KAN from that KAN's own random start.

    Both begin as the same function; from there its Fourier coefficients are free, where the circuits' are tied. So the
    difference in accuracy is the constraint's alone, not that of another initial spectrum.
    """
    twin = make(model, generator=torch.Generator().manual_seed(training.seed)).to_classical()
    started = time.process_time()
    history = fit(twin, train, validation, training)
    return Trained(twin, [history], time.process_time() - started, {})


def from_kan(
    model: Mapping[str, Any],
    training: TrainingConfig,
    train: Part,
    validation: Part,
    test: Part,
    *,
    pruned: float,
) -> Trained:
    """Train a classical KAN for half of the epochs, prune it, and go on with the quantum KAN that is fitted to it.

    Epochs are as many as those of a random start, and the learning rate falls alike. Fitting the edges comes on top: it
    is a part of ``train_seconds``, and ``fit_seconds`` alone.
    """
    looked_at = train[0][:_LOOKED_AT].flatten(1)
    first = training.epochs // 2
    generator = torch.Generator().manual_seed(training.seed)
    started = time.process_time()
    kan = KAN(list(model["sizes"]), generator=generator)
    before = fit(kan, train, validation, replace(training, epochs=first))
    kan_accuracy = evaluate(kan, test)["accuracy"]
    if pruned:
        kan.prune(looked_at, fraction=pruned, nodes=False)
    fitting = time.process_time()
    net = QKAN.from_kan(kan, model["edge"], x=looked_at, generator=generator, **_FITTING)
    fit_seconds = time.process_time() - fitting
    start_accuracy = evaluate(net, test)["accuracy"]
    rate = training.initial_rate * (training.gamma or 1.0) ** first
    rest = replace(training, epochs=training.epochs - first, learning_rate=rate)
    after = fit(net, train, validation, rest)
    metrics = {
        "fit_seconds": fit_seconds,
        "kan_accuracy": kan_accuracy,
        "start_accuracy": start_accuracy,
    }
    return Trained(net, [before, after], time.process_time() - started, metrics)


def _conclude(
    config: Config,
    arms: Mapping[str, Mapping[str, Any]],
    images: Images,
    results: Results,
    folder: RunFolder,
) -> Record:
    """Return the record: accuracies, and the paired differences of every arm to the quantum KAN."""
    results, lost = survivors(results)
    if "qkan" not in results.runs:
        raise UsageError(f"without the quantum KAN there is nothing to compare. {' '.join(lost)}")
    values = results.metrics()
    found = differences(correct_of(results))
    accuracy = values["qkan"]["test_accuracy"].mean()
    met = f", target {100 * TARGET:g} %: {'met' if accuracy >= TARGET else 'missed'}"
    sentences = [
        f"QKAN [784, {config.width}, 10]: {100 * accuracy:.2f} % test accuracy after {config.epochs} epochs on "
        f"{images.train:,} images{met if config.full and images.name == 'MNIST' else ''}.",
        *(_sentence(name, values, found.get(name)) for name in _SAID if name in values),
        *(
            ["Intervals: over further seeds and test images, 95 % for all together."]
            if found
            else []
        ),
        *lost,
    ]
    verdict = {
        "sentences": sentences,
        "difference_to_qkan": {name: asdict(interval) for name, interval in found.items()},
    }
    summary = summarise(values)
    sections = [
        _table(config, images, values, summary, found, folder),
        *([_warm_start(config, values, results, folder)] if "qkan_warm" in values else []),
        _network(arms, results, folder),
    ]
    return Record(summary, verdict, sections)


def differences(correct: Mapping[str, NDArray[np.float64]]) -> dict[str, Interval]:
    """Return the difference of the test accuracy of every arm to the quantum KAN; none for a single seed.

    Pairs are seeds and images, ``{arm: (seeds, images)}``; the level is that of all of them together (Bonferroni).
    """
    others = [name for name in correct if name != "qkan"]
    if len(correct["qkan"]) < 2 or not others:
        return {}
    level = 1 - 0.05 / len(others)
    return {name: crossed_interval(correct[name] - correct["qkan"], level) for name in others}


def _sentence(name: str, values: Values, interval: Interval | None) -> str:
    if interval is None:
        gain = (values[name]["test_accuracy"] - values["qkan"]["test_accuracy"]).mean()
        return f"{LABELS[name]}: {100 * gain:+.2f} points against it, one seed only, so not told apart."
    return f"{LABELS[name]}: {interval.verdict}, {points(asdict(interval))} points."


def _table(
    config: Config,
    images: Images,
    values: Values,
    summary: Mapping[str, Any],
    found: Mapping[str, Interval],
    folder: RunFolder,
) -> Section:
    shown = {name: label for name, label in LABELS.items() if name in values}
    columns: dict[str, Callable[..., object]] = {
        "arm": lambda _, label: label,
        "parameters": lambda name, _: f"{int(values[name]['parameters'][0]):,}",
        "test accuracy / %": lambda name, _: percent(summary[name]["test_accuracy"]),
        "difference / points": lambda n, _: points(asdict(found[n])) if n in found else "",
        "rate": lambda name, _: f"{np.median(values[name]['rate']):g}",
        "training / s": lambda name, _: f"{values[name]['train_seconds'].mean():.1f}",
    }
    plural = "s" if config.seeds != 1 else ""
    text = (
        f"Mean ± standard deviation over {config.seeds} seed{plural}; differences to the QKAN are paired by seeds and "
        "images, intervals over further ones of both, at 95 % for all together. Epoch and learning rate "
        f"({config.rates}) are chosen on {images.chosen_on}, which are not learnt from; times are CPU seconds of the "
        "chosen rate."
    )
    scores = {label: {"test_accuracy": values[n]["test_accuracy"]} for n, label in shown.items()}
    caption = "Test accuracy: a dot a seed, a tick at the mean."
    plot = plot_seeds(scores)
    picture = Picture.save(folder, "accuracy", caption, plot)
    return Section("All arms", [text], Table.of(columns, shown), [picture])


def _warm_start(config: Config, values: Values, results: Results, folder: RunFolder) -> Section:
    warm = {name: series.mean() for name, series in values["qkan_warm"].items()}
    cold = values["qkan"]["test_accuracy"].mean()
    text = (
        f"A KAN is trained for {(config.epochs or 0) // 2} of {config.epochs} epochs "
        f"({100 * warm['kan_accuracy']:.2f} %); {100 * config.pruned:.0f} % of its edges are pruned, the others fitted "
        f"by circuits ({100 * warm['start_accuracy']:.2f} %, {warm['fit_seconds']:.0f} CPU seconds); the QKAN has "
        f"the rest ({100 * warm['test_accuracy']:.2f} %). From random weights: {100 * cold:.2f} %."
    )
    curves = results.curves("train_loss", "val_accuracy")
    plot = plot_curves(
        {LABELS[name]: curves[name] for name in ("qkan", "qkan_warm", "twin") if name in curves}
    )
    caption = "Mean and standard deviation over seeds; the warm start is a KAN in its first half."
    return Section("Warm start", [text], pictures=[Picture.save(folder, "curves", caption, plot)])


def _network(arms: Mapping[str, Mapping[str, Any]], results: Results, folder: RunFolder) -> Section:
    """Draw the trained quantum KAN, and keep it with some images for ``qkan inspect``."""
    net = trained(arms["qkan"]["model"], results.runs["qkan"][0])
    inputs = mnist(train=_SHOWN, test=1).train_images.flatten(1).numpy() / np.float32(255)
    np.save(folder.path / FOLDER / INPUTS, inputs)
    caption = f"The edges that account for most of the outputs, over {_SHOWN} training images."
    picture = Picture.save(folder, "network", caption, plot(net, inputs))
    return Section("Inside the quantum KAN of seed 0", pictures=[picture])
