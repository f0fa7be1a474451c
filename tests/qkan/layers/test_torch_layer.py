"""The bridge to PennyLane: one dictionary of weights, pickling, and no silent second derivatives."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pennylane as qml
import pytest
import torch
from torch.autograd import grad
from torch.func import functional_call

from circuits import UsageError, backend, quanvolutional_filter
from qkan import QuantumKANLayer, QuantumLayer
from qkan.layers.torch_layer import CircuitTorchLayer

DEMO = quanvolutional_filter("demo")
X = torch.rand(3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def bridge(name="default.qubit", **options):
    angles = torch.tensor(DEMO.defaults["angles"])
    return CircuitTorchLayer(DEMO, backend(name, **options), {"angles": angles})


def test_values_and_shapes_are_those_of_the_backend():
    layer = bridge()
    expected = backend("default.qubit").run(DEMO, X)
    np.testing.assert_allclose(layer(X).detach(), expected, rtol=0, atol=1e-12)
    assert layer(X.reshape(3, 1, 4)).shape == (3, 1, 4)
    assert layer(X.float()).dtype == torch.float32


def test_weights_are_the_parameters_and_keep_dtype():
    layer = bridge()
    assert layer.by_name["angles"] is layer.angles
    assert isinstance(layer.angles, torch.nn.Parameter)
    layer.to(torch.float32)
    assert layer.by_name["angles"].dtype == torch.float32
    given = torch.zeros(4, dtype=torch.float64)
    assert torch.equal(
        functional_call(layer, {"angles": given}, (X,)),
        QuantumLayer(DEMO, evaluate="direct", weights={"angles": given})(X),
    )


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
@pytest.mark.parametrize("name", ["default.qubit", "lightning.qubit"])
def test_copies_run_and_are_independent(copied, name):
    layer = bridge(name)
    other = copied(layer)
    before = layer(X)
    assert torch.equal(other(X), before)
    with torch.no_grad():
        other.angles.zero_()
    assert not torch.equal(other(X), before)
    assert torch.equal(layer(X), before)


def test_a_copy_of_a_sampled_layer_starts_its_samples_again():
    layer = bridge(shots=20, seed=1)
    first, second = layer(X), layer(X)
    assert not torch.equal(first, second)
    assert torch.equal(pickle.loads(pickle.dumps(layer))(X), first)


def test_streams_are_independent_and_reproducible():
    angles = {"angles": torch.tensor(DEMO.defaults["angles"])}
    sampled = backend("default.qubit", shots=20, seed=1)
    one, other, same = (CircuitTorchLayer(DEMO, sampled, angles, stream)(X) for stream in (0, 1, 0))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("options", [{"name": "lightning.qubit"}, {"shots": 10}])
def test_second_derivatives_are_refused_where_autograd_would_take_them_for_zero(options):
    name = options.get("name", "default.qubit")
    device = backend(name, shots=options.get("shots"))
    x = X.clone().requires_grad_()
    layer = QuantumLayer(DEMO, device, evaluate="direct")
    with pytest.raises(UsageError, match=r"no second derivatives.*evaluate='fourier'"):
        grad(layer(x).sum(), x, create_graph=True)
    grad(layer(x).sum(), x)
    layer = QuantumLayer(DEMO, device, evaluate="fourier")
    with pytest.raises(UsageError, match="no second derivatives"):
        grad(layer(x).sum(), list(layer.parameters()), create_graph=True)
    grad(layer(x).sum(), x, create_graph=True)


def test_second_derivatives_of_backprop_are_exact():
    x = X.clone().requires_grad_()
    (slope,) = grad(bridge()(x)[:, 0].sum(), x, create_graph=True)  # cos(pi x0)
    (curvature,) = grad(slope.sum(), x)
    expected = -(torch.pi**2) * torch.cos(torch.pi * X[:, 0])
    torch.testing.assert_close(curvature[:, 0], expected, rtol=0, atol=1e-10)


def test_gradients_are_prepared_only_where_they_can_be_asked_for():
    layer = bridge("lightning.qubit")

    def derivatives(x):
        with qml.Tracker(layer.qnode.device) as tracker:
            values = layer(x)
        return [key for key in tracker.totals if "derivative" in key], values

    prepared, expected = derivatives(X)
    assert prepared
    with torch.no_grad():
        assert derivatives(X)[0] == []
    layer.requires_grad_(False)
    prepared, values = derivatives(X)
    assert prepared == []
    assert torch.equal(values, expected)
    x = X.clone().requires_grad_()
    prepared, values = derivatives(x)
    assert prepared
    assert grad(values.sum(), x)[0].abs().max() > 0.1


def test_circuits_are_wired_through_pennylanes_layer(monkeypatch):
    seen, plain = [], qml.qnn.TorchLayer.forward
    monkeypatch.setattr(
        qml.qnn.TorchLayer, "forward", lambda self, x: seen.append(x.shape) or plain(self, x)
    )
    single = QuantumLayer(quanvolutional_filter("demo"), evaluate="direct")
    edges = QuantumKANLayer(2, 3, edge="pz(depth=1)", evaluate="direct")
    assert isinstance(single.torch_layer, qml.qnn.TorchLayer)
    assert isinstance(edges.circuits, qml.qnn.TorchLayer)
    assert single(torch.rand(2, 3, 4)).shape == (2, 3, 4)
    assert seen == [(6, 4)]  # rows are flattened before
