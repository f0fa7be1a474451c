"""What the quanvolution runs on a backend: how many circuits, which samples, and which evaluation."""

from __future__ import annotations

import pennylane as qml
import pytest
import torch

from circuits import backend, quanvolutional_filter
from qkan import Quanvolution2d


def rand(*shape, dtype=torch.float32, requires_grad=False):
    generator = torch.Generator().manual_seed(5)
    return torch.rand(shape, generator=generator, dtype=dtype).requires_grad_(requires_grad)


def count(layer, image):
    """Return how many circuits run."""
    (quantum,) = layer.quantum_layers
    with qml.Tracker(quantum.torch_layer.qnode.device) as tracker:
        layer(image)
    return sum(tracker.history.get("executions", []))


def test_equal_patches_are_run_once():
    layer = Quanvolution2d(quanvolutional_filter("demo"), evaluate="direct")
    image = torch.zeros(3, 1, 8, 8, dtype=torch.float64)
    image[1, 0, 0, 0] = 1
    image[2, 0, 7, 7] = 0.5
    with qml.Tracker(layer.quantum_layers[0].torch_layer.qnode.device) as tracker:
        layer(image)
    (results,) = tracker.history["results"]
    assert {len(values) for values in results} == {3}


def test_sampled_patches_are_run_each():
    sampled = backend("default.qubit", shots=1000, seed=3)
    layer = Quanvolution2d(quanvolutional_filter("demo"), evaluate="direct", backend=sampled)
    maps = layer(torch.zeros(4, 1, 16, 16, dtype=torch.float64))
    assert len(maps[:, 1].unique()) > 20  # 256 equal patches, each with its own noise
    expected = torch.tensor(-0.9533337806844938, dtype=torch.float64)
    sigma = torch.sqrt((1 - expected**2) / 1000)
    torch.testing.assert_close(maps[:, 1].mean(), expected, rtol=0, atol=4 * sigma.item() / 16)
    torch.testing.assert_close(maps[:, 1].std(), sigma, rtol=0.2, atol=0)
    torch.testing.assert_close(maps[:, 0], torch.ones_like(maps[:, 0]))


def test_the_series_of_the_demo_filter_costs_nine_circuits():
    layer = Quanvolution2d(quanvolutional_filter("demo"), evaluate="fourier")
    image = rand(5, 1, 8, 8)
    assert count(layer, image) == 9
    assert count(layer, image) == 0  # frozen: the nodes are kept


@pytest.mark.parametrize("evaluate", ["fourier", "direct"])
def test_filters_of_one_seed_draw_independent_samples(evaluate):
    sampled = backend("default.qubit", shots=50, seed=11)
    made = quanvolutional_filter("demo")
    image = rand(2, 1, 8, 8, dtype=torch.float64)

    def maps():
        return Quanvolution2d([made, made], evaluate=evaluate, backend=sampled)(image)

    found = maps()
    assert not torch.equal(found[:, :4], found[:, 4:])
    assert torch.equal(found, maps())


def test_auto_says_what_it_took(caplog):
    layer = Quanvolution2d(quanvolutional_filter("strongly-entangling"))
    with caplog.at_level("INFO", logger="qkan"):
        layer.requires_grad_()(torch.zeros(1, 1, 28, 28))
        layer(rand(1, 1, 28, 28))
    messages = [record.getMessage() for record in caplog.records]
    assert "direct: it has more nodes (81) than there are distinct inputs (1)" in messages[0]
    assert "fourier: its 81 nodes are no more than the distinct inputs" in messages[1]
    assert "fourier: its 81 nodes" in repr(layer)
    assert "kernel_size=(2, 2), stride=(2, 2)" in repr(layer)
