"""What taggers see, where their training begins, and what it makes of them."""

from dataclasses import replace

import pytest
import torch

from circuits.errors import UsageError
from qkan.analysis.edges import kan_layers
from qkan.experiments.jets import Config, arms
from qkan.experiments.jets.interpretation import edges_against_ratios
from qkan.experiments.jets.metrics import auc_difference
from qkan.experiments.jets.models import begin, split, table_models, train_on_jets
from qkan.models import make
from qkan.studies.study import trained
from qkan.training import TrainingConfig, predict

QKAN = {"kind": "qkan", "sizes": [2, 2, 1], "edge": "pz(depth=1)"}
TRAINING = TrainingConfig(epochs=5, batch_size=64, learning_rate=1e-2, gamma=0.5, seed=3)


def test_a_twin_begins_as_the_qkan_of_the_same_seed() -> None:
    data = split(2, 60)
    qkan, _ = begin(QKAN, {"kind": "random"}, data, TRAINING)
    twin, left = begin(QKAN, {"kind": "twin"}, data, TRAINING)
    assert left == TRAINING
    x = data.test[0][:200]
    assert torch.allclose(predict(twin, x), predict(qkan, x), atol=1e-5)


@pytest.mark.slow
def test_a_warm_start_follows_the_kan_and_has_the_epochs_that_are_left() -> None:
    flat = {"sizes": [2, 1]}
    kan = {"kind": "kan", "grid": 2, "domain": [-2.0, 2.0], **flat}
    start = {"kind": "kan", "model": kan, "rate": 0.1, "pruned": 0.5}
    data = split(2, 200)
    net, left = begin(QKAN | flat, start, data, replace(TRAINING, epochs=21))
    assert left.epochs == 11
    assert left.initial_rate == pytest.approx(1e-2 * 0.5**10)
    (layer,) = kan_layers(net).values()
    assert int(layer.kept_edges.sum()) == 1
    both = torch.stack([predict(net, data.train[0])[:, 0], data.train[1].float()])
    assert float(torch.corrcoef(both)[0, 1]) > 0.4  # ten epochs have taught the KAN something


def test_an_unknown_start_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown start 'warm'"):
        begin(QKAN, {"kind": "warm"}, split(2, 60), TRAINING)


def test_parameters_of_kan_and_mlp_are_alike() -> None:
    for inputs in (12, 4, 2):
        models = {name: arm["model"] for name, arm in table_models(inputs).items()}
        kan, mlp = (make(models[name]).num_parameters for name in ("kan", "mlp"))
        assert abs(mlp - kan) < 0.3 * kan
    assert make(table_models(12)["small qkan"]["model"]).num_parameters <= 60


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_tagger_of_one_observable_finds_its_ratio() -> None:
    arm = arms(Config())["one-layer qkan, 1 inputs"] | {"epochs": 6}
    arrays = train_on_jets(seed=0, **arm)
    (edge,) = edges_against_ratios(trained(arm["model"], arrays), 1, split(1, 6000))
    assert edge.correlation > 0.97


@pytest.mark.slow
def test_the_mlp_is_not_worse_than_logistic_regression() -> None:
    """By their interval; and both are where quark/gluon taggers are."""
    chosen = {name: arms(Config())[f"{name}, 12 inputs"] for name in ("mlp", "logistic")}
    runs = {n: [train_on_jets(seed=k, **arm) for k in (0, 1)] for n, arm in chosen.items()}
    labels = split(12, 60).test[1].numpy()
    assert auc_difference(runs["mlp"], runs["logistic"], labels).high > 0
    assert 0.85 < runs["logistic"][0]["auc"] < 0.89
    assert 0.85 < runs["mlp"][0]["auc"] < 0.90
