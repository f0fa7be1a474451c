"""From all runs of the jet study to what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from qkan.experiments.jets.arms import arms
from qkan.experiments.jets.comparisons import auc_difference, auc_error
from qkan.experiments.jets.config import Config
from qkan.experiments.jets.elsewhere import Moved, elsewhere, elsewhere_section, twin_difference
from qkan.experiments.jets.features import split
from qkan.experiments.jets.report import sections
from qkan.studies.report import Record
from qkan.studies.run import RunFolder
from qkan.studies.statistics import summarise
from qkan.studies.study import Results

__all__ = ["conclude"]

_PAIRS = {
    "kan - mlp": ("kan", "mlp"),
    "qkan - kan": ("qkan", "kan"),
    "qkan - fourier twin": ("qkan", "fourier twin"),
    "mlp - logistic": ("mlp", "logistic"),
    "warm start - random start": ("warm qkan", "qkan"),
}
_IMAGE_PAIRS = {
    "quanvolution - pixels, linear": ("quanvolution + linear", "pixels + linear"),
    "quanvolution - cosines, linear": ("quanvolution + linear", "cosines + linear"),
    "quanvolution - pixels, CNN": ("quanvolution + cnn", "pixels + cnn"),
    "quanvolution - cosines, CNN": ("quanvolution + cnn", "cosines + cnn"),
}
_TWINS = ("qkan, 12 inputs", "small qkan, 12 inputs")
_TABLES = (12, 4, 2)


def conclude(config: Config, results: Results, folder: RunFolder) -> Record:
    """Return the record of a study: summaries, paired differences, QKANs elsewhere, the report's sections."""
    runs = results.runs
    labels = split(2, config.train).test[1].numpy()
    error = auc_error(runs["mlp, 12 inputs"][0], labels, config.resamples)
    pairs = {
        f"{pair}, {inputs} inputs": (f"{a}, {inputs} inputs", f"{b}, {inputs} inputs")
        for pair, (a, b) in _PAIRS.items()
        for inputs in _TABLES
        if f"{a}, {inputs} inputs" in runs
    } | (_IMAGE_PAIRS if config.images else {})
    differences = {
        pair: asdict(auc_difference(runs[a], runs[b], labels, config.resamples))
        for pair, (a, b) in pairs.items()
    }
    moved, missing = elsewhere(config, runs)
    models = arms(config)
    twins = {
        arm: twin_difference(models[arm]["model"], runs[arm][0], 12, config.train) for arm in _TWINS
    }
    summary = summarise(results.metrics())
    verdict = _verdict(config, summary, differences, error, moved)
    verdict |= {"elsewhere": [asdict(m) for m in moved], "largest_difference_to_classical": twins}
    parts = sections(config, results, summary, folder)
    return Record(summary, verdict, [*parts, elsewhere_section(moved, missing, twins)])


def _verdict(
    config: Config,
    summary: Mapping[str, Any],
    differences: Mapping[str, Mapping[str, float]],
    error: float,
    elsewhere: Sequence[Moved],
) -> dict[str, Any]:
    """Return what was aimed at and whether it was reached, in numbers and in words."""
    small = max(
        (
            (arm, values)
            for arm, values in summary.items()
            if "qkan" in arm and "inputs" in arm and values["parameters"]["mean"] <= 60
        ),
        key=lambda item: item[1]["auc"]["mean"],
    )
    best = max(summary, key=lambda arm: float(summary[arm]["auc"]["mean"]))
    shots = [m for m in elsewhere if m.where.startswith("default.qubit")]
    worst = max(shots, key=lambda m: m.moved)
    devices = [m for m in elsewhere if m not in shots]
    calibration = max(
        summary[f"qkan, {inputs} inputs"]["calibration_error"]["mean"] for inputs in _TABLES
    )
    sentences = [
        f"The test jets alone leave the AUC open by {error:.4f} (one standard error, bootstrap); "
        f"differences below are of the same jets, over {config.seeds} seeds.",
        *(_sentence(name, differences[name]) for name in differences),
        f"The best QKAN of at most 60 parameters is {small[0]!r}: AUC {small[1]['auc']['mean']:.4f} ± "
        f"{small[1]['auc']['sd']:.4f} with {small[1]['parameters']['mean']:.0f} parameters; "
        f"the best of all taggers is {best!r} with {summary[best]['auc']['mean']:.4f}.",
        f"With {config.shots} shots a circuit, the AUC of a QKAN moves by at most {worst.moved:.4f} ({worst.arm}).",
        *(f"On {m.where}, that of {m.arm!r} moves by {m.moved:.4f}." for m in devices),
        f"The QKAN's expected calibration error is at most {calibration:.3f}.",
    ]
    return {
        "sentences": sentences,
        "auc_standard_error": error,
        "differences": dict(differences),
        "best_small_qkan": {"arm": small[0], "auc": small[1]["auc"]["mean"]},
        "worst_calibration_error_qkan": calibration,
    }


def _sentence(name: str, interval: Mapping[str, float]) -> str:
    if interval["low"] > 0:
        verdict = "better"
    elif interval["high"] < 0:
        verdict = "worse"
    else:
        verdict = "no measurable difference"
    return (
        f"AUC, {name}: {interval['estimate']:+.4f}, {100 * interval['level']:g} % interval "
        f"[{interval['low']:+.4f}, {interval['high']:+.4f}]: {verdict}."
    )
