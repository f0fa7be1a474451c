"""All models on MNIST at equal widths and at equal parameter counts, over seeds, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from qkan.config import at_least, positive_numbers, setting
from qkan.experiments.mnist_task import Images, train_on_mnist
from qkan.experiments.mnist_task import arm as settings_of
from qkan.experiments.notebook_networks import make
from qkan.plotting import Measured, plot_curves, plot_tradeoff
from qkan.studies.report import Picture, Record, Section, Table, percent, points
from qkan.studies.run import Places, RunFolder
from qkan.studies.statistics import Interval, crossed_interval, summarise
from qkan.studies.study import Results, Study

__all__ = ["GROUPS", "KINDS", "Arm", "Config", "arms_of", "run"]

_PIXELS, _CLASSES = 784, 10
_CHANNELS = {"small": (8, 16), "large": (32, 64)}
"""Of the convolutional networks; the large ones are the notebook's."""
_VALIDATION = {False: 500, True: 5_000}
_LEVEL = 0.95

KINDS = {
    "linear": "linear",
    "mlp": "MLP",
    "kan": "KAN",
    "sinekan": "SineKAN",
    "scipykan": "SciPy KAN",
    "tablekan": "table KAN",
    "qkan": "QKAN",
    "quanvolution": "quanvolution",
    "no_entanglement": "no entanglement",
    "cnn": "CNN",
}
"""The kinds of models, and what a reader calls them."""

GROUPS = {
    "width": "the same hidden width",
    "small": "as many parameters as the MLP of that width",
    "large": "as many parameters as the SineKAN of that width",
}
"""What the models of a group share."""

Settings = dict[str, Any]
Difference = tuple["Arm", "Arm", Interval]
"""The accuracy of one arm less that of another."""


@dataclass(frozen=True)
class Config:
    """The settings of one run.

    Raises:
        UsageError: If a setting is out of range.
    """

    full: bool = setting(False, "All of MNIST instead of 5,000/1,000 images.")
    seeds: int = setting(5, "How many seeds.")
    width: int = setting(64, "The hidden width at which models are compared.")
    epochs: int = setting(8, "Passes over the training images.")
    batch_size: int = setting(64, "Images a step.")
    rates: str = setting("1e-3,3e-3", "Learning rates; validation chooses, for every seed anew.")
    qkan: bool = setting(False, "Compare the quantum KAN, too.")
    train: int | None = setting(None, "Training images, those for validation included (all).")
    validation: int | None = setting(
        None, "Of these, how many choose epoch and rate (500; full: 5,000)."
    )
    test: int | None = setting(None, "Test images (all).")

    def __post_init__(self) -> None:
        at_least(self, seeds=2, width=2, epochs=1, batch_size=1, train=2, validation=1, test=2)
        positive_numbers("rates", self.rates)

    def settled(self) -> Config:
        """Return the same with the number of validation images filled in.

        Example:
            >>> Config(full=True).settled().validation
            5000
        """
        return replace(self, validation=self.validation or _VALIDATION[self.full])


@dataclass(frozen=True)
class Arm:
    """One model of the comparison.

    Attributes:
        kind: What it is, in :data:`KINDS`.
        width: Its hidden width; 0 for none.
        groups: Where it is compared: names in :data:`GROUPS`.
        model: Its configuration.
    """

    kind: str
    width: int
    groups: tuple[str, ...]
    model: Settings

    @property
    def name(self) -> str:
        """What it is called in ``results.json``."""
        return f"{self.kind}_{self.width}" if self.width else self.kind

    @property
    def label(self) -> str:
        """What a reader calls it."""
        return f"{KINDS[self.kind]} {self.width}" if self.width else KINDS[self.kind]


def run(config: Config, places: Places | None = None) -> RunFolder:
    """Compare all models and return the folder with results, figures and reports.

    Every model is trained in the same way (AdamW, weight decay 0.01, the learning rate times 0.8 an epoch, pixels from
    0 to 1); for every seed the validation images choose the learning rate and the epoch, and the test images are used
    once.

    Raises:
        UsageError: If a setting, a data set or a folder is not what it should be.
    """
    places = places or Places()
    config = config.settled()
    held_back = config.validation or 0
    images = Images.of(
        full=config.full,
        train=None if config.train is None else config.train - held_back,
        validation=held_back,
        test=config.test,
        data_dir=places.data_dir,
    )
    training = {
        "epochs": config.epochs,
        "batch_size": config.batch_size,
        "optimizer": "adamw",
        "weight_decay": 0.01,
        "gamma": 0.8,
    }
    rates = positive_numbers("rates", config.rates)
    arms = arms_of(config.width, qkan=config.qkan)
    return Study(
        "mnist",
        "All models on MNIST" if config.full else "All models on 5,000 images of MNIST",
        config,
        {arm.name: settings_of(arm.model, training, images, rates=rates) for arm in arms},
        config.seeds,
        partial(train_on_mnist, data_dir=places.data_dir),
        partial(_conclude, config, images, arms),
        {"data": images.facts},
    ).run(places)


def arms_of(width: int, *, qkan: bool = False) -> list[Arm]:
    """Return the arms: each kind at the width, and where it has as many parameters as a reference.

    The linear model is in no group: it is the floor. The width of a convolutional network's dense layer is not what it
    is elsewhere, so it is compared at equal parameters alone. The quanvolution's head is the MLP, so that the MLP
    itself, on as many raw pixels, is its control; a second one is the filter without the gates that join wires.

    Example:
        >>> [arm.name for arm in arms_of(64) if "small" in arm.groups]
        ['mlp_64', 'kan_7', 'sinekan_8', 'scipykan_64', 'quanvolution_64', 'no_entanglement_64', 'cnn_63']
    """
    chain = ("mlp", "kan", "sinekan", "scipykan", *(["qkan"] if qkan else []))
    kinds: dict[str, Callable[[int], Settings]] = {kind: partial(_chain, kind) for kind in chain}
    kinds["quanvolution"] = partial(_quanvolution, "demo")
    kinds["no_entanglement"] = partial(_quanvolution, "demo/no-entanglement")
    budgets = {
        "small": parameters_of(_chain("mlp", width)),
        "large": parameters_of(_chain("sinekan", width)),
    }
    wanted: dict[tuple[str, int], tuple[Settings, list[str]]] = {}

    def add(kind: str, width: int, group: str, model: Settings) -> None:
        wanted.setdefault((kind, width), (model, []))[1].append(group)

    for kind, model_of in kinds.items():
        add(kind, width, "width", model_of(width))
        for group, budget in budgets.items():
            fitting = width_for(model_of, budget)
            add(kind, fitting, group, model_of(fitting))
    for group, budget in budgets.items():
        model_of = partial(_cnn, _CHANNELS[group])
        fitting = width_for(model_of, budget)
        add("cnn", fitting, group, model_of(fitting))
    add("tablekan", width, "width", _chain("tablekan", width))
    linear = Arm("linear", 0, (), {"kind": "mlp", "sizes": [_PIXELS, _CLASSES]})
    found = [Arm(kind, w, tuple(groups), model) for (kind, w), (model, groups) in wanted.items()]
    return [linear, *found]


def width_for(model_of: Callable[[int], Settings], budget: int) -> int:
    """Return the hidden width whose number of parameters is closest to ``budget``.

    With one hidden layer the number is affine in the width, so two widths tell all.
    """
    one, two = (parameters_of(model_of(width)) for width in (1, 2))
    return max(1, round(1 + (budget - one) / (two - one)))


def parameters_of(model: Mapping[str, Any]) -> int:
    """Return how many parameters a model trains."""
    return int(make(model, generator=torch.Generator()).num_parameters)


def _chain(kind: str, width: int) -> Settings:
    return {"kind": kind, "sizes": [_PIXELS, width, _CLASSES]}


def _cnn(channels: tuple[int, int], width: int) -> Settings:
    return {"kind": "cnn", "channels": list(channels), "hidden": width}


def _quanvolution(circuit: str, width: int) -> Settings:
    # 14 x 14 patches with four channels are 784 features again.
    return {"kind": "quanvolution", "filters": [circuit], "head": _chain("mlp", width)}


def _conclude(
    config: Config, images: Images, arms: Sequence[Arm], results: Results, folder: RunFolder
) -> Record:
    """Return the record of the comparison, and draw its figures."""
    values = results.metrics()
    summary = summarise(values)
    correct = {
        arm: np.stack([np.asarray(seed["test.correct"], dtype=np.float64) for seed in seeds])
        for arm, seeds in results.runs.items()
    }
    accuracies = {arm: crossed_interval(each, _LEVEL) for arm, each in correct.items()}
    groups = differences_of(arms, correct)
    where = "All of MNIST" if config.full else "The 5,000/1,000 images of MNIST inside the package"
    less = "" if config.full else " With more images the order of the models may be another."
    data = (
        f"{where}: {images.train:,} images to learn from, {images.validation:,} to choose epoch and learning rate by, "
        f"{images.test:,} to test on once; {config.seeds} seeds.{less}"
    )
    verdict = {
        "sentences": [data, *(sentence(group, found) for group, found in groups.items())],
        "joint_level": _LEVEL,
        "differences": {
            group: {f"{a.name} - {b.name}": asdict(interval) for a, b, interval in found}
            for group, found in groups.items()
        },
        "accuracy": {arm: asdict(interval) for arm, interval in accuracies.items()},
    }
    sections = [
        _table(config, images, arms, summary, accuracies),
        _costs(arms, summary, accuracies, folder),
        _differences(groups),
        _training(arms, results, folder),
    ]
    return Record(summary, verdict, sections)


def differences_of(
    arms: Sequence[Arm], correct: Mapping[str, NDArray[np.float64]], level: float = _LEVEL
) -> dict[str, list[Difference]]:
    """Return the difference in accuracy of every model to the MLP of its group, and of the filter to its control.

    Pairs are seeds and images. The level is that of all intervals together (Bonferroni).

    Args:
        arms: All arms.
        correct: ``{arm: (seeds, images)}``: 1 where an image is classified correctly.
        level: The probability that all intervals cover.

    Example:
        >>> arms = [Arm("mlp", 8, ("width",), {}), Arm("kan", 8, ("width",), {})]
        >>> correct = {"mlp_8": np.eye(3), "kan_8": np.ones((3, 3))}
        >>> [(a.label, b.label) for a, b, _ in differences_of(arms, correct)["width"]]
        [('KAN 8', 'MLP 8')]
    """
    pairs: dict[str, list[tuple[Arm, Arm]]] = {}
    for group in GROUPS:
        members = {arm.kind: arm for arm in arms if group in arm.groups}
        others = [arm for kind, arm in members.items() if kind != "mlp"]
        pairs[group] = [(arm, members["mlp"]) for arm in others if "mlp" in members]
        if {"quanvolution", "no_entanglement"} <= members.keys():
            pairs[group].append((members["quanvolution"], members["no_entanglement"]))
    each = 1 - (1 - level) / max(1, sum(len(found) for found in pairs.values()))
    return {
        group: [(a, b, crossed_interval(correct[a.name] - correct[b.name], each)) for a, b in found]
        for group, found in pairs.items()
        if found
    }


def sentence(group: str, differences: Iterable[Difference]) -> str:
    """Return what the intervals of one group allow to say.

    Example:
        >>> mlp, cnn, kan = (Arm(kind, 8, ("width",), {}) for kind in ("mlp", "cnn", "kan"))
        >>> better, open = Interval(0.02, 0.01, 0.03, 0.99), Interval(0.01, -0.01, 0.03, 0.99)
        >>> print(sentence("width", [(cnn, mlp, better), (kan, mlp, open)]))
        At the same hidden width: CNN 8 better than MLP 8 by +2.00 [+1.00, +3.00] points; not told apart: KAN 8
        and MLP 8.
    """
    better, worse, alike = [], [], []
    for a, b, interval in differences:
        by = f"{points(asdict(interval))} points"
        if interval.low > 0:
            better.append(f"{a.label} better than {b.label} by {by}")
        elif interval.high < 0:
            worse.append(f"{a.label} worse than {b.label} by {by}")
        else:
            alike.append(f"{a.label} and {b.label}")
    clauses = [*better, *worse, *([f"not told apart: {', '.join(alike)}"] if alike else [])]
    return f"At {GROUPS[group]}: {'; '.join(clauses)}."


def _table(
    config: Config,
    images: Images,
    arms: Sequence[Arm],
    summary: Mapping[str, Any],
    accuracies: Mapping[str, Interval],
) -> Section:
    rows = []
    for arm in arms:
        metrics, interval = summary[arm.name], accuracies[arm.name]
        rows.append(
            [
                KINDS[arm.kind],
                str(arm.width or ""),
                f"{metrics['parameters']['mean']:,.0f}",
                percent(metrics["test_accuracy"]),
                f"[{100 * interval.low:.1f}, {100 * interval.high:.1f}]",
                f"{metrics['test_loss']['mean']:.3f} ± {metrics['test_loss']['sd']:.3f}",
                f"{metrics['train_seconds']['mean']:.1f}",
                f"{metrics['inference_us']['mean']:.1f}",
            ]
        )
    text = [
        f"Mean ± standard deviation over {config.seeds} seeds; 95 % interval of the mean over further seeds and "
        f"further test images. All models: AdamW, weight decay 0.01, {config.epochs} epochs of batches of "
        f"{config.batch_size}, the learning rate times 0.8 an epoch; {images.validation:,} validation images choose "
        f"the first rate from {config.rates} and the epoch, for every seed.",
        "Times: CPU of one thread, of one training at one rate, and of one image in batches of 1,000; they are "
        "comparable on one quiet machine only.",
        "SciPy KAN and table KAN are the published notebook's: the first is an MLP with a fixed spline as its "
        "activation function, the second has fixed random features (counted as parameters, though never trained).",
    ]
    header = [
        "model", "width", "parameters", "test accuracy / %", "95 % interval", "test loss",
        "training / s", "inference / µs",
    ]  # fmt: skip
    return Section("All models", text, Table(header, rows))


def _costs(
    arms: Sequence[Arm],
    summary: Mapping[str, Any],
    accuracies: Mapping[str, Interval],
    folder: RunFolder,
) -> Section:
    costs = {
        "parameters": "parameters",
        "train_seconds": "training / s",
        "inference_us": "inference / µs an image",
    }
    panels: dict[str, dict[str, list[Measured]]] = {label: {} for label in costs.values()}
    for arm in arms:
        interval = accuracies[arm.name]
        ends = (100 * interval.estimate, 100 * interval.low, 100 * interval.high)
        for metric, label in costs.items():
            point = Measured(summary[arm.name][metric]["mean"], *ends)
            panels[label].setdefault(KINDS[arm.kind], []).append(point)
    caption = "Test accuracy, its 95 % interval (seeds and images), and cost; a point a width."
    plot = plot_tradeoff(panels, "test accuracy / %")
    return Section("Accuracy and cost", pictures=[Picture.save(folder, "cost", caption, plot)])


def _differences(groups: Mapping[str, Sequence[Difference]]) -> Section:
    rows = [
        [GROUPS[group], f"{a.label} - {b.label}", points(asdict(interval))]
        for group, found in groups.items()
        for a, b, interval in found
    ]
    text = [
        "Differences in test accuracy, paired by seed and image; intervals over further seeds and further images, at "
        f"{100 * _LEVEL:g} % for all {len(rows)} of them together (Bonferroni)."
    ]
    return Section("Differences", text, Table(["at", "models", "points"], rows))


def _training(arms: Sequence[Arm], results: Results, folder: RunFolder) -> Section:
    curves = results.curves("train_loss", "val_accuracy")
    shown = {
        KINDS[arm.kind]: curves[arm.name] for arm in arms if "width" in arm.groups or not arm.groups
    }
    caption = "Models of one width: mean and standard deviation over seeds, at the chosen rates."
    return Section(
        "Training", pictures=[Picture.save(folder, "curves", caption, plot_curves(shown))]
    )
