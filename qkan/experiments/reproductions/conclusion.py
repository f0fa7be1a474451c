"""What a reproduction says: inside or outside the published spread, and under which protocol."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qkan.data import mnist
from qkan.experiments.mnist_images import Images
from qkan.experiments.network_pictures import network_pictures, trained_model
from qkan.experiments.record import Record
from qkan.experiments.report import Picture, Section, Table
from qkan.experiments.reproductions.config import Config
from qkan.experiments.reproductions.definitions import Definition
from qkan.experiments.reproductions.protocols import PROTOCOLS, arm_name
from qkan.experiments.results import Values, compare_with_published, summarise
from qkan.experiments.run_folder import RunFolder
from qkan.experiments.statistics import mean_interval
from qkan.experiments.study import Results
from qkan.experiments.wording import percent
from qkan.plotting import plot_curves, plot_seeds
from qkan.plotting.style import arm_label

__all__ = ["checks_of", "conclude", "published_sentence"]

_LEVEL = 0.95
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
    sentences = [
        published_sentence(definition, config, images["best_on_test"], checks),
        _our_sentence(definition, images["validated"], values),
    ]
    published = {
        "source": definition.source,
        "arms": {
            arm_name(arm, "best_on_test"): {"test_accuracy": arm.published}
            for arm in definition.arms
            if arm.published is not None
        },
    }
    verdict = {
        "sentences": sentences,
        "comparable": bool(checks),
        "published": checks,
        "reproduced": all(c["test_accuracy"]["inside"] for c in checks.values())
        if checks
        else None,
    }
    sections = [
        _accuracy_section(definition, values, checks, folder),
        _curves_section(results, folder),
        *_network_section(definition, arms, images["validated"], data_dir, results, folder),
        _cost_section(definition, values),
        Section("What the publication leaves open", definition.open),
    ]
    return Record(summarise(values), verdict, sections, published)


def checks_of(definition: Definition, config: Config, values: Values) -> dict[str, Any]:
    """Return the comparison of every published accuracy with ours; none, if there is nothing to compare.

    The level is 95 % for all of them together (Bonferroni).
    """
    published = {
        arm_name(arm, "best_on_test"): {"test_accuracy": arm.published}
        for arm in definition.arms
        if arm.published is not None
    }
    if not published or not config.is_published_protocol:
        return {}
    return compare_with_published(values, published, 1 - (1 - _LEVEL) / len(published))


def published_sentence(
    definition: Definition, config: Config, images: Images, checks: Mapping[str, Any]
) -> str:
    """Return whether the published runs are some that our seeds could have given."""
    if all(arm.published is None for arm in definition.arms):
        return "Nothing to compare with: no published accuracy of this network is known to us."
    if not checks:
        figures = ", ".join(f"{100 * a.published:.2f} %" for a in definition.arms if a.published)
        why = (
            f"this run took {images.train:,} and {images.test:,}"
            if (images.train, images.test) != (60_000, 10_000)
            else "this run took another number of epochs"
        )
        return (
            f"Not comparable with the published figures: {figures} come from 60,000 training and 10,000 test images, "
            f"{why}. Nothing is said about them here; --full runs the published protocol."
        )
    found = [(arm, check["test_accuracy"]) for arm, check in checks.items()]
    outside = [_check_text(arm, check) for arm, check in found if not check["inside"]]
    interval = f"the {100 * _LEVEL:g} % interval for one more run of ours"
    if not outside:
        what = (
            "the published accuracy lies"
            if len(found) == 1
            else f"all {len(found)} published accuracies lie"
        )
        which = f" ({_check_text(*found[0])})" if len(found) == 1 else ", joint over all"
        return f"Reproduced under the notebook's protocol: {what} inside {interval}{which}."
    return (
        f"Not reproduced: {len(outside)} of {len(found)} published accuracies lie outside {interval}, joint over all "
        f"({'; '.join(outside)})."
    )


def _check_text(arm: str, check: Mapping[str, Any]) -> str:
    name = arm_label(arm.removesuffix("_best_on_test"))
    low, high = 100 * check["low"], 100 * check["high"]
    return f"{name}: published {100 * check['published']:.2f} %, ours [{low:.2f}, {high:.2f}]"


def _our_sentence(definition: Definition, images: Images, values: Values) -> str:
    summary = summarise(values)
    texts = [
        f"{percent(summary[arm_name(arm, 'validated')]['test_accuracy'])} % ({arm_label(arm.name)})"
        for arm in definition.arms
    ]
    return (
        f"Under our protocol ({images.train:,} training images, the epoch chosen on {images.chosen_on}, the "
        f"{images.test:,} test images used once) the test accuracy is {', '.join(texts)}."
    )


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
    model = trained_model(arms[name], results.runs[name][0])
    model.save(folder.path / "model.safetensors")
    digits = mnist(full=images.full, data_dir=data_dir, download=False)
    test = images.scaled(digits.test_images[:_SHOWN])
    pictures = network_pictures(model, test, folder)
    text = [f"{arm_label(name)}, seed 0; its weights are in model.safetensors (qkan.models.load)."]
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
