"""Trained QKANs off the exact simulator: sampled with shots, with a device's noise, and without circuits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from circuits.backends import backend
from circuits.errors import MissingExtraError
from qkan.experiments.jets.arms import arms
from qkan.experiments.jets.config import Config
from qkan.experiments.jets.features import split
from qkan.experiments.jets.training import scored
from qkan.models.conversions import to_classical
from qkan.studies.report import Section, Table
from qkan.studies.study import trained
from qkan.training import predict

__all__ = ["Moved", "elsewhere", "elsewhere_section", "on_backend", "twin_difference"]

Run = Mapping[str, NDArray[Any]]

DEVICE = "aer:fake_manila"
"""A simulator with the noise that was measured on a device of five qubits."""

_SAMPLED = ("qkan", "small qkan")
_INPUTS = (12, 4, 2)


@dataclass(frozen=True)
class Moved:
    """A trained QKAN on a backend, against its exact simulation; largest differences over seeds.

    Attributes:
        arm: The QKAN.
        where: The backend.
        seeds: How many were run.
        auc: The mean AUC there.
        moved: The largest change of the AUC.
        log_odds: The largest change of a test jet's log-odds.
        calibration_error: The mean expected calibration error there.
    """

    arm: str
    where: str
    seeds: int
    auc: float
    moved: float
    log_odds: float
    calibration_error: float


def elsewhere(config: Config, runs: Mapping[str, Sequence[Run]]) -> tuple[list[Moved], str]:
    """Return the QKANs with shots (all seeds), with a device's noise and without circuits (seed 0).

    The second value says why there is no device, if there is none.
    """
    found = [
        _moved(config, f"{name}, {inputs} inputs", inputs, runs, config.seeds, "default.qubit")
        for name in _SAMPLED
        for inputs in _INPUTS
    ]
    missing = ""
    try:
        found += [_moved(config, f"{name}, 12 inputs", 12, runs, 1, DEVICE) for name in _SAMPLED]
    except MissingExtraError as error:
        missing = f"No run with a device's noise: {error}"
    return found, missing


def _moved(
    config: Config, arm: str, inputs: int, runs: Mapping[str, Sequence[Run]], seeds: int, name: str
) -> Moved:
    model = arms(config)[arm]["model"]
    pairs = [
        (run, on_backend(model, run, inputs, config.train, name, shots=config.shots, seed=seed))
        for seed, run in enumerate(runs[arm][:seeds])
    ]
    return Moved(
        arm,
        f"{name}, {config.shots} shots",
        seeds,
        float(np.mean([there["auc"] for _, there in pairs])),
        max(abs(float(there["auc"] - run["auc"])) for run, there in pairs),
        max(float(np.abs(there["scores.test"] - run["scores.test"]).max()) for run, there in pairs),
        float(np.mean([there["calibration_error"] for _, there in pairs])),
    )


def on_backend(
    model: Mapping[str, Any], run: Run, inputs: int, jets: int, name: str, **options: Any
) -> dict[str, NDArray[Any]]:
    """Return metrics and ``scores.test`` of a trained QKAN whose circuits run elsewhere, at the nodes of their series.

    Args:
        model: Its configuration.
        run: What :func:`qkan.experiments.jets.training.train_on_jets` returned.
        inputs: What it sees.
        jets: How many jets it was trained on, which its inputs were standardised by.
        name: The backend.
        options: Of the backend: ``shots``, ``seed``, ``noise``.
    """
    net = trained(model, run, backend=backend(name, **options), evaluate="fourier")
    test, labels = split(inputs, jets).test
    with torch.no_grad():
        # One batch: each call samples the circuits anew.
        scores = predict(net, test, batch_size=len(test)).squeeze(1).double().numpy()
    return scored(scores, labels.numpy()) | {"scores.test": scores}


def twin_difference(model: Mapping[str, Any], run: Run, inputs: int, jets: int) -> float:
    """Return the largest difference of a test jet's log-odds between a QKAN's circuits and its classical form.

    In float64: every jet through every circuit, against Fourier series.
    """
    net = trained(model, run, evaluate="direct").double()
    test = split(inputs, jets).test[0].double()
    with torch.no_grad():
        return float((net(test) - to_classical(net)(test)).abs().max())


def elsewhere_section(found: Sequence[Moved], missing: str, twins: Mapping[str, float]) -> Section:
    """Return the section of the report."""
    header = ["QKAN", "backend", "seeds", "AUC", "AUC moves by", "log-odds move by", "calib. error"]
    rows = [
        [
            m.arm,
            m.where,
            str(m.seeds),
            f"{m.auc:.4f}",
            f"{m.moved:.4f}",
            f"{m.log_odds:.3f}",
            f"{m.calibration_error:.3f}",
        ]
        for m in found
    ]
    text = [
        "Trained exactly, then run with shots, and with the noise of a device: a few circuits for every edge fix its "
        "curve for all jets. What moves is given as the largest change over seeds and test jets.",
        "Without circuits, as Fourier series, the log-odds of all test jets are the same to "
        + ", ".join(f"{difference:.0e} ({arm})" for arm, difference in twins.items())
        + " in float64.",
        *([missing] if missing else []),
    ]
    return Section("QKANs off the exact simulator", text=text, table=Table(header, rows))
