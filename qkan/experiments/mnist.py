"""All models on MNIST at equal widths and at equal parameter counts, over seeds, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qkan.config import at_least, positive_numbers, setting
from qkan.experiments.mnist_task import (
    Digits,
    Images,
    correct_of,
    parameters_of,
    survivors,
    train_on_mnist,
)
from qkan.experiments.mnist_task import arm as settings_of
from qkan.models import MODELS
from qkan.plotting import Measured, plot_curves, plot_tradeoff
from qkan.studies.report import Picture, Record, Section, Table, percent, points
from qkan.studies.run import Places, RunFolder
from qkan.studies.statistics import OPEN, Interval, crossed_interval, summarise
from qkan.studies.study import FOLDER, Results, Study, trained

__all__ = ["GROUPS", "KINDS", "Arm", "Config", "arms_of", "run"]

_PIXELS, _CLASSES = 784, 10
_CHANNELS = {"small": (8, 16), "large": (32, 64)}
"""Of the convolutional networks; the large ones are the notebook's."""
_COSTS = {
    "parameters": "parameters",
    "train_seconds": "training / s",
    "inference_us": "inference / µs an image",
}
_LEVEL = 0.95
_CANDIDATE = "candidate"
"""What the weights of seed 0 are called until it is known whose are kept."""

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
class Config(Digits):
    """The settings of one run.

    Raises:
        UsageError: If a setting is out of range.
    """

    seeds: int = setting(5, "How many seeds.")
    epochs: int = setting(8, "Passes over the training images.")
    width: int = setting(64, "The hidden width at which models are compared.")
    batch_size: int = setting(64, "Images a step.")
    rates: str = setting("1e-3,3e-3", "Learning rates; validation chooses, for every seed anew.")
    qkan: bool = setting(False, "Compare the quantum KAN, too.")

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, seeds=2, width=2, batch_size=1)
        positive_numbers("rates", self.rates)


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
    places, config = places or Places(), config.settled()
    images = config.images("unit", places.data_dir)
    training = {
        "epochs": config.epochs,
        "batch_size": config.batch_size,
        "optimizer": "adamw",
        "weight_decay": 0.01,
        "gamma": 0.8,
    }
    rates = positive_numbers("rates", config.rates)
    of = partial(settings_of, training=training, images=images, rates=rates, keep_weights=True)
    arms = arms_of(config.width, qkan=config.qkan)
    return Study(
        "mnist",
        f"All models on {images.name if config.full else '5,000 images of MNIST'}",
        config,
        {arm.name: of(arm.model) for arm in arms},
        config.seeds,
        partial(train_on_mnist, data_dir=places.data_dir, weights=_CANDIDATE),
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
    groups: dict[tuple[str, int], list[str]] = {}
    models: dict[tuple[str, int], Settings] = {}

    def add(kind: str, group: str, model_of: Callable[[int], Settings]) -> None:
        w = width_for(model_of, budgets[group]) if group in budgets else width
        models.setdefault((kind, w), model_of(w))
        groups.setdefault((kind, w), []).append(group)

    for kind, model_of in kinds.items():
        for group in GROUPS:
            add(kind, group, model_of)
    for group, channels in _CHANNELS.items():
        add("cnn", group, partial(_cnn, channels))
    add("tablekan", "width", partial(_chain, "tablekan"))
    linear = Arm("linear", 0, (), {"kind": "mlp", "sizes": [_PIXELS, _CLASSES]})
    return [linear, *(Arm(k, w, tuple(groups[k, w]), model) for (k, w), model in models.items())]


def width_for(model_of: Callable[[int], Settings], budget: int) -> int:
    """Return the hidden width whose number of parameters is closest to ``budget``.

    With one hidden layer the number is affine in the width, so two widths tell all.
    """
    one, two = (parameters_of(model_of(width)) for width in (1, 2))
    return max(1, round(1 + (budget - one) / (two - one)))


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
    results, lost = survivors(results)
    arms = [arm for arm in arms if arm.name in results.runs]
    summary = summarise(results.metrics())
    correct = correct_of(results)
    accuracies = {arm: _share(crossed_interval(each, _LEVEL)) for arm, each in correct.items()}
    groups = differences_of(arms, correct)
    where = (
        f"All of {images.name}"
        if config.full
        else "The 5,000/1,000 images of MNIST inside the package"
    )
    less = "" if config.full else " With more images the order of the models may be another."
    data = (
        f"{where}: {images.train:,} images to learn from, {images.validation:,} to choose epoch and learning rate by, "
        f"{images.test:,} to test on once; {config.seeds} seeds.{less}"
    )
    verdict = {
        "sentences": [data, *lost, *(sentence(group, found) for group, found in groups.items())],
        "joint_level": _LEVEL,
        "differences": {
            group: {f"{a.name} - {b.name}": asdict(interval) for a, b, interval in found}
            for group, found in groups.items()
        },
        "accuracy": {arm: asdict(interval) for arm, interval in accuracies.items()},
        "kept": _keep_best(arms, results, folder),
    }
    sections = [
        _table(config, images, arms, summary, accuracies),
        _costs(arms, summary, accuracies, folder),
        _differences(groups),
        _training(arms, results, folder),
    ]
    return Record(summary, verdict, sections)


def _keep_best(arms: Sequence[Arm], results: Results, folder: RunFolder) -> str | None:
    """Write the model of seed 0 that validation prefers, of those that a file can hold; return its name."""
    found = results.curves("val_accuracy")
    kept = [arm for arm in arms if arm.model["kind"] in MODELS]
    if not kept:
        return None
    best = max(kept, key=lambda arm: found[arm.name]["val_accuracy"].max(axis=1).mean())
    arrays = {
        name.replace(_CANDIDATE, "weights", 1): values
        for name, values in results.runs[best.name][0].items()
        if name.startswith(f"{_CANDIDATE}.")
    }
    trained(best.model, arrays).save(folder.path / FOLDER / f"{best.name}.safetensors")
    return best.name


def _share(interval: Interval) -> Interval:
    """Return the part of an interval where an accuracy can be."""
    return replace(interval, low=max(interval.low, 0.0), high=min(interval.high, 1.0))


def differences_of(
    arms: Sequence[Arm], correct: Mapping[str, NDArray[np.float64]], level: float = _LEVEL
) -> dict[str, list[Difference]]:
    """Return the difference in accuracy of every model to the MLP of its group, and of the filter to its control.

    Pairs are seeds and images: ``{arm: (seeds, images)}``, 1 where an image is classified correctly. The level is that
    of all intervals together (Bonferroni).

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
    told: dict[str, list[str]] = {"better": [], "worse": [], OPEN: []}
    for a, b, interval in differences:
        word, by = interval.verdict, f"{points(asdict(interval))} points"
        pair = (
            f"{a.label} and {b.label}"
            if word == OPEN
            else f"{a.label} {word} than {b.label} by {by}"
        )
        told[word].append(pair)
    alike = [f"{OPEN}: {', '.join(told[OPEN])}"] if told[OPEN] else []
    return f"At {GROUPS[group]}: {'; '.join([*told['better'], *told['worse'], *alike])}."


def _table(
    config: Config,
    images: Images,
    arms: Sequence[Arm],
    summary: Mapping[str, Any],
    accuracies: Mapping[str, Interval],
) -> Section:
    def of(arm: Arm, metric: str) -> Mapping[str, float]:
        found: Mapping[str, float] = summary[arm.name][metric]
        return found

    columns: dict[str, Callable[[Arm], object]] = {
        "model": lambda arm: KINDS[arm.kind],
        "width": lambda arm: arm.width or "",
        "parameters": lambda arm: f"{of(arm, 'parameters')['mean']:,.0f}",
        "test accuracy / %": lambda arm: percent(of(arm, "test_accuracy")),
        "95 % interval": lambda arm: "[{:.1f}, {:.1f}]".format(
            *(100 * end for end in (accuracies[arm.name].low, accuracies[arm.name].high))
        ),
        "test loss": lambda arm: "{mean:.3f} ± {sd:.3f}".format(**of(arm, "test_loss")),
        "training / s": lambda arm: f"{of(arm, 'train_seconds')['mean']:.1f}",
        "inference / µs": lambda arm: f"{of(arm, 'inference_us')['mean']:.1f}",
    }
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
    return Section("All models", text, Table.of(columns, arms))


def _costs(
    arms: Sequence[Arm],
    summary: Mapping[str, Any],
    accuracies: Mapping[str, Interval],
    folder: RunFolder,
) -> Section:
    panels: dict[str, dict[str, list[Measured]]] = {}
    for metric, label in _COSTS.items():
        for arm in arms:
            found, cost = accuracies[arm.name], summary[arm.name][metric]["mean"]
            point = Measured(cost, *(100 * end for end in (found.estimate, found.low, found.high)))
            panels.setdefault(label, {}).setdefault(KINDS[arm.kind], []).append(point)
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
    shown = [arm for arm in arms if "width" in arm.groups or not arm.groups]
    plot = plot_curves({KINDS[arm.kind]: curves[arm.name] for arm in shown})
    caption = "Models of one width: mean and standard deviation over seeds, at the chosen rates."
    return Section("Training", pictures=[Picture.save(folder, "curves", caption, plot)])
