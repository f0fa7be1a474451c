"""The record and the report of the published protocol."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

from qkan.data import MNIST
from qkan.experiments.quanvolution.figures import draw_channels, draw_circuit, draw_response
from qkan.experiments.quanvolution.narrative import form_sentence, published_sentence
from qkan.experiments.quanvolution.noise import noise_section
from qkan.experiments.quanvolution.published import PUBLISHED, PUBLISHED_SOURCE
from qkan.experiments.quanvolution.setup import Setup
from qkan.experiments.quanvolution.small import pixels
from qkan.plotting import plot_curves, plot_seeds
from qkan.plotting.style import METRIC_LABELS, arm_label
from qkan.studies.ensemble import History
from qkan.studies.report import Picture, Section, Table, difference_sentence, interval_text
from qkan.studies.run import RunFolder
from qkan.studies.statistics import compare_with_published, differences_to, summarise

__all__ = ["small_record", "small_report"]

Histories = Mapping[str, History]


def small_record(setup: Setup, histories: Histories) -> dict[str, Any]:
    """Return the parts of ``results.json`` that follow from the arms' histories."""
    finals = {arm: history.final() for arm, history in histories.items()}
    differences = differences_to("classical", finals)
    verdict: dict[str, Any] = {"difference_to_classical": differences}
    sentences = [form_sentence(setup.circuit, setup.series()), _what_it_brings(setup, differences)]
    published: dict[str, Any] = {}
    if setup.config.is_published_protocol:
        published = {"source": PUBLISHED_SOURCE, "arms": PUBLISHED}
        checks = compare_with_published(finals, PUBLISHED)
        verdict["published"] = checks
        inside = all(check["inside"] for arm in checks.values() for check in arm.values())
        verdict["reproduced"] = inside and setup.is_published
        sentences.append(published_sentence(checks, same=setup.is_published))
    verdict["sentences"] = sentences
    return {"arms": summarise(finals), "published": published, "verdict": verdict}


def small_report(
    setup: Setup,
    data: MNIST,
    histories: Histories,
    record: Mapping[str, Any],
    folder: RunFolder,
) -> list[Section]:
    """Draw the figures and return the sections of the report."""
    config, verdict = setup.config, record["verdict"]
    curves = plot_curves({arm: vars(history) for arm, history in histories.items()})
    finals = {arm: history.final() for arm, history in histories.items()}
    checks = verdict.get("published", {})
    ranges = {a: {m: (c["low"], c["high"]) for m, c in ms.items()} for a, ms in checks.items()}
    marks = {a: {m: c["published"] for m, c in ms.items()} for a, ms in checks.items()}
    seeds_caption = "The last epoch: a dot a seed, a line at the mean."
    if checks:
        seeds_caption += " Diamonds: the published run; shaded: where one more run would fall in 99.5 % of cases."
    error = 100 * sqrt(0.7 * 0.3 / len(data.test_labels))
    sections = [
        Section(
            "All arms",
            [
                f"Mean ± standard deviation over {config.seeds} seeds after {config.epochs} epochs, "
                f"{len(data.train_labels)} training and {len(data.test_labels)} validation images. "
                "Seeds differ in initial weights and in the order of the images; the images are the "
                f"same. With other validation images an accuracy of 70 % would move by ±{error:.0f} "
                "points (binomial standard error), which no number of seeds shows."
            ],
            _arms_table(record["arms"]),
            [
                Picture.save(folder, "seeds", seeds_caption, plot_seeds(finals, ranges, marks)),
                Picture.save(folder, "curves", "Mean and standard deviation over seeds.", curves),
            ],
        ),
        Section(
            "Difference to the raw pixels",
            [
                "Seed k starts every arm from the same generator, so differences are paired; 95 % "
                "Student intervals of the mean, not corrected for their number."
            ],
            _differences_table(verdict["difference_to_classical"]),
        ),
    ]
    if checks:
        sections.insert(
            1,
            Section(
                "The published run",
                [f"Held against {record['published']['source']}."],
                _published_table(checks, record["arms"]),
            ),
        )
    series = setup.series()
    pictures = [draw_circuit(setup, folder)]
    pictures += [draw_response(setup, series, folder)] if series else []
    pictures += [draw_channels(setup, pixels(data.train_images[:4]), folder)]
    sections.append(Section("The filter", pictures=pictures))
    noise = noise_section(setup, pixels(data.train_images), folder)
    return [*sections, noise] if noise else sections


def _what_it_brings(setup: Setup, differences: Mapping[str, Any]) -> str:
    config = setup.config
    return difference_sentence(
        "It",
        "the raw pixels",
        differences["quantum"]["val_accuracy"],
        config.seeds or 0,
        config.validation or 0,
    )


def _arms_table(arms: Mapping[str, Any]) -> Table:
    metrics = list(next(iter(arms.values())))
    rows = [
        [arm_label(arm), *(f"{s[m]['mean']:.4f} ± {s[m]['sd']:.4f}" for m in metrics)]
        for arm, s in arms.items()
    ]
    return Table(["arm", *(METRIC_LABELS[m] for m in metrics)], rows)


def _differences_table(differences: Mapping[str, Any]) -> Table:
    metrics = list(next(iter(differences.values())))
    rows = [
        [arm_label(arm), *(interval_text(d[m]).replace(" 95 % interval", "") for m in metrics)]
        for arm, d in differences.items()
    ]
    return Table(["arm", *(METRIC_LABELS[m] for m in metrics)], rows)


def _published_table(checks: Mapping[str, Any], arms: Mapping[str, Any]) -> Table:
    rows = [
        [
            f"{arm_label(arm)}, {METRIC_LABELS[metric]}",
            f"{check['published']:.4f}",
            f"{arms[arm][metric]['mean']:.4f} ± {arms[arm][metric]['sd']:.4f}",
            f"[{check['low']:.4f}, {check['high']:.4f}]",
            "inside" if check["inside"] else "OUTSIDE",
        ]
        for arm, metrics in checks.items()
        for metric, check in metrics.items()
    ]
    return Table(["", "published", "ours", "99.5 % for one run", "verdict"], rows)
