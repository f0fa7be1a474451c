"""What follows from the fits: targets met or missed, and the quantum KAN against the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qkan.data.functions import FUNCTIONS
from qkan.experiments.qkan_functions.arms import MODELS
from qkan.experiments.qkan_functions.config import Config
from qkan.experiments.qkan_functions.pictures import draw_errors, draw_fits, draw_network
from qkan.studies.report import Picture, Record, Section, Table
from qkan.studies.run import RunFolder
from qkan.studies.statistics import paired_difference, summarise
from qkan.studies.study import Results

__all__ = ["TARGETS", "conclude", "error_ratios"]

TARGETS = {"sinc20": 3e-4, "bessel20": 4e-3, "exp-sin": 4e-3}
"""The median test RMSE that a quantum KAN should reach."""

Values = Mapping[str, Mapping[str, NDArray[np.float64]]]


def conclude(
    results: Results, folder: RunFolder, *, config: Config, arms: Mapping[str, Mapping[str, Any]]
) -> Record:
    """Return the record: medians over seeds, targets, and paired ratios of errors."""
    values = results.metrics()
    targets = _targets(values)
    ratios = error_ratios(values, config.chosen)
    sentences = [_target_sentence(name, *targets[name]) for name in targets]
    sentences += [_ratio_sentence(kind, ratio, config) for kind, ratio in ratios.items()]
    sections = [
        Section(
            "Test errors",
            [
                "Root mean squared error over the spread of the function, in percent: the median over seeds, and in "
                "brackets the lowest and the highest. Every model has about as many parameters as the quantum KAN of "
                "its row, sees the same points, and is trained by the same number of L-BFGS iterations."
            ],
            _errors_table(values, config.chosen),
            [draw_errors(values, config.chosen, folder)],
        ),
        Section(
            "The functions",
            table=Table(
                ["function", "formula", "ranges", "parameters", "source"],
                [_function_row(name, values) for name in config.chosen],
            ),
        ),
    ]
    pictures: list[Picture] = draw_fits(results, arms, folder)
    pictures += draw_network(results, arms, folder)
    if pictures:
        sections.insert(1, Section("Fits of seed 0", pictures=pictures))
    verdict = {
        "sentences": sentences,
        "targets": {
            name: {"median_test_rmse": median, "target": target, "met": median <= target}
            for name, (median, target) in targets.items()
        },
        "error_ratios": ratios,
    }
    return Record(summarise(values), verdict, sections)


def error_ratios(values: Values, functions: tuple[str, ...]) -> dict[str, dict[str, float]]:
    r"""Return how many times larger the quantum KAN's error is, over all functions, with a 95 % interval.

    .. math:: \exp \Bigl( \frac1F \sum_f \log \frac{e_\mathrm{quantum}(f, \mathrm{seed})}{e(f, \mathrm{seed})} \Bigr),

    Student's interval over seeds, which are pairs: the same points for every model.
    """
    ratios = {}
    for kind in MODELS:
        if kind == "qkan":
            continue
        ours, theirs = (
            np.mean([np.log(values[f"{name}: {k}"]["test_error"]) for name in functions], axis=0)
            for k in ("qkan", kind)
        )
        interval = paired_difference(ours, theirs)
        ratios[kind] = {
            "estimate": float(np.exp(interval.estimate)),
            "low": float(np.exp(interval.low)),
            "high": float(np.exp(interval.high)),
            "level": interval.level,
        }
    return ratios


def _targets(values: Values) -> dict[str, tuple[float, float]]:
    return {
        name: (float(np.median(values[f"{name}: qkan"]["test_rmse"])), target)
        for name, target in TARGETS.items()
        if f"{name}: qkan" in values
    }


def _target_sentence(name: str, median: float, target: float) -> str:
    verdict = "met" if median <= target else f"missed by a factor of {median / target:.2g}"
    return (
        f"{FUNCTIONS[name].formula}: median test RMSE of the quantum KAN {median:.2g}; "
        f"the target of {target:g} is {verdict}."
    )


def _ratio_sentence(kind: str, ratio: Mapping[str, float], config: Config) -> str:
    over = f"{len(config.chosen)} functions and {config.seeds} seeds"
    interval = f"95 % interval [{ratio['low']:.2f}, {ratio['high']:.2f}] over seeds"
    label = MODELS[kind]
    if ratio["low"] <= 1 <= ratio["high"]:
        verdict = f"does not differ measurably from that of {label}"
    else:
        verdict = f"is {'larger' if ratio['estimate'] > 1 else 'smaller'} than that of {label}"
    return (
        f"Over {over}, the quantum KAN's error {verdict} at equal parameters: "
        f"{ratio['estimate']:.2f} times as large (geometric mean; {interval})."
    )


def _errors_table(values: Values, functions: tuple[str, ...]) -> Table:
    def cell(arm: str) -> str:
        error = 100 * values[arm]["test_error"]
        return f"{np.median(error):.2g} [{error.min():.2g}, {error.max():.2g}]"

    rows = [[name, *(cell(f"{name}: {kind}") for kind in MODELS)] for name in functions]
    return Table(["function", *MODELS.values()], rows)


def _function_row(name: str, values: Values) -> list[str]:
    target = FUNCTIONS[name]
    ranges = ", ".join(
        f"{v} in [{low:.4g}, {high:.4g}]" for v, (low, high) in target.ranges.items()
    )
    counts = ", ".join(f"{int(values[f'{name}: {kind}']['parameters'][0])}" for kind in MODELS)
    return [name, target.formula, ranges, counts, target.source]
