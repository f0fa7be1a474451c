"""The record and the report of a reproduction."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qkan.data import mnist
from qkan.experiments.mnist_task import Images, network_pictures
from qkan.experiments.notebook_networks import make
from qkan.experiments.reproductions.config import Config
from qkan.experiments.reproductions.definitions import Definition
from qkan.experiments.reproductions.protocols import PROTOCOLS, arm_name
from qkan.experiments.reproductions.verdict import (
    checks_of,
    our_sentence,
    published_sentence,
    published_values,
)
from qkan.plotting import plot_curves, plot_seeds
from qkan.plotting.style import arm_label
from qkan.studies.report import Picture, Record, Section, Table, percent
from qkan.studies.run import RunFolder
from qkan.studies.statistics import Values, mean_interval, summarise
from qkan.studies.study import Results, trained

__all__ = ["conclude"]

_SHOWN = 500
"""Test images that the pictures of the network are drawn from."""


def conclude(
    definition: Definition,
    config: Config,
    images: Mapping[str, Images],
    arms: Mapping[str, Mapping[str, Any]],
    data_dir: Path | None,
    results: Results,
    folder: RunFolder,
) -> Record:
    """Return the record of a reproduction, and draw its figures."""
    values = results.metrics()
    checks = checks_of(definition, config, values)
    inside = [check["test_accuracy"]["inside"] for check in checks.values()]
    sentences = [
        published_sentence(definition, config, images["best_on_test"], checks),
        our_sentence(definition, images["validated"], values),
    ]
    published = {"source": definition.source, "arms": published_values(definition)}
    verdict = {
        "sentences": sentences,
        "comparable": bool(checks),
        "published": checks,
        "reproduced": all(inside) if checks else None,
    }
    sections = [
        _accuracy_section(definition, values, checks, folder),
        _curves_section(results, folder),
        *_network_section(definition, arms, images["validated"], data_dir, results, folder),
        _cost_section(definition, values),
        Section("What the publication leaves open", definition.open),
    ]
    return Record(summarise(values), verdict, sections, published)


def _accuracy_section(
    definition: Definition, values: Values, checks: Mapping[str, Any], folder: RunFolder
) -> Section:
    summary, rows = summarise(values), []
    for arm in definition.arms:
        quoted = "" if arm.published is None else f"{100 * arm.published:.2f}"
        as_published, ours = (arm_name(arm, protocol) for protocol in PROTOCOLS)
        check = checks.get(as_published, {}).get("test_accuracy")
        interval = mean_interval(values[ours]["test_accuracy"])
        rows.append(
            [
                arm_label(arm.name),
                quoted,
                percent(summary[as_published]["test_accuracy"]),
                f"[{100 * check['low']:.2f}, {100 * check['high']:.2f}]" if check else "",
                "" if check is None else "inside" if check["inside"] else "OUTSIDE",
                percent(summary[ours]["test_accuracy"]),
                f"[{100 * interval.low:.2f}, {100 * interval.high:.2f}]",
            ]
        )
    header = [
        "test accuracy / %",
        "published",
        "notebook's protocol",
        "one more run",
        "",
        "ours",
        "95 % of the mean",
    ]
    seeds = len(values[arm_name(definition.arms[0], "validated")]["test_accuracy"])
    text = [
        f"Mean ± standard deviation over {seeds} seeds. Two protocols: {'; '.join(PROTOCOLS.values())}. The accuracies "
        "of the first are chosen on the images that they are quoted for, so they are too high as an estimate.",
        f"Published: {definition.source}.",
    ]
    if checks:
        text.append(
            f"With {seeds} seeds the interval for one more run is what the spread of so few allows: it rules out large "
            "differences only."
        )
    accuracy = {arm: {"test_accuracy": v["test_accuracy"]} for arm, v in values.items()}
    ranges = {
        a: {m: (c["low"], c["high"]) for m, c in check.items()} for a, check in checks.items()
    }
    marks = {a: {m: c["published"] for m, c in check.items()} for a, check in checks.items()}
    caption = "Each run: a dot a seed, a line at the mean."
    if checks:
        caption += " Diamonds: published; shaded: where one more run of ours would fall."
    picture = Picture.save(folder, "seeds", caption, plot_seeds(accuracy, ranges, marks))
    return Section("Accuracy", text, Table(header, rows), [picture])


def _curves_section(results: Results, folder: RunFolder) -> Section:
    curves = plot_curves(results.curves("train_loss", "val_loss", "val_accuracy"))
    caption = (
        "Mean and standard deviation over seeds. Validation: the images that choose the epoch; best on test: these are "
        "the test images."
    )
    return Section("Training", pictures=[Picture.save(folder, "curves", caption, curves)])


def _network_section(
    definition: Definition,
    arms: Mapping[str, Mapping[str, Any]],
    images: Images,
    data_dir: Path | None,
    results: Results,
    folder: RunFolder,
) -> list[Section]:
    name = arm_name(definition.arms[0], "validated")
    model = trained(arms[name]["model"], results.runs[name][0], make=make)
    digits = mnist(full=images.full, data_dir=data_dir, download=False)
    test = images.scaled(digits.test_images[:_SHOWN])
    pictures = network_pictures(model, test, folder)
    text = [f"{arm_label(name)}, seed 0."]
    return [Section("The network", text, None, pictures)]


def _cost_section(definition: Definition, values: Values) -> Section:
    rows = []
    for arm in definition.arms:
        metrics = values[arm_name(arm, "best_on_test")]
        rows.append(
            [
                arm_label(arm.name),
                f"{metrics['parameters'][0]:,.0f}",
                f"{metrics['train_seconds'].mean():.1f}",
                f"{metrics['inference_us'].mean():.1f}",
            ]
        )
    text = [
        "CPU time of one thread: of the training with its looks at the accuracy, and of one image in batches of 1,000. "
        "Times from different machines, or from a busy one, are not comparable."
    ]
    header = ["", "trained parameters", "training / s", "inference / µs an image"]
    return Section("Cost", text, Table(header, rows))
