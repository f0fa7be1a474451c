import dataclasses
import json

import numpy as np
import pytest
import torch

from circuits import quanvolutional_filter
from circuits.errors import UsageError
from qkan.data import mnist
from qkan.experiments.quanvolution import Config, run, setup
from qkan.experiments.quanvolution.full import Arm, _features, arms_of
from qkan.experiments.quanvolution.full_report import chosen
from qkan.experiments.quanvolution.setup import Setup
from qkan.studies.run import Places

SMALL = Config(full=True, seeds=2, epochs=1, train=90, validation=30, batch_size=32)


@pytest.fixture
def embedded(monkeypatch):
    """The first images stand in for all of MNIST."""
    monkeypatch.setattr(setup, "mnist", lambda **_: mnist(train=150, test=40))


def test_the_arms_match_in_channels():
    arms = arms_of(quanvolutional_filter("demo"))
    assert [(a.kind, a.channels) for a in arms if a.kind in ("classical", "quantum")] == [
        ("classical", 4),
        ("quantum", 4),
        ("quantum", 16),
        ("quantum", 36),
    ]
    assert len(arms) == 10


def test_features_have_the_arms_channels_and_the_first_filter_is_the_configured_one(places):
    made = Setup.of(SMALL.settled(), places)
    images = torch.rand(2, 1, 28, 28)
    for arm in arms_of(made.circuit):
        assert _features(arm, made, 0)(images).shape == (2, arm.channels, 14, 14)
    one, four = (_features(Arm("quantum", n, 4 * n), made, 0)(images) for n in (1, 4))
    assert torch.equal(four[:, :4], one)
    other_seed = _features(Arm("quantum", 4, 16), made, 1)(images)
    assert torch.equal(other_seed[:, :4], one)
    assert not torch.allclose(other_seed[:, 4:], four[:, 4:])


def test_chosen_takes_every_metric_at_the_best_epoch():
    history = {m: np.arange(6.0).reshape(2, 3) for m in ("train_loss", "val_loss", "val_accuracy")}
    history |= {m: np.ones((2, 1)) for m in ("test_loss", "test_accuracy")}
    history["best_epoch"] = np.array([[2.0], [0.0]])
    np.testing.assert_array_equal(chosen(history)["val_loss"], [2, 3])


def test_a_run_and_its_resumption(embedded, no_figures, places, monkeypatch):
    folder = run(SMALL, places)
    results = json.loads((folder.path / "results.json").read_text())
    assert len(results["arms"]) == 20
    quantum = results["arms"]["quantum_36_cnn"]
    assert set(quantum) == {"train_loss", "val_loss", "val_accuracy", "test_loss", "test_accuracy"}
    assert quantum["test_accuracy"]["n"] == 2
    assert set(results["verdict"]["difference_to_classical"]) == set(results["arms"]) - {
        "classical_4_linear",
        "classical_4_cnn",
    }
    lines = (folder.path / "metrics.jsonl").read_text().splitlines()
    assert len(lines) == 20 * 2 * 1
    assert (folder.path / "figures/scaling.pdf").exists()

    def train_again(*_, **__):
        raise AssertionError("a finished stage was trained again")

    monkeypatch.setattr("qkan.experiments.quanvolution.full.train_heads", train_again)
    again = Places(resume=folder.path, cache_dir=places.cache_dir)
    run(SMALL, again)
    assert json.loads((folder.path / "results.json").read_text())["arms"] == results["arms"]


def test_the_validation_images_must_fit_into_the_training_set(embedded, places):
    with pytest.raises(UsageError, match="at most 150"):
        run(dataclasses.replace(SMALL, train=130), places)


def test_direct_evaluation_of_everything_is_refused(places):
    with pytest.raises(UsageError, match="fourier or auto, got direct"):
        run(dataclasses.replace(SMALL, evaluate="direct"), places)
    assert not places.out.exists()
