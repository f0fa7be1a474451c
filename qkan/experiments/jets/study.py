"""The jet study: its settings, its arms, and what follows from their runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

from circuits.errors import MissingExtraError, UsageError
from qkan.config import at_least, setting
from qkan.data.jets import quark_gluon
from qkan.data.jets.sample import EMBEDDED_SHA256
from qkan.experiments.jets.interpretation import Moved, moved, twin_difference
from qkan.experiments.jets.metrics import auc_difference, sample_errors
from qkan.experiments.jets.models import image_models, split, table_models, train_on_jets
from qkan.experiments.jets.report import backend_section, sections
from qkan.studies.report import Record, interval_text
from qkan.studies.run import Places, RunFolder
from qkan.studies.statistics import Interval, summarise
from qkan.studies.study import Results, Study

__all__ = ["Config", "arms", "labels_of", "run"]

DEVICE = "aer:fake_manila"
"""A simulator with the noise that was measured on a device of five qubits."""

TABLES = (12, 4, 2)
"""Numbers of observables that all taggers of tables see."""

CURVES = ("logistic", "mlp", "kan", "qkan", "fourier twin")
"""The taggers whose learning curves are drawn; they see 12 observables."""

_QUANTUM = ("qkan", "one-layer qkan", "small qkan", "warm qkan")
_SAMPLED = ("qkan", "small qkan")
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


@dataclass(frozen=True)
class Config:
    """The settings of one run: everything that changes its numbers, and nothing else.

    Raises:
        UsageError: If a number is too small.
    """

    seeds: int = setting(5, "How many seeds.")
    epochs: int = setting(40, "Passes over the training jets, at most.")
    train: int = setting(6000, "Training jets, at most 6,000.")
    shots: int = setting(4096, "Shots a circuit, where trained QKANs are evaluated with shots.")
    resamples: int = setting(500, "Bootstrap samples of the test jets.")
    warm: bool = setting(True, "Also the QKAN that starts as a trained KAN.")
    images: bool = setting(True, "Also the models of jet images.")
    curves: bool = setting(True, "Also the learning curves, from 100 jets on.")

    def __post_init__(self) -> None:
        at_least(self, seeds=2, epochs=1, train=50, shots=1, resamples=20)
        if self.train > 6000:
            raise UsageError(f"the sample has 6,000 training jets, got train={self.train}")

    @property
    def sizes(self) -> tuple[int, ...]:
        """The numbers of training jets of the learning curves, the last being all."""
        smaller = (100, 300, 1000, 3000) if self.curves else ()
        return (*(size for size in smaller if size < self.train), self.train)


def run(config: Config, places: Places | None = None) -> RunFolder:
    """Run the study and return the folder with its results, figures and reports.

    Raises:
        UsageError: If a setting or a folder is not what it should be.
        MissingExtraError: If scikit-learn is not installed.
    """
    if find_spec("sklearn") is None:
        raise MissingExtraError("the jet study needs scikit-learn: pip install 'hybrid-qkan[hep]'")
    sample = quark_gluon()
    facts = {
        "data": {"source": "quark and gluon jets inside the package", "sha256": EMBEDDED_SHA256},
        "jets": f"{config.train} training, {len(sample.part('test'))} test",
        "generator": dict(sample.metadata["generator"]),
    }
    return Study(
        "jets",
        "Quark against gluon jets",
        config,
        {name: {**arm, "sample": EMBEDDED_SHA256} for name, arm in arms(config).items()},
        config.seeds,
        train_on_jets,
        partial(_conclude, config),
        facts,
        labels_of(config),
    ).run(places)


def arms(config: Config) -> dict[str, dict[str, Any]]:
    """Return all arms of the study by name, each with what it is trained on and how.

    Example:
        >>> arms(Config())["qkan, 4 inputs"]["inputs"]
        4
    """
    return {name: settings for name, settings, _ in _arms(config)}


def labels_of(config: Config) -> dict[str, dict[str, Any]]:
    """Return what each arm is: its tagger, group (table, image or curve), inputs and jets, and whether it is quantum.

    Example:
        >>> labels_of(Config())["qkan, 300 jets"]
        {'tagger': 'qkan', 'group': 'curve', 'inputs': 12, 'jets': 300, 'quantum': True}
    """
    return {
        name: {"tagger": tagger, "group": group}
        | {what: settings[what] for what in ("inputs", "jets")}
        | {"quantum": tagger in _QUANTUM}
        for name, settings, (tagger, group) in _arms(config)
    }


def _arms(config: Config) -> list[tuple[str, dict[str, Any], tuple[str, str]]]:
    """Return name, settings, and tagger with group of every arm."""
    found: list[tuple[str, dict[str, Any], tuple[str, str]]] = []

    def add(name: str, tagger: str, group: str, **settings: Any) -> None:
        common = {"epochs": config.epochs, "jets": config.train}
        found.append((name, common | settings, (tagger, group)))

    for inputs in TABLES:
        for tagger, arm in table_models(inputs).items():
            add(f"{tagger}, {inputs} inputs", tagger, "table", inputs=inputs, **arm)
    for tagger in ("one-layer kan", "one-layer qkan"):
        add(f"{tagger}, 1 inputs", tagger, "table", inputs=1, **table_models(1)[tagger])
    wide = table_models(12)
    if config.warm:
        start = {"kind": "kan", "pruned": 0.25, **wide["kan"]}
        warm = {"inputs": 12, "model": wide["qkan"]["model"], "rate": 3e-2, "start": start}
        add("warm qkan, 12 inputs", "warm qkan", "table", **warm)
    if config.images:
        for tagger, arm in image_models().items():
            add(tagger, tagger, "image", **arm)
    for size in config.sizes[:-1]:
        for tagger in CURVES:
            settings = wide[tagger] | {"jets": size}
            add(f"{tagger}, {size} jets", tagger, "curve", inputs=12, **settings)
    return found


def _conclude(config: Config, results: Results, folder: RunFolder) -> Record:
    """Return the record: summaries, paired differences, QKANs on other backends, the report's sections."""
    runs, models = results.runs, arms(config)
    truth = split(2, config.train).test[1].numpy()
    pairs = {
        f"{pair}, {inputs} inputs": (f"{a}, {inputs} inputs", f"{b}, {inputs} inputs")
        for pair, (a, b) in _PAIRS.items()
        for inputs in TABLES
        if f"{a}, {inputs} inputs" in runs
    } | (_IMAGE_PAIRS if config.images else {})
    differences = {pair: auc_difference(runs[a], runs[b], truth) for pair, (a, b) in pairs.items()}
    found, missing = _on_backends(config, results, models)
    twins = {
        arm: twin_difference(models[arm], runs[arm][0])
        for arm in (f"{tagger}, 12 inputs" for tagger in _SAMPLED)
    }
    summary = summarise(results.metrics())
    error = sample_errors(runs["mlp, 12 inputs"][0], truth, config.resamples)
    verdict = _verdict(config, results, summary, differences, error, found)
    verdict |= {"elsewhere": [asdict(m) for m in found], "largest_difference_to_classical": twins}
    parts = sections(config.train, models, results, summary, folder)
    return Record(summary, verdict, [*parts, backend_section(found, missing, twins)])


def _on_backends(
    config: Config, results: Results, models: Mapping[str, Mapping[str, Any]]
) -> tuple[list[Moved], str]:
    """Return QKANs with shots (all seeds) and with a device's noise (seed 0), or why there is no device."""
    found = [
        moved(name, models[name], results.runs[name], "default.qubit", shots=config.shots)
        for name in (f"{tagger}, {inputs} inputs" for tagger in _SAMPLED for inputs in TABLES)
    ]
    missing = ""
    try:
        for name in (f"{tagger}, 12 inputs" for tagger in _SAMPLED):
            first = results.runs[name][:1]
            found.append(moved(name, models[name], first, DEVICE, shots=config.shots, noise=True))
    except MissingExtraError as error:
        missing = f"No run with a device's noise: {error}"
    return found, missing


def _verdict(
    config: Config,
    results: Results,
    summary: Mapping[str, Any],
    differences: Mapping[str, Interval],
    error: tuple[float, float],
    found: Sequence[Moved],
) -> dict[str, Any]:
    """Return what was aimed at and whether it was reached, in numbers and in words."""

    def auc(arm: str) -> float:
        return float(summary[arm]["auc"]["mean"])

    quantum = results.labelled(group="table", quantum=True)
    small = max((a for a in quantum if summary[a]["parameters"]["mean"] <= 60), key=auc)
    best = max(summary, key=auc)
    worst = max((m for m in found if not m.noise), key=lambda m: m.moved)
    calibration = max(
        summary[arm]["calibration_error"]["mean"]
        for arm in results.labelled(group="table", tagger="qkan")
    )
    sentences = [
        f"Test jets alone leave the MLP's AUC open by {error[0]:.4f}, its rejection at 50 % by {error[1]:.1f} "
        f"(standard errors, bootstrap). Differences are of the same jets, over {config.seeds} seeds; each interval "
        f"is for further seeds and jets, at 95 % by itself, not for all {len(differences)} together.",
        *(_sentence(name, interval) for name, interval in differences.items()),
        f"Best QKAN of at most 60 parameters: {small}, AUC {auc(small):.4f} ± {summary[small]['auc']['sd']:.4f} with "
        f"{summary[small]['parameters']['mean']:.0f} parameters. Best of all taggers: {best}, AUC {auc(best):.4f}. "
        "Both are the highest on the test jets, and so too high.",
        f"{config.shots} shots a circuit move the AUC of a QKAN by at most {worst.moved:.4f} ({worst.arm}).",
        *(f"{m.where} moves that of {m.arm} by {m.moved:.4f}." for m in found if m.noise),
        f"Expected calibration error of the QKAN: at most {calibration:.3f}.",
    ]
    return {
        "sentences": sentences,
        "auc_standard_error": error[0],
        "rejection_50_standard_error": error[1],
        "differences": {pair: asdict(interval) for pair, interval in differences.items()},
        "best_small_qkan": {"arm": small, "auc": auc(small)},
        "worst_calibration_error_qkan": calibration,
    }


def _sentence(name: str, interval: Interval) -> str:
    return f"AUC, {name}: {interval.verdict}, {interval_text(asdict(interval), between=', ')}."
