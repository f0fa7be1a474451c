"""The jet study on few jets: everything is written, and says what it must; its parts against theorems."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from circuits.errors import UsageError
from qkan.experiments.jets import Config, elsewhere, report, run
from qkan.experiments.jets.arms import arms, tables
from qkan.experiments.jets.comparisons import auc_difference
from qkan.experiments.jets.features import split
from qkan.experiments.jets.interpretation import edges_against_ratios
from qkan.experiments.jets.likelihood import compare, log_likelihood_ratio
from qkan.experiments.jets.training import train_on_jets
from qkan.models import make
from qkan.studies.run import Places
from qkan.studies.study import trained

SMALL = Config(seeds=2, epochs=1, train=60, resamples=20, warm=False, images=False, curves=False)


def test_a_small_run_writes_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "_EXPLAINED", ("one-layer qkan",))
    monkeypatch.setattr(elsewhere, "_INPUTS", (2,))
    monkeypatch.setattr(elsewhere, "DEVICE", "default.qubit")  # test_elsewhere.py has the noise
    folder = run(SMALL, Places(out=tmp_path / "run"))
    results = json.loads((folder.path / "results.json").read_text())
    assert results["experiment"] == "jets"
    assert set(results["arms"]["qkan, 12 inputs"]) == {
        "auc", "rejection_30", "rejection_50", "calibration_error", "parameters",
    }  # fmt: skip
    assert results["arms"]["qkan, 2 inputs"]["auc"]["n"] == 2
    assert {row["arm"] for row in results["verdict"]["elsewhere"]} >= {"qkan, 2 inputs"}
    assert max(results["verdict"]["largest_difference_to_classical"].values()) < 1e-12
    assert len(results["verdict"]["sentences"]) > 10
    page = (folder.path / "report.html").read_text()
    for word in ("ROC", "log-likelihood", "look-up tables", "Background", "12 observables"):
        assert word.lower() in page.lower()
    assert {p.stem for p in (folder.path / "figures").glob("*.png")} >= {"roc", "reliability"}


def test_parameters_of_kan_and_mlp_are_alike() -> None:
    for inputs in (12, 4, 2):
        models = {name: arm["model"] for name, arm in tables(inputs).items()}
        kan, mlp = (make(models[name]).num_parameters for name in ("kan", "mlp"))
        assert abs(mlp - kan) < 0.3 * kan
    assert make(tables(12)["small qkan"]["model"]).num_parameters <= 60


def test_every_arm_can_be_trained_with_its_settings() -> None:
    for arm in arms(Config()).values():
        if arm["model"]["kind"] not in ("logistic", "trees"):
            make(arm["model"])
        assert split(arm["inputs"], 60).train[0].shape[0] == 60


def test_inputs_are_standardised_by_the_training_jets() -> None:
    x = split(12, 6000).train[0]
    assert torch.allclose(x.mean(0), torch.zeros(12), atol=0.05)
    assert torch.allclose(x.std(0), torch.ones(12), atol=0.15)
    assert x.abs().max() <= 4
    with pytest.raises(UsageError, match="unknown inputs 'pixel'; did you mean 'pixels'"):
        split("pixel", 60)


def test_the_ratio_of_gaussians_is_linear_in_x() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([1, 0], 40_000)
    x = rng.normal(labels - 0.5, 1.0)
    mean, ratio, error, share = log_likelihood_ratio(x, labels)
    assert np.abs(ratio - mean).max() < 5 * error.max()
    assert share.sum() == pytest.approx(1)
    assert compare("x", x, labels, x).correlation > 0.999
    assert compare("x", x, labels, -x).correlation < -0.999


def test_a_tagger_of_one_observable_finds_its_ratio() -> None:
    arm = arms(Config())["one-layer qkan, 1 inputs"] | {"epochs": 6}
    arrays = train_on_jets(seed=0, **arm)
    (edge,) = edges_against_ratios(trained(arm["model"], arrays), 1, split(1, 6000))
    assert edge.correlation > 0.97


def test_the_mlp_is_not_worse_than_logistic_regression() -> None:
    """By paired bootstrap on the test jets; and both are where quark/gluon taggers are."""
    chosen = {name: arms(Config())[f"{name}, 12 inputs"] for name in ("mlp", "logistic")}
    runs = {name: train_on_jets(seed=0, **arm) for name, arm in chosen.items()}
    labels = split(12, 60).test[1].numpy()
    difference = auc_difference([runs["mlp"]], [runs["logistic"]], labels, resamples=100)
    assert difference.high > 0
    assert 0.85 < runs["logistic"]["auc"] < 0.89
    assert 0.85 < runs["mlp"]["auc"] < 0.90


def test_a_tagger_against_itself_differs_by_nothing() -> None:
    run = train_on_jets(seed=0, model={"kind": "logistic"}, inputs=2, jets=500, epochs=1)
    difference = auc_difference([run], [run], split(2, 60).test[1].numpy(), resamples=20)
    assert (difference.low, difference.estimate, difference.high) == (0, 0, 0)


def test_wrong_settings_are_refused() -> None:
    wrong: tuple[tuple[dict[str, Any], str], ...] = (
        ({"seeds": 1}, "seeds to be 2 or more"),
        ({"train": 7000}, "6,000 training jets"),
        ({"resamples": 1}, "resamples to be 20"),
    )
    for settings, message in wrong:
        with pytest.raises(UsageError, match=message):
            Config(**settings)
