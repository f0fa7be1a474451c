"""What the comparison says, and no more: every statement follows from an interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from qkan.experiments.comparison.arms import GROUPS, Arm
from qkan.experiments.comparison.config import Config
from qkan.experiments.mnist_images import Images
from qkan.plotting import Measured, plot_curves, plot_tradeoff
from qkan.plotting.style import arm_label
from qkan.studies.report import Picture, Record, Section, Table, percent, points
from qkan.studies.run import RunFolder
from qkan.studies.statistics import Interval, Values, crossed_interval, summarise
from qkan.studies.study import Results

__all__ = ["comparisons_of", "conclude", "sentence"]

_LEVEL = 0.95

Correct = Mapping[str, NDArray[np.float64]]
"""``{arm: (seeds, images)}``: 1 where an image is classified correctly."""


def conclude(
    config: Config, images: Images, arms: Sequence[Arm], results: Results, folder: RunFolder
) -> Record:
    """Return the record of the comparison, and draw its figures."""
    values = results.metrics()
    correct = {
        arm: np.stack([np.asarray(seed["test.correct"], dtype=np.float64) for seed in seeds])
        for arm, seeds in results.runs.items()
    }
    accuracies = {arm: crossed_interval(each, _LEVEL) for arm, each in correct.items()}
    comparisons = comparisons_of(arms, correct)
    count = sum(len(group) for group in comparisons.values())
    verdict = {
        "sentences": [
            _data_sentence(config, images),
            *(sentence(group, comparisons[group]) for group in comparisons),
        ],
        "joint_level": _LEVEL,
        "differences": {
            group: {name: asdict(interval) for name, interval in each.items()}
            for group, each in comparisons.items()
        },
        "accuracy": {arm: asdict(interval) for arm, interval in accuracies.items()},
    }
    sections = [
        _table_section(config, images, arms, values, accuracies),
        _figure_section(arms, values, accuracies, folder),
        _difference_section(comparisons, count),
        _curves_section(arms, results, folder),
    ]
    return Record(summarise(values), verdict, sections)


def comparisons_of(
    arms: Sequence[Arm], correct: Correct, level: float = _LEVEL
) -> dict[str, dict[str, Interval]]:
    """Return the difference in accuracy of every model to the MLP of its group, and of the filter to its control.

    Pairs are seeds and images. The level is that of all intervals together (Bonferroni).

    Example:
        >>> arms = [Arm("mlp", 8, ("width",), {}), Arm("kan", 8, ("width",), {})]
        >>> correct = {"mlp_8": np.eye(3), "kan_8": np.ones((3, 3))}
        >>> list(comparisons_of(arms, correct)["width"])
        ['kan_8 - mlp_8']
    """
    pairs: dict[str, list[tuple[str, str]]] = {}
    for group in GROUPS:
        members = {arm.kind: arm.name for arm in arms if group in arm.groups}
        others = [name for kind, name in members.items() if kind != "mlp"]
        pairs[group] = [(name, members["mlp"]) for name in others if "mlp" in members]
        if {"quanvolution", "no_entanglement"} <= members.keys():
            pairs[group].append((members["quanvolution"], members["no_entanglement"]))
    each = 1 - (1 - level) / max(1, sum(len(found) for found in pairs.values()))
    return {
        group: {f"{a} - {b}": crossed_interval(correct[a] - correct[b], each) for a, b in found}
        for group, found in pairs.items()
        if found
    }


def sentence(group: str, comparisons: Mapping[str, Interval]) -> str:
    """Return what the intervals of one group allow to say.

    Example:
        >>> better, open = Interval(0.02, 0.01, 0.03, 0.99), Interval(0.01, -0.01, 0.03, 0.99)
        >>> print(sentence("width", {"cnn_8 - mlp_8": better, "kan_8 - mlp_8": open}))
        At the same hidden width: CNN 8 better than MLP 8 by +2.00 [+1.00, +3.00] points; not told apart: KAN 8
        and MLP 8.
    """
    said: dict[str, list[str]] = {"better": [], "worse": [], "open": []}
    for name, interval in comparisons.items():
        first, second = (_label(arm) for arm in name.split(" - "))
        kind = "better" if interval.low > 0 else "worse" if interval.high < 0 else "open"
        said[kind].append(
            f"{first} and {second}"
            if kind == "open"
            else f"{first} {kind} than {second} by {points(asdict(interval))} points"
        )
    clauses = [*said["better"], *said["worse"]]
    if said["open"]:
        clauses.append(f"not told apart: {', '.join(said['open'])}")
    return f"At {GROUPS[group]}: {'; '.join(clauses)}."


def _data_sentence(config: Config, images: Images) -> str:
    where = "All of MNIST" if config.full else "The 5,000/1,000 images of MNIST inside the package"
    less = "" if config.full else " With more images the order of the models may be another."
    return (
        f"{where}: {images.train:,} images to learn from, {images.validation:,} to choose epoch and learning rate by, "
        f"{images.test:,} to test on once; {config.seeds} seeds.{less}"
    )


def _table_section(
    config: Config,
    images: Images,
    arms: Sequence[Arm],
    values: Values,
    accuracies: Mapping[str, Interval],
) -> Section:
    summary, rows = summarise(values), []
    for arm in arms:
        metrics, interval = summary[arm.name], accuracies[arm.name]
        rows.append(
            [
                arm_label(arm.kind),
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
        f"Mean ± standard deviation over {config.seeds} seeds, and a 95 % interval of the mean over further seeds and "
        f"further test images. All models: AdamW, weight decay 0.01, {config.epochs} epochs of batches of "
        f"{config.batch_size}, the learning rate times 0.8 an epoch; for every seed, the {images.validation:,} "
        f"validation images choose it from {config.rates} and the epoch.",
        "Times are CPU time of one thread: of one training with its looks at the accuracy, and of one image in batches "
        "of 1,000. Times from different machines, or from a busy one, are not comparable.",
        "SciPy KAN and table KAN are the published notebook's: the first is an MLP with a fixed spline as its "
        "activation function, the second has fixed random features (counted as parameters, though never trained).",
    ]
    header = [
        "model", "width", "parameters", "test accuracy / %", "95 % interval", "test loss",
        "training / s", "inference / µs",
    ]  # fmt: skip
    return Section("All models", text, Table(header, rows))


def _figure_section(
    arms: Sequence[Arm], values: Values, accuracies: Mapping[str, Interval], folder: RunFolder
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
            point = Measured(float(values[arm.name][metric].mean()), *ends)
            panels[label].setdefault(arm.kind, []).append(point)
    caption = (
        "Test accuracy with its 95 % interval (seeds and images) against what a model costs; the points of a model are "
        "its widths."
    )
    plot = plot_tradeoff(panels, "test accuracy / %")
    return Section("Accuracy and cost", pictures=[Picture.save(folder, "cost", caption, plot)])


def _difference_section(comparisons: Mapping[str, Mapping[str, Interval]], count: int) -> Section:
    rows = []
    for group, each in comparisons.items():
        for name, interval in each.items():
            first, second = (_label(arm) for arm in name.split(" - "))
            rows.append([GROUPS[group], f"{first} - {second}", points(asdict(interval))])
    text = [
        "Differences in test accuracy, paired by seed and image. The intervals hold for further seeds and further "
        f"images, at {100 * _LEVEL:g} % for all {count} of them together (Bonferroni).",
    ]
    return Section("Differences", text, Table(["at", "models", "points"], rows))


def _curves_section(arms: Sequence[Arm], results: Results, folder: RunFolder) -> Section:
    shown = {arm.name: arm.kind for arm in arms if "width" in arm.groups or not arm.groups}
    curves = results.curves("train_loss", "val_accuracy")
    plot = plot_curves({kind: curves[name] for name, kind in shown.items()})
    caption = (
        "Models of one width: mean and standard deviation over seeds, at the chosen learning rates."
    )
    return Section("Training", pictures=[Picture.save(folder, "curves", caption, plot)])


def _label(arm: str) -> str:
    kind, _, width = arm.rpartition("_")
    return f"{arm_label(kind)} {width}" if kind else arm_label(arm)
