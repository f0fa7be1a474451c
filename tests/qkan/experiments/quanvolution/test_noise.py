"""The study of shots and noise: against the prediction for shots, and against known limits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from qkan.experiments.quanvolution import noise
from qkan.experiments.quanvolution.config import Config
from qkan.experiments.quanvolution.noise import noise_section
from qkan.experiments.quanvolution.setup import Setup
from qkan.studies.run import Places, RunFolder

IMAGES = torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def setup_of(tmp_path, **settings):
    return Setup.of(Config(**settings).settled(), Places(cache_dir=tmp_path / "cache"))


def test_errors_follow_the_prediction_and_end_at_the_noise(tmp_path):
    setup = setup_of(tmp_path, shots=100, noise="depolarizing:0.003")
    found = noise.feature_errors(setup, IMAGES)
    assert set(found.errors) == {"no noise", "depolarizing:0.03", "depolarizing:0.003"}
    # Nine nodes and three draws: the mean of the squares has a relative standard error of about a third.
    np.testing.assert_allclose(found.errors["no noise"], found.predicted, rtol=0.4)
    assert found.predicted[0] == pytest.approx(4 * found.predicted[1])
    assert found.limits["no noise"] == pytest.approx(0, abs=1e-14)
    # To first order the error is proportional to the strength of the noise.
    strong, weak = found.limits["depolarizing:0.03"], found.limits["depolarizing:0.003"]
    assert strong / weak == pytest.approx(10, rel=0.1)
    assert found.errors["depolarizing:0.03"][1] == pytest.approx(strong, rel=0.2)


def test_the_section_is_for_shots_and_noise_that_nobody_pays_for(tmp_path):
    folder = RunFolder(tmp_path)
    assert noise_section(setup_of(tmp_path), IMAGES, folder) is None
    section = noise_section(setup_of(tmp_path, shots=4000), IMAGES, folder)
    assert "root mean square error of a feature is 0.0" in section.text[1]
    assert (tmp_path / "figures" / "noise.png").stat().st_size > 0


def test_nothing_more_is_run_where_circuits_are_paid_for(tmp_path, monkeypatch):
    setup = setup_of(tmp_path, shots=10)
    monkeypatch.setattr(type(setup.backend), "paid", True)
    assert noise_section(setup, IMAGES, RunFolder(tmp_path)) is None
