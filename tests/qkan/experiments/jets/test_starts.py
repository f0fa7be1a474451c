"""Where training begins: the twin as the same function, the QKAN of a KAN with the epochs that are left."""

from dataclasses import replace

import pytest
import torch

from circuits.errors import UsageError
from qkan.analysis.edges import kan_layers
from qkan.experiments.jets.features import split
from qkan.experiments.jets.starts import begin
from qkan.models import KAN
from qkan.training import TrainingConfig, predict

QKAN = {"kind": "qkan", "sizes": [2, 2, 1], "edge": "pz(depth=1)"}
TRAINING = TrainingConfig(epochs=5, batch_size=64, learning_rate=1e-2, gamma=0.5, seed=3)


def test_a_twin_begins_as_the_qkan_of_the_same_seed() -> None:
    data = split(2, 60)
    qkan, _ = begin(QKAN, {"kind": "random"}, data, TRAINING)
    twin, left = begin(QKAN, {"kind": "twin"}, data, TRAINING)
    assert left == TRAINING
    assert type(twin) is KAN
    x = data.test[0][:200]
    assert torch.allclose(predict(twin, x), predict(qkan, x), atol=1e-5)


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
