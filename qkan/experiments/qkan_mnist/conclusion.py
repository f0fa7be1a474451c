"""What follows from the runs: the circuit against free coefficients, quantum against classical, warm against cold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qkan.experiments.mnist_task import Images
from qkan.experiments.qkan_mnist.arms import LABELS
from qkan.experiments.qkan_mnist.config import Config
from qkan.experiments.qkan_mnist.pictures import draw_accuracy, draw_network
from qkan.plotting import plot_curves
from qkan.studies.report import Picture, Record, Section, Table
from qkan.studies.run import RunFolder
from qkan.studies.statistics import Interval, paired_difference, summarise
from qkan.studies.study import Results

__all__ = ["conclude", "differences"]

TARGET = 0.97
"""The test accuracy that the quantum KAN should reach on all of MNIST in 5 epochs."""

Values = Mapping[str, Mapping[str, NDArray[np.float64]]]


def conclude(
    results: Results,
    folder: RunFolder,
    *,
    config: Config,
    arms: Mapping[str, Mapping[str, Any]],
    images: Images,
) -> Record:
    """Return the record: accuracies, and the paired differences of every arm to the quantum KAN."""
    values = results.metrics()
    found = differences(values)
    accuracy = values["qkan"]["test_accuracy"]
    sentences = [
        f"The quantum KAN [784, {config.width}, 10] reaches {100 * accuracy.mean():.2f} % test accuracy after "
        f"{config.epochs} epochs on {images.train:,} images"
        + (
            f" (target {100 * TARGET:g} %: {'met' if accuracy.mean() >= TARGET else 'missed'})."
            if config.full
            else "."
        )
    ]
    sentences += [
        _sentence(arm, values, found.get(arm))
        for arm in (
            "twin",
            "fourier",
            "kan",
            "sinekan",
            "mlp",
            "kan_wide",
            "sinekan_wide",
            "mlp_wide",
            "qkan_warm",
        )
    ]
    sections = [
        Section(
            "All arms",
            [
                f"Mean ± standard deviation over {config.seeds} seed{'s' if config.seeds != 1 else ''}; differences to "
                "the quantum KAN are paired by seeds, with 95 % Student intervals. Epoch and learning rate "
                f"({config.rates}) are chosen on {images.chosen_on}, which are not learnt from; times are CPU seconds "
                "of the chosen rate."
            ],
            _table(values, found),
            [draw_accuracy(values, folder)],
        ),
        Section("Warm start", _warm_text(values, config), None, _curves(results, folder)),
    ]
    pictures = draw_network(results, arms, folder)
    if pictures:
        sections.append(Section("Inside the quantum KAN of seed 0", pictures=pictures))
    verdict = {
        "sentences": sentences,
        "difference_to_qkan": {arm: asdict(interval) for arm, interval in found.items()},
    }
    return Record(summarise(values), verdict, sections)


def differences(values: Values) -> dict[str, Interval]:
    """Return the paired difference of the test accuracy of every arm to the quantum KAN; none for a single seed."""
    ours = values["qkan"]["test_accuracy"]
    if len(ours) < 2:
        return {}
    return {
        arm: paired_difference(metrics["test_accuracy"], ours)
        for arm, metrics in values.items()
        if arm != "qkan"
    }


def _sentence(arm: str, values: Values, interval: Interval | None) -> str:
    gain = 100 * (values[arm]["test_accuracy"] - values["qkan"]["test_accuracy"]).mean()
    if interval is None:
        return f"{LABELS[arm]}: {gain:+.2f} points against it, one seed only."
    low, high = 100 * interval.low, 100 * interval.high
    verdict = "better" if low > 0 else "worse" if high < 0 else "not measurably different"
    return f"{LABELS[arm]}: {verdict}, {gain:+.2f} points, 95 % interval [{low:+.2f}, {high:+.2f}]."


def _table(values: Values, found: Mapping[str, Interval]) -> Table:
    rows = []
    for arm, label in LABELS.items():
        metrics = values[arm]
        accuracy = 100 * metrics["test_accuracy"]
        spread = accuracy.std(ddof=1) if len(accuracy) > 1 else 0.0
        gap = found.get(arm)
        rows.append(
            [
                label,
                f"{int(metrics['parameters'][0]):,}",
                f"{accuracy.mean():.2f} ± {spread:.2f}",
                f"{100 * gap.estimate:+.2f} [{100 * gap.low:+.2f}, {100 * gap.high:+.2f}]"
                if gap
                else "",
                f"{np.median(metrics['rate']):g}",
                f"{metrics['train_seconds'].mean():.1f}",
            ]
        )
    header = [
        "arm",
        "parameters",
        "test accuracy / %",
        "difference / points",
        "rate",
        "training / s",
    ]
    return Table(header, rows)


def _warm_text(values: Values, config: Config) -> list[str]:
    warm = {name: series.mean() for name, series in values["qkan_warm"].items()}
    half = (config.epochs or 0) // 2
    return [
        f"A classical KAN is trained for {half} of the {config.epochs} epochs ({100 * warm['kan_accuracy']:.2f} %); "
        f"{100 * config.pruned:.0f} % of its edges are pruned and the others fitted by circuits "
        f"({100 * warm['start_accuracy']:.2f} % as they are, after {warm['fit_seconds']:.0f} CPU seconds of fitting); "
        f"the quantum KAN is trained for the rest ({100 * warm['test_accuracy']:.2f} %). From random weights, over "
        f"all epochs: {100 * values['qkan']['test_accuracy'].mean():.2f} %."
    ]


def _curves(results: Results, folder: RunFolder) -> list[Picture]:
    shown = {
        LABELS[arm]: curves
        for arm, curves in results.curves("train_loss", "val_accuracy").items()
        if arm in {"qkan", "qkan_warm", "twin"}
    }
    caption = "Mean and standard deviation over seeds; the warm start is a classical KAN in its first half."
    return [Picture.save(folder, "curves", caption, plot_curves(shown))]
