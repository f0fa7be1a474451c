import json
from dataclasses import asdict

import numpy as np
import pytest
import torch

from circuits.errors import UsageError
from qkan.experiments.mnist_task import Images, parameters_of
from qkan.experiments.qkan_mnist import LABELS, Config, differences, models_of, run, train_from
from qkan.models import load, make
from qkan.studies.run import Places

IMAGES = Images.of(train=64, validation=20, test=50)
MODEL = {"kind": "qkan", "sizes": [784, 2, 10], "edge": "pz(depth=1)"}
TRAINING = {"epochs": 2, "batch_size": 32}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    places = Places(out=tmp_path_factory.mktemp("run") / "run")
    small = {"train": 40, "validation": 20, "epochs": 2, "seeds": 1, "width": 1}
    return run(Config(**small, edge="pz(depth=1)", rates="1e-2"), places).path


@pytest.mark.slow
def test_a_run_leaves_a_record_figures_and_a_model(folder):
    record = json.loads((folder / "results.json").read_text())
    assert set(record["arms"]) == set(LABELS)
    assert record["verdict"]["difference_to_qkan"] == {}  # of one seed there is no interval
    assert {p.stem for p in (folder / "figures").glob("*.png")} == {"accuracy", "curves", "network"}
    assert load(folder / "models" / "qkan.safetensors").spec()["sizes"] == [784, 1, 10]
    assert np.load(folder / "models" / "inputs.npy").shape == (500, 784)


@pytest.mark.slow
def test_validation_chooses_the_rate():
    common = {"seed": 0, "model": MODEL, "training": TRAINING, "images": asdict(IMAGES)}
    rates = [1e-2, 1e-9]
    single = [train_from(**common, rates=[rate], start="twin") for rate in rates]
    best = train_from(**common, rates=rates, start="twin")
    highest = max(single, key=lambda found: found["val_accuracy"].max())
    assert best["rate"] == highest["rate"]
    assert best["test_accuracy"] == highest["test_accuracy"]


def test_the_twin_starts_as_the_quantum_kan():
    """At a vanishing rate both stay what they began as, and score alike."""
    common = {"seed": 1, "model": MODEL, "training": TRAINING, "images": asdict(IMAGES)}
    quantum, twin = (train_from(**common, rates=[1e-12], start=s) for s in ("random", "twin"))
    assert quantum["test_loss"] == pytest.approx(twin["test_loss"], rel=1e-5)
    free = make(MODEL, generator=torch.Generator()).to_classical()
    assert twin["parameters"] == free.num_parameters


@pytest.mark.slow
def test_the_warm_start_spends_as_many_epochs():
    found = train_from(
        seed=0,
        model=MODEL,
        training=TRAINING,
        images=asdict(IMAGES),
        rates=[1e-2],
        start="kan",
        pruned=0.5,
    )
    assert len(found["val_accuracy"]) == TRAINING["epochs"]
    assert 0 < found["fit_seconds"] < found["train_seconds"]
    # Without a step the quantum KAN is what was fitted to the pruned KAN.
    assert 0 <= found["start_accuracy"] <= 1


@pytest.mark.slow
def test_wide_models_have_as_many_parameters():
    models = models_of("pz(depth=1)", 12)
    budget = parameters_of(models["qkan"])
    for kind in ("fourier", "kan", "sinekan", "mlp"):
        assert models[kind]["sizes"] == [784, 12, 10]
        assert parameters_of(models[f"{kind}_wide"]) == pytest.approx(budget, rel=0.05)


def test_differences_are_paired_and_their_level_is_joint():
    correct = {
        name: np.tile(np.arange(10) < n, (2, 1)).astype(float)
        for name, n in (("qkan", 8), ("kan", 8))
    }
    assert (differences(correct)["kan"].low, differences(correct)["kan"].high) == (0, 0)
    assert differences(correct)["kan"].level == pytest.approx(0.95)
    correct["mlp"] = 1 - correct["kan"]
    found = differences(correct)
    assert found["mlp"].level == found["kan"].level == pytest.approx(0.975)
    assert found["mlp"].low < found["mlp"].estimate == pytest.approx(-0.6)
    assert differences({arm: each[:1] for arm, each in correct.items()}) == {}


def test_mistakes():
    for settings, message in (
        ({"epochs": 1}, "epochs to be 2 or more"),
        ({"pruned": 1.0}, r"pruned to be in \[0, 1\)"),
        ({"gamma": 0.0}, "gamma"),
        ({"rates": "fast"}, "numbers separated by commas"),
        ({"rates": "-1"}, "positive rates"),
        ({"edge": "pz3"}, "unknown edge"),
    ):
        with pytest.raises(UsageError, match=message):
            Config(**settings)
