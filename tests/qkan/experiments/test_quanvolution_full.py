"""The experiment on all of MNIST, with the first images in its place, and its two heads."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from circuits import quanvolutional_filter
from circuits.errors import UsageError
from qkan.data import mnist
from qkan.experiments import quanvolution_full
from qkan.experiments.quanvolution import Config, run
from qkan.experiments.quanvolution_filter import Filter
from qkan.experiments.quanvolution_full import (
    Arm,
    Split,
    arms_of,
    chosen_values,
    features_of,
    make_head,
    train_heads,
)
from qkan.store import Store
from qkan.studies.run import Places

SMALL = Config(full=True, seeds=2, epochs=1, train=90, validation=30, batch_size=32)


@pytest.fixture
def embedded(monkeypatch):
    """The first images stand in for all of MNIST."""
    monkeypatch.setattr(quanvolution_full, "mnist", lambda **_: mnist(train=150, test=40))


@pytest.fixture
def places(tmp_path):
    return Places(out=tmp_path / "run", cache_dir=tmp_path / "cache")


def test_the_arms_match_in_channels():
    arms = arms_of(quanvolutional_filter("demo"))
    assert [(a.kind, a.channels) for a in arms if a.kind in ("classical", "quantum")] == [
        ("classical", 4),
        ("quantum", 4),
        ("quantum", 16),
        ("quantum", 36),
    ]
    assert len(arms) == 10


@pytest.mark.slow
def test_features_have_the_arms_channels_and_the_first_filter_is_the_configured_one(tmp_path):
    chosen, store = Filter.of(SMALL.settled()), Store(tmp_path)
    images = torch.rand(2, 1, 28, 28)

    def features(arm, seed=0):
        return features_of(arm, chosen, seed, store)(images)

    for arm in arms_of(chosen.circuit):
        assert features(arm).shape == (2, arm.channels, 14, 14)
    one, four = (features(Arm("quantum", n, 4 * n)) for n in (1, 4))
    assert torch.equal(four[:, :4], one)
    other_seed = features(Arm("quantum", 4, 16), seed=1)
    assert torch.equal(other_seed[:, :4], one)
    assert not torch.allclose(other_seed[:, 4:], four[:, 4:])


def test_chosen_takes_every_metric_at_the_best_epoch():
    curves = {
        f"cnn_{metric}": np.arange(3.0) for metric in ("train_loss", "val_loss", "val_accuracy")
    }
    final = {"cnn_test_loss": np.array(1.0), "cnn_test_accuracy": np.array(1.0)}
    runs = [curves | final | {"cnn_best_epoch": np.array(float(best))} for best in (2, 0)]
    np.testing.assert_array_equal(chosen_values(runs, "cnn")["val_loss"], [2, 0])


@pytest.mark.slow
def test_a_run_and_its_resumption(embedded, places, monkeypatch):
    monkeypatch.setattr("qkan.studies.report.render", lambda plot, kind: b"figure")
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
    assert len(lines) == 10 * 2 * 1
    assert (folder.path / "figures/scaling.pdf").exists()

    def train_again(*_, **__):
        raise AssertionError("a finished stage was trained again")

    monkeypatch.setattr("qkan.experiments.quanvolution_full.train_heads", train_again)
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


def split(generator, count):
    """Two classes that a linear head can tell apart: the upper or the lower half is bright."""
    labels = torch.randint(2, (count,), generator=generator)
    images = torch.randint(0, 60, (count, 1, 8, 8), generator=generator, dtype=torch.uint8)
    for image, label in zip(images, labels.tolist(), strict=True):
        image[0, 4 * label : 4 * label + 4] += 190
    return Split(images, labels)


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(0)
    return [split(generator, count) for count in (70, 20, 30)]


def train(data, seed=0, epochs=20):
    return train_heads(torch.nn.PixelUnshuffle(2), *data, seed=seed, epochs=epochs, batch_size=8)


@pytest.mark.slow
def test_both_heads_learn_what_is_easy(data):
    history = train(data)
    for head in ("linear", "cnn"):
        assert history[f"{head}_train_loss"][-1] < history[f"{head}_train_loss"][0] / 2
        assert history[f"{head}_test_accuracy"] > 0.9


def test_a_seed_repeats_and_others_differ(data):
    first, again, other = train(data, 1, 2), train(data, 1, 2), train(data, 2, 2)
    for name, values in first.items():
        np.testing.assert_array_equal(values, again[name])
    assert not np.array_equal(first["linear_train_loss"], other["linear_train_loss"])


@pytest.mark.slow
def test_the_test_images_change_nothing_but_the_test(data):
    first = train(data, epochs=10)
    train_data, validation, test = data
    second = train([train_data, validation, Split(test.images, 1 - test.labels)], epochs=10)
    for name, values in first.items():
        if "_test_" not in name:
            np.testing.assert_array_equal(values, second[name])
    assert second["linear_test_accuracy"] <= 1 - first["linear_test_accuracy"] < 0.5


def test_validation_chooses_the_epoch_that_is_tested(data):
    train_data, _, test = data
    # Validated on the test images, the tested weights are those of the best epoch.
    history = train([train_data, test, test], epochs=4)
    for head in ("linear", "cnn"):
        accuracies = history[f"{head}_val_accuracy"]
        best = int(history[f"{head}_best_epoch"])
        assert best == accuracies.argmax()
        assert history[f"{head}_test_accuracy"] == accuracies[best]
        assert history[f"{head}_test_loss"] == history[f"{head}_val_loss"][best]


@pytest.mark.parametrize(
    ("kind", "count"), [("linear", 4 * 14 * 14 * 10 + 10), ("cnn", 296 + 1168 + 1450)]
)
def test_the_heads_have_the_sizes_they_say(kind, count):
    head = make_head(kind, 4, 14, torch.Generator())
    assert sum(p.numel() for p in head.parameters()) == count
