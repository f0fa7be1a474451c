"""The sections of the jet study's report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from qkan.experiments.jets.interpretation import (
    Moved,
    edges_against_ratios,
    formulas,
    table_errors,
)
from qkan.experiments.jets.metrics import reliability, roc
from qkan.experiments.jets.models import split
from qkan.plotting import (
    Measured,
    plot_against_ratio,
    plot_reliability,
    plot_rocs,
    plot_tradeoff,
)
from qkan.studies.report import Picture, Section, Table
from qkan.studies.run import RunFolder
from qkan.studies.statistics import mean_interval
from qkan.studies.study import Results, trained

__all__ = ["backend_section", "sections"]

_SHOWN = ("logistic", "trees", "mlp", "kan", "qkan", "small qkan", "fourier twin")
_EXPLAINED = ("one-layer qkan", "one-layer kan")

Arms = Mapping[str, Mapping[str, Any]]


def sections(
    train: int, arms: Arms, results: Results, summary: Mapping[str, Any], folder: RunFolder
) -> list[Section]:
    """Return the tables and figures of the report, of so many training jets, and write the figures."""
    curves = results.labelled(group="curve")
    shown = {arm: values for arm, values in summary.items() if arm not in curves}
    text = (
        "Quark jets are signal. Mean ± standard deviation over seeds, on the same test jets; background "
        "rejection (1 over the background efficiency) at signal efficiencies of 30 and 50 %."
    )
    return [
        Section("All taggers", [text], _table(shown)),
        _curves(results, folder),
        *([_learning(train, results, summary, folder)] if curves else []),
        *(_edges(train, arms, results, inputs, folder) for inputs in (1, 2, 12)),
        _look_up_tables(train, arms, results),
    ]


def _table(summary: Mapping[str, Any]) -> Table:
    def metric(name: str, digits: int) -> Callable[..., str]:
        return lambda _, v: f"{v[name]['mean']:.{digits}f} ± {v[name]['sd']:.{digits}f}"

    columns: dict[str, Callable[..., object]] = {
        "tagger": lambda arm, _: arm,
        "parameters": lambda _, values: f"{values['parameters']['mean']:.0f}",
        "AUC": metric("auc", 4),
        "rejection at 30 %": metric("rejection_30", 1),
        "rejection at 50 %": metric("rejection_50", 1),
        "calibration error": metric("calibration_error", 3),
    }
    return Table.of(columns, summary)


def _curves(results: Results, folder: RunFolder) -> Section:
    labels = split(12, 100).test[1].numpy()
    scores = {name: results.runs[f"{name}, 12 inputs"][0]["scores.test"] for name in _SHOWN}
    curves = {name: roc(values, labels) for name, values in scores.items()}
    rocs = plot_rocs({name: (curve.signal, curve.background) for name, curve in curves.items()})
    calibrated = plot_reliability(
        {name: reliability(1 / (1 + np.exp(-v)), labels) for name, v in scores.items()}
    )
    dots = "A calibrated tagger lies on the diagonal; points are as large as their share of jets."
    return Section(
        "ROC and calibration",
        pictures=[
            Picture.save(folder, "roc", "Taggers with 12 observables, seed 0.", rocs),
            Picture.save(folder, "reliability", dots, calibrated),
        ],
    )


def _learning(
    train: int, results: Results, summary: Mapping[str, Any], folder: RunFolder
) -> Section:
    points: dict[str, list[Measured]] = {}

    def add(tagger: str, jets: int, arm: str) -> None:
        interval = mean_interval(summary[arm]["auc"]["values"])
        ends = max(interval.low, 0.0), min(interval.high, 1.0)  # where an AUC can be
        measured = Measured(jets, interval.estimate, *ends)
        points.setdefault(tagger, []).append(measured)

    for arm in results.labelled(group="curve"):
        add(results.labels[arm]["tagger"], results.labels[arm]["jets"], arm)
    for tagger in list(points):
        add(tagger, train, f"{tagger}, 12 inputs")
    plot = plot_tradeoff({"training jets": points}, "AUC")
    caption = "Means over seeds and 95 % intervals of them, 12 observables."
    picture = Picture.save(folder, "learning-curves", caption, plot)
    return Section("Learning curves", pictures=[picture])


def _edges(train: int, arms: Arms, results: Results, inputs: int, folder: RunFolder) -> Section:
    """Return the edges of the one-layer taggers beside likelihood ratios, and their formulas."""
    data = split(inputs, train)
    pictures, rows = [], []
    for name in _EXPLAINED:
        arm = f"{name}, {inputs} inputs"
        net = trained(arms[arm]["model"], results.runs[arm][0])
        edges, fits = edges_against_ratios(net, inputs, data), formulas(net, inputs, data)
        for edge in edges:
            fit, found = fits[edge.observable], (edge.strength, edge.correlation, edge.rms)
            numbers = [f"{number:.3f}" for number in found]
            rows.append([f"{name}: {edge.observable}", *numbers, fit.formula, f"{fit.r2:.4f}"])
        slug = f"edges-{name.replace(' ', '-')}-{inputs}"
        caption = f"{name}, {inputs} observables, seed 0: edges over the ratios of their observables, strongest first."
        pictures.append(Picture.save(folder, slug, caption, plot_against_ratio(edges)))
    text = (
        "With correlated observables an edge is not its log-likelihood ratio, and may have the other sign: it tells "
        "what an observable adds to the others."
        if inputs > 1
        else "Trained on one observable, an edge must be its log-likelihood ratio."
    )
    title = f"Edges of one-layer taggers, {inputs} observable{'s' if inputs > 1 else ''}"
    header = ["edge", "strength", "r", "rms", "formula (standardised observable)", "R²"]
    return Section(title, [text], Table(header, rows), pictures)


def _look_up_tables(train: int, arms: Arms, results: Results) -> Section:
    data, rows = split(12, train), []
    for name in _EXPLAINED:
        arm = f"{name}, 12 inputs"
        net = trained(arms[arm]["model"], results.runs[arm][0])
        rows += [
            [name, str(bits), f"{error:.4f}", f"{auc:.4f}"]
            for bits, error, auc in table_errors(net, data)
        ]
    text = (
        "An edge as a table of 2^k fixed-point numbers with k bits behind the point, as a trigger's FPGA would hold "
        "it: largest error of the test jets' log-odds, and the AUC that is left."
    )
    header = ["tagger", "k", "largest error", "AUC"]
    return Section("Edges as look-up tables", [text], Table(header, rows))


def backend_section(found: Sequence[Moved], missing: str, twins: Mapping[str, float]) -> Section:
    """Return the section of QKANs with shots, with a device's noise, and without circuits."""
    columns: dict[str, Callable[[Moved], object]] = {
        "QKAN": lambda m: m.arm,
        "backend": lambda m: m.where,
        "seeds": lambda m: m.seeds,
        "AUC": lambda m: f"{m.auc:.4f}",
        "AUC moves by": lambda m: f"{m.moved:.4f}",
        "log-odds move by": lambda m: f"{m.log_odds:.3f}",
        "calib. error": lambda m: f"{m.calibration_error:.3f}",
    }
    each = ", ".join(f"{difference:.0e} ({arm})" for arm, difference in twins.items())
    text = [
        "Trained exactly, then run with shots and with a device's noise: a few circuits fix the curve of an edge for "
        "all jets. What moves is the largest change over seeds and test jets.",
        f"Without circuits, as Fourier series, all log-odds are the same to {each} in float64.",
        *([missing] if missing else []),
    ]
    return Section("QKANs off the exact simulator", text, Table.of(columns, found))
