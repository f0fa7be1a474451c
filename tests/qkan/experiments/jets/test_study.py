"""The jet study on few jets: everything is written, and says what it must; trained QKANs on other backends."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuits.backends import Backend, backend
from circuits.errors import MissingExtraError, UsageError
from qkan.experiments.jets import Config, arms, interpretation, report, run, study
from qkan.experiments.jets.interpretation import (
    compare,
    log_likelihood_ratio,
    moved,
    on_backend,
    twin_difference,
)
from qkan.experiments.jets.models import train_on_jets
from qkan.studies.run import Places
from qkan.studies.study import Results

SMALL = Config(seeds=2, epochs=1, train=60, resamples=20, warm=False, images=False, curves=False)


@pytest.mark.slow
def test_a_small_run_writes_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "_EXPLAINED", ("one-layer qkan",))
    monkeypatch.setattr(study, "TABLES", (12, 2))
    monkeypatch.setattr(study, "DEVICE", "default.qubit")  # another test has the noise
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


def test_labels_tell_what_an_arm_is() -> None:
    labels = study.labels_of(Config())
    assert labels.keys() == arms(Config()).keys()
    assert {
        n for n, each in labels.items() if each["group"] == "curve" and each["jets"] == 300
    } == {f"{tagger}, 300 jets" for tagger in study.CURVES}
    quantum = {n for n, each in labels.items() if each["quantum"] and each["group"] == "table"}
    assert "warm qkan, 12 inputs" in quantum
    assert not any(n.startswith(("fourier", "quanvolution")) for n in quantum)


def test_the_ratio_of_gaussians_is_linear_in_x() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([1, 0], 40_000)
    x = rng.normal(labels - 0.5, 1.0)
    mean, ratio, error, share = log_likelihood_ratio(x, labels)
    assert np.abs(ratio - mean).max() < 5 * error.max()
    assert share.sum() == pytest.approx(1)
    assert compare("x", x, labels, x).correlation > 0.999
    assert compare("x", x, labels, -x).correlation < -0.999


CONFIG = Config(seeds=2, train=200, shots=256)
TAGGER = "small qkan, 12 inputs"
ARM = arms(CONFIG)[TAGGER]


@pytest.fixture(scope="module")
def tagger() -> dict[str, np.ndarray]:
    return train_on_jets(seed=0, **ARM | {"epochs": 2})


def test_exact_nodes_and_no_circuits_are_the_trained_qkan(tagger) -> None:  # type: ignore[no-untyped-def]
    there = on_backend(ARM, tagger, "default.qubit")
    assert np.abs(there["scores.test"] - tagger["scores.test"]).max() < 1e-4
    assert there["auc"] == pytest.approx(float(tagger["auc"]), abs=1e-4)
    assert twin_difference(ARM, tagger) < 1e-12


@pytest.mark.slow
def test_noise_and_shots_move_the_log_odds_and_are_reported(tagger) -> None:  # type: ignore[no-untyped-def]
    shots = moved(TAGGER, ARM, [tagger, tagger], "default.qubit", shots=256)
    noise = moved(TAGGER, ARM, [tagger], study.DEVICE, shots=256, noise=True)
    assert (shots.seeds, noise.seeds) == (2, 1)
    assert (shots.where, noise.where) == ("default.qubit, 256 shots", "aer:fake_manila, 256 shots")
    assert min(shots.log_odds, noise.log_odds) > 0
    text = str(report.backend_section([shots, noise], "", {TAGGER: 1e-15}))
    assert "fake_manila" in text
    assert "1e-15" in text


def test_without_the_extra_the_report_says_so(tagger, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    def absent(name: str, **options: Any) -> Backend:
        if name.startswith("aer"):
            raise MissingExtraError("install 'hybrid-qkan[hardware]'")
        return backend(name, **options)

    monkeypatch.setattr(study, "_SAMPLED", ("small qkan",))
    monkeypatch.setattr(study, "TABLES", (12,))
    monkeypatch.setattr(interpretation, "backend", absent)
    found, missing = study._on_backends(CONFIG, Results({TAGGER: [tagger]}), {TAGGER: ARM})
    assert len(found) == 1
    assert "hybrid-qkan[hardware]" in missing
    assert missing in report.backend_section(found, missing, {}).text


def test_wrong_settings_are_refused() -> None:
    wrong: tuple[tuple[dict[str, Any], str], ...] = (
        ({"seeds": 1}, "seeds to be 2 or more"),
        ({"train": 7000}, "6,000 training jets"),
        ({"resamples": 1}, "resamples to be 20"),
    )
    for settings, message in wrong:
        with pytest.raises(UsageError, match=message):
            Config(**settings)
