"""Trained QKANs on other backends, and without circuits, against their exact simulation."""

from typing import Any

import numpy as np
import pytest

from circuits.backends import Backend, backend
from circuits.errors import MissingExtraError
from qkan.experiments.jets import Config, elsewhere
from qkan.experiments.jets.arms import arms
from qkan.experiments.jets.training import train_on_jets

CONFIG = Config(seeds=2, train=200, shots=256)
SMALL = "small qkan, 12 inputs"


@pytest.fixture(scope="module")
def run() -> dict[str, np.ndarray]:
    return train_on_jets(seed=0, **arms(CONFIG)[SMALL] | {"epochs": 2})


def test_exact_nodes_and_no_circuits_are_the_trained_qkan(run) -> None:  # type: ignore[no-untyped-def]
    model = arms(CONFIG)[SMALL]["model"]
    there = elsewhere.on_backend(model, run, 12, CONFIG.train, "default.qubit")
    assert np.abs(there["scores.test"] - run["scores.test"]).max() < 1e-4
    assert there["auc"] == pytest.approx(float(run["auc"]), abs=1e-4)
    assert elsewhere.twin_difference(model, run, 12, CONFIG.train) < 1e-12


def test_noise_and_shots_move_the_log_odds_and_are_reported(run, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(elsewhere, "_SAMPLED", ("small qkan",))
    monkeypatch.setattr(elsewhere, "_INPUTS", (12,))
    (shots, noise), missing = elsewhere.elsewhere(CONFIG, {SMALL: [run, run]})
    assert missing == ""
    assert (shots.seeds, noise.seeds) == (2, 1)
    assert (shots.where, noise.where) == ("default.qubit, 256 shots", "aer:fake_manila, 256 shots")
    assert shots.log_odds > 0
    assert noise.log_odds > 0
    text = str(elsewhere.elsewhere_section([shots, noise], missing, {SMALL: 1e-15}))
    assert "fake_manila" in text
    assert "1e-15" in text


def test_without_the_extra_the_report_says_so(run, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    def absent(name: str, **options: Any) -> Backend:
        if name.startswith("aer"):
            raise MissingExtraError("install 'hybrid-qkan[hardware]'")
        return backend(name, **options)

    monkeypatch.setattr(elsewhere, "_SAMPLED", ("small qkan",))
    monkeypatch.setattr(elsewhere, "_INPUTS", (12,))
    monkeypatch.setattr(elsewhere, "backend", absent)
    found, missing = elsewhere.elsewhere(CONFIG, {SMALL: [run, run]})
    assert len(found) == 1
    assert "hybrid-qkan[hardware]" in missing
    assert missing in elsewhere.elsewhere_section(found, missing, {}).text
