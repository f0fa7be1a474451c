"""The sections of the jet study's report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from qkan.experiments.jets.arms import CURVES, arms
from qkan.experiments.jets.config import Config
from qkan.experiments.jets.features import split
from qkan.experiments.jets.interpretation import edges_against_ratios, formulas, table_errors
from qkan.experiments.jets.metrics import reliability, roc
from qkan.plotting.physics import plot_against_ratio, plot_reliability, plot_rocs
from qkan.plotting.sweep import Measured, plot_tradeoff
from qkan.studies.report import Picture, Section, Table
from qkan.studies.run import RunFolder
from qkan.studies.statistics import mean_interval
from qkan.studies.study import Results, trained

__all__ = ["sections"]

_SHOWN = ("logistic", "trees", "mlp", "kan", "qkan", "small qkan", "fourier twin")
_EXPLAINED = ("one-layer qkan", "one-layer kan")


def sections(
    config: Config,
    results: Results,
    summary: Mapping[str, Any],
    folder: RunFolder,
) -> list[Section]:
    """Return the tables and figures of the report, and write the figures."""
    return [
        Section(
            "All taggers",
            text=[
                "Quark jets are signal. Means and standard deviations over seeds, on the same test jets. The "
                "background rejection 1/ε_b is given at signal efficiencies of 30 and 50 %."
            ],
            table=_table({k: v for k, v in summary.items() if not k.endswith(" jets")}),
        ),
        _curves(results, folder),
        *([_learning(config, summary, folder)] if config.curves else []),
        *(_explained(config, results, inputs, folder) for inputs in (1, 2, 12)),
        _tables(config, results),
    ]


def _table(summary: Mapping[str, Any]) -> Table:
    def shown(metric: Mapping[str, float], digits: int) -> str:
        return f"{metric['mean']:.{digits}f} ± {metric['sd']:.{digits}f}"

    header = ["tagger", "parameters", "AUC", "1/ε_b at 30 %", "1/ε_b at 50 %", "calibration error"]
    rows = [
        [
            arm,
            f"{values['parameters']['mean']:.0f}",
            shown(values["auc"], 4),
            shown(values["rejection_30"], 1),
            shown(values["rejection_50"], 1),
            shown(values["calibration_error"], 3),
        ]
        for arm, values in summary.items()
    ]
    return Table(header, rows)


def _curves(results: Results, folder: RunFolder) -> Section:
    labels = split(12, 100).test[1].numpy()
    scores = {name: results.runs[f"{name}, 12 inputs"][0]["scores.test"] for name in _SHOWN}
    curves = {name: roc(values, labels) for name, values in scores.items()}
    rocs = plot_rocs({name: (c.signal, c.background) for name, c in curves.items()})
    calibrated = plot_reliability(
        {name: reliability(1 / (1 + np.exp(-v)), labels) for name, v in scores.items()}
    )
    return Section(
        "ROC and calibration",
        pictures=[
            Picture.save(folder, "roc", "Taggers with 12 observables, seed 0.", rocs),
            Picture.save(
                folder,
                "reliability",
                "A calibrated tagger lies on the diagonal; points are as large as their share of jets.",
                calibrated,
            ),
        ],
    )


def _learning(config: Config, summary: Mapping[str, Any], folder: RunFolder) -> Section:
    points = {
        name: [
            _measured(
                size,
                summary[f"{name}, {size} jets" if size < config.train else f"{name}, 12 inputs"],
            )
            for size in config.sizes
        ]
        for name in CURVES
    }
    plot = plot_tradeoff({"training jets": points}, "AUC")
    caption = "Means over seeds and 95 % intervals of them, 12 observables."
    return Section(
        "Learning curves", pictures=[Picture.save(folder, "learning-curves", caption, plot)]
    )


def _measured(size: int, values: Mapping[str, Any]) -> Measured:
    interval = mean_interval(values["auc"]["values"])
    return Measured(size, interval.estimate, interval.low, interval.high)


def _explained(config: Config, results: Results, inputs: int, folder: RunFolder) -> Section:
    """Return the edges of the one-layer taggers beside likelihood ratios, and their formulas."""
    data = split(inputs, config.train)
    pictures, rows = [], []
    for name in _EXPLAINED:
        arm = f"{name}, {inputs} inputs"
        net = trained(arms(config)[arm]["model"], results.runs[arm][0])
        edges = edges_against_ratios(net, inputs, data)
        fits = formulas(net, inputs, data)
        rows += [
            [
                f"{name}: {edge.observable}",
                f"{edge.strength:.3f}",
                f"{edge.correlation:.3f}",
                f"{edge.rms:.3f}",
                fits[edge.observable].formula,
                f"{fits[edge.observable].r2:.4f}",
            ]
            for edge in edges
        ]
        slug = f"edges-{name.replace(' ', '-')}-{inputs}"
        caption = f"{name}, {inputs} observables, seed 0: edges over the ratios of their observables, strongest first."
        pictures.append(Picture.save(folder, slug, caption, plot_against_ratio(edges)))
    text = (
        "With correlated observables an edge is not its ratio, and may have the other sign: it tells what an "
        "observable adds to the others."
        if inputs > 1
        else "Trained on one observable, an edge must be its log-likelihood ratio."
    )
    header = ["edge", "strength", "r", "rms", "formula (standardised observable)", "R²"]
    return Section(
        f"Edges of one-layer taggers, {inputs} observable{'s' if inputs > 1 else ''}",
        text=[text],
        table=Table(header, rows),
        pictures=pictures,
    )


def _tables(config: Config, results: Results) -> Section:
    data, rows = split(12, config.train), []
    for name in _EXPLAINED:
        arm = f"{name}, 12 inputs"
        net = trained(arms(config)[arm]["model"], results.runs[arm][0])
        rows += [
            [name, str(bits), f"{error:.4f}", f"{auc:.4f}"]
            for bits, error, auc in table_errors(net, data)
        ]
    return Section(
        "Edges as look-up tables",
        text=[
            "Every edge as a table of 2^k fixed-point numbers with k bits behind the point, as a trigger's FPGA would "
            "hold it: the largest error of the log-odds of the test jets, and the AUC that is left."
        ],
        table=Table(["tagger", "k", "largest error", "AUC"], rows),
    )
