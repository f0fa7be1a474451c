"""The record and the report of the experiment on all of MNIST."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qkan.data import MNIST
from qkan.experiments.quanvolution.figures import draw_channels, draw_circuit, draw_response
from qkan.experiments.quanvolution.full import Arm, FullHistory, arms_of
from qkan.experiments.quanvolution.heads import HEADS
from qkan.experiments.quanvolution.narrative import form_sentence
from qkan.experiments.quanvolution.setup import Setup
from qkan.experiments.quanvolution.small import pixels
from qkan.plotting import plot_scaling
from qkan.plotting.style import arm_label
from qkan.studies.report import Picture, Section, Table, difference_sentence, percent, points
from qkan.studies.run import RunFolder
from qkan.studies.statistics import differences_to, paired_difference, summarise

__all__ = ["chosen", "full_record", "full_report"]

HEAD_LABELS = {"linear": "linear head", "cnn": "small convolutional head"}


def chosen(history: FullHistory) -> dict[str, NDArray[np.float64]]:
    """Return every metric at the epoch that validation chose, one value a seed."""
    best = history["best_epoch"].astype(int)
    result = {
        metric: np.take_along_axis(history[metric], best, axis=1)[:, 0]
        for metric in ("train_loss", "val_loss", "val_accuracy")
    }
    return result | {metric: history[metric][:, 0] for metric in ("test_loss", "test_accuracy")}


def full_record(setup: Setup, data: MNIST, histories: Mapping[str, FullHistory]) -> dict[str, Any]:
    """Return the parts of ``results.json`` that follow from the arms' histories."""
    values = {arm: chosen(history) for arm, history in histories.items()}
    arms = arms_of(setup.circuit)
    differences: dict[str, Any] = {}
    for head in HEADS:
        reference = arms[0].name(head)
        ours = {arm.name(head): values[arm.name(head)] for arm in arms}
        differences |= differences_to(reference, ours)
    sentences = [form_sentence(setup.circuit, setup.series())]
    sentences += [_against_controls(setup, data, values, head) for head in HEADS]
    verdict = {"difference_to_classical": differences, "sentences": sentences}
    return {"arms": summarise(values), "published": {}, "verdict": verdict}


def full_report(
    setup: Setup,
    data: MNIST,
    histories: Mapping[str, FullHistory],
    record: Mapping[str, Any],
    folder: RunFolder,
) -> list[Section]:
    """Draw the figures and return the sections of the report."""
    config, arms = setup.config, arms_of(setup.circuit)
    panels: dict[str, dict[str, dict[int, NDArray[np.float64]]]] = {}
    for head in HEADS:
        for arm in arms:
            accuracies = histories[arm.name(head)]["test_accuracy"][:, 0]
            kinds = panels.setdefault(HEAD_LABELS[head], {})
            kinds.setdefault(arm.kind, {})[arm.channels] = accuracies
    scaling = Picture.save(
        folder,
        "scaling",
        "Test accuracy against the number of channels: mean and standard deviation over seeds.",
        plot_scaling(panels),
    )
    text = (
        f"Mean ± standard deviation over {config.seeds} seeds. {config.train:,} training images; "
        f"{config.validation:,} others of the training set chose the epoch (of {config.epochs}) "
        f"whose weights were kept; the {len(data.test_labels):,} test images were used once, for "
        "these. The further filters and the cosines are drawn anew for every seed. The last column "
        "is the paired difference to the raw pixels under the same head, with its 95 % interval."
    )
    sections = [
        Section(
            HEAD_LABELS[head][0].upper() + HEAD_LABELS[head][1:],
            [text] if head == HEADS[0] else (),
            _table(arms, head, record),
            [scaling] if head == HEADS[-1] else (),
        )
        for head in HEADS
    ]
    series = setup.series()
    pictures = [draw_circuit(setup, folder)]
    pictures += [draw_response(setup, series, folder)] if series else []
    pictures += [draw_channels(setup, pixels(data.train_images[:4]), folder)]
    sections.append(Section("The first filter", pictures=pictures))
    return sections


def _against_controls(
    setup: Setup, data: MNIST, values: Mapping[str, Mapping[str, Any]], head: str
) -> str:
    """Compare the largest quantum arm with random cosines in as many channels."""
    channels = max(arm.channels for arm in arms_of(setup.circuit) if arm.kind == "quantum")
    ours, control = (
        values[Arm(kind, 0, channels).name(head)]["test_accuracy"]
        for kind in ("quantum", "random_features")
    )
    return difference_sentence(
        f"Under the {HEAD_LABELS[head]}, the quantum layer of {channels} channels",
        f"{channels} random cosines",
        vars(paired_difference(ours, control)),
        setup.config.seeds or 0,
        len(data.test_labels),
    )


def _table(arms: list[Arm], head: str, record: Mapping[str, Any]) -> Table:
    rows = []
    for arm in arms:
        name = arm.name(head)
        metrics = record["arms"][name]
        row = [f"{arm_label(arm.kind)}, {arm.channels} channels"]
        row += [percent(metrics[metric]) for metric in ("val_accuracy", "test_accuracy")]
        difference = record["verdict"]["difference_to_classical"].get(name)
        row.append(points(difference["test_accuracy"]) if difference else "")
        rows.append(row)
    return Table(["arm", "validation / %", "test / %", "difference / points"], rows)
