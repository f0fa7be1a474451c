"""From all runs of the jet study to what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from qkan.experiments.jets.arms import arms
from qkan.experiments.jets.comparisons import auc_difference, auc_error
from qkan.experiments.jets.config import Config
from qkan.experiments.jets.features import split
from qkan.experiments.jets.report import sections
from qkan.experiments.jets.shots import on_backend
from qkan.experiments.record import Record
from qkan.experiments.results import summarise
from qkan.experiments.run_folder import RunFolder
from qkan.experiments.study import Results

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
_SAMPLED = ("qkan", "small qkan")
_TABLES = (12, 4, 2)


def conclude(config: Config, results: Results, folder: RunFolder) -> Record:
    """Return the record of a study: summaries, paired differences, sampled QKANs, the report's sections."""
    runs = dict(results.runs)
    labels = split(2, config.train).test[1].numpy()
    for name in _SAMPLED:
        for inputs in _TABLES:
            arm = f"{name}, {inputs} inputs"
            model = arms(config)[arm]["model"]
            runs[f"{arm}, {config.shots} shots"] = [
                on_backend(
                    model, run, inputs, config.train, "default.qubit", shots=config.shots, seed=seed
                )
                for seed, run in enumerate(runs[arm])
            ]
    values = Results(runs).metrics()
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
    summary = summarise(values)
    verdict = _verdict(config, summary, differences, error)
    return Record(summary, verdict, sections(config, Results(runs), summary, differences, folder))


def _verdict(
    config: Config,
    summary: Mapping[str, Any],
    differences: Mapping[str, Mapping[str, float]],
    error: float,
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
    moved = {
        f"{name}, {inputs} inputs": float(
            np.abs(
                np.subtract(
                    summary[f"{name}, {inputs} inputs, {config.shots} shots"]["auc"]["values"],
                    summary[f"{name}, {inputs} inputs"]["auc"]["values"],
                )
            ).max()
        )
        for name in _SAMPLED
        for inputs in _TABLES
    }
    worst = max(moved, key=moved.__getitem__)
    calibration = max(
        summary[f"qkan, {inputs} inputs"]["calibration_error"]["mean"] for inputs in _TABLES
    )
    sentences = [
        f"The test jets alone leave the AUC open by {error:.4f} (one standard error, bootstrap); "
        f"differences below are of the same jets, over {config.seeds} seeds.",
        *(_sentence(name, differences[name]) for name in differences),
        f"The best QKAN of at most 60 parameters is {small[0]!r}: AUC {small[1]['auc']['mean']:.4f} ± "
        f"{small[1]['auc']['sd']:.4f} with {small[1]['parameters']['mean']:.0f} parameters.",
        f"With {config.shots} shots a circuit, the AUC of a QKAN moves by at most {moved[worst]:.4f} ({worst}).",
        f"The QKAN's expected calibration error is at most {calibration:.3f}.",
    ]
    return {
        "sentences": sentences,
        "auc_standard_error": error,
        "differences": dict(differences),
        "auc_moved_by_shots": moved,
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
