"""The kept series of frozen weights never goes stale, whichever way the weights change."""

from __future__ import annotations

import copy
import io
import pickle

import numpy as np
import pytest
import torch
from torch.func import functional_call, grad, jacrev, vmap

from circuits import UsageError, backend, quanvolutional_filter, series_from_values
from qkan import QuantumLayer

DEMO = quanvolutional_filter("demo")
X = torch.rand(12, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
NEW = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)


def direct(angles):
    return QuantumLayer(DEMO, evaluate="direct", weights={"angles": angles}, trainable=False)(X)


def in_place(layer):
    with torch.no_grad():
        layer.torch_layer.angles.copy_(NEW)


def one_element(layer):
    in_place(layer)
    layer(X)
    with torch.no_grad():
        layer.torch_layer.angles[2] += 1.0


def through_data(layer):
    layer.torch_layer.angles.data = NEW.clone()


def in_place_through_data(layer):
    layer.torch_layer.angles.data.copy_(NEW)


def through_numpy(layer):
    layer.torch_layer.angles.detach().numpy()[:] = NEW


def load(layer):
    layer.load_state_dict({"torch_layer.angles": NEW})


def load_and_assign(layer):
    layer.load_state_dict({"torch_layer.angles": NEW}, assign=True)


def new_parameter(layer):
    layer.torch_layer.angles = torch.nn.Parameter(NEW.clone(), requires_grad=False)


def trained(layer):
    layer.requires_grad_()
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        layer(X).sum().backward()
        optimizer.step()
    layer.requires_grad_(False)


def single(layer):
    layer.to(torch.float32)


CHANGES = [
    in_place,
    one_element,
    through_data,
    in_place_through_data,
    through_numpy,
    load,
    load_and_assign,
    new_parameter,
    trained,
    single,
]


@pytest.fixture
def layer():
    """A frozen layer that has run and kept its nodes."""
    made = QuantumLayer(DEMO, evaluate="fourier", trainable=False)
    made(X)
    return made


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_changed_weights_are_seen(layer, change):
    before = layer(X)
    change(layer)
    expected = direct(layer.weight_values()["angles"])
    torch.testing.assert_close(layer(X), expected, rtol=0, atol=1e-12)
    assert not torch.equal(layer(X), before)
    layer.requires_grad_()
    torch.testing.assert_close(layer(X), expected, rtol=0, atol=1e-12)


def test_unchanged_weights_run_nothing(layer, monkeypatch):
    expected = direct(DEMO.defaults["angles"])
    monkeypatch.setattr(layer, "node_values", lambda: pytest.fail("the nodes were run again"))
    torch.testing.assert_close(layer(X), expected, rtol=0, atol=1e-12)
    layer.load_state_dict(layer.state_dict())
    layer.requires_grad_().requires_grad_(False)
    torch.testing.assert_close(layer(X), expected, rtol=0, atol=1e-12)


def test_thawed_weights_get_a_gradient(layer):
    layer.requires_grad_()
    layer(X).sum().backward()
    assert layer.torch_layer.angles.grad.abs().max() > 0.1


@pytest.mark.parametrize("how", ["deepcopy", "pickle", "torch.save"])
def test_copies_have_the_weights_and_no_memo(layer, how):
    if how == "deepcopy":
        other = copy.deepcopy(layer)
    elif how == "pickle":
        other = pickle.loads(pickle.dumps(layer))
    else:
        file = io.BytesIO()
        torch.save(layer, file)
        file.seek(0)
        other = torch.load(file, weights_only=False)
    torch.testing.assert_close(other(X), layer(X), rtol=0, atol=1e-12)
    in_place(other)
    torch.testing.assert_close(other(X), direct(NEW), rtol=0, atol=1e-12)
    torch.testing.assert_close(layer(X), direct(DEMO.defaults["angles"]), rtol=0, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("evaluate", ["direct", "fourier", "auto"])
@pytest.mark.parametrize("trainable", [True, False])
def test_functional_call_and_vmap_over_weights(evaluate, trainable):
    layer = QuantumLayer(DEMO, evaluate=evaluate, trainable=trainable)
    before = layer(X).detach()
    several = torch.stack([NEW, NEW + 1, NEW.flip(0)])
    expected = torch.stack([direct(angles) for angles in several])

    def call(angles):
        return functional_call(layer, {"torch_layer.angles": angles}, (X,))

    for angles, values in zip(several, expected, strict=True):
        torch.testing.assert_close(call(angles), values, rtol=0, atol=1e-12)
        as_parameter = torch.nn.Parameter(angles, requires_grad=False)
        torch.testing.assert_close(call(as_parameter), values, rtol=0, atol=1e-12)
    torch.testing.assert_close(vmap(call)(several), expected, rtol=0, atol=1e-12)

    slopes = vmap(jacrev(lambda angles: call(angles).sum(0)))(several)
    for angles, slope in zip(several, slopes, strict=True):
        plain = angles.clone().requires_grad_()
        rows = [torch.autograd.grad(v, plain, retain_graph=True)[0] for v in call(plain).sum(0)]
        torch.testing.assert_close(slope, torch.stack(rows), rtol=0, atol=1e-10)
    torch.testing.assert_close(layer(X).detach(), before, rtol=0, atol=1e-12)


FIRST = {
    "plain": lambda layer: layer(X),
    "inference": lambda layer: torch.inference_mode()(layer)(X),
    "no_grad": lambda layer: torch.no_grad()(layer)(X),
    "vmap": lambda layer: vmap(layer)(X),
    "grad": lambda layer: grad(lambda x: layer(x).sum())(X),
    "vmap of grad": lambda layer: vmap(grad(lambda x: layer(x).sum()))(X),
    "jacrev": lambda layer: jacrev(layer)(X[0]),
}


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("evaluate", ["fourier", "auto"])
def test_what_is_kept_under_a_transform_serves_everywhere(first, evaluate):
    layer = QuantumLayer(DEMO, evaluate=evaluate, trainable=False)
    FIRST[first](layer)
    expected = direct(DEMO.defaults["angles"])
    x = X.clone().requires_grad_()
    values = layer(x)
    torch.testing.assert_close(values, expected, rtol=0, atol=1e-12)
    (slope,) = torch.autograd.grad(values.sum(), x)
    torch.testing.assert_close(grad(lambda x: layer(x).sum())(X), slope, rtol=0, atol=1e-12)
    torch.testing.assert_close(vmap(layer)(X), expected, rtol=0, atol=1e-12)


def test_values_from_a_cache(layer):
    other = QuantumLayer(DEMO, evaluate="fourier", trainable=False)
    values = torch.from_numpy(
        backend("default.qubit").run(DEMO, DEMO.plan.inputs, layer.weight_values())
    )
    other.node_values = lambda: pytest.fail("the nodes were run again")
    other.set_series_values(values)
    torch.testing.assert_close(other(X), layer(X), rtol=0, atol=1e-12)
    with pytest.raises(UsageError, match="expected node values of shape"):
        other.set_series_values(values[:3])
    other.requires_grad_()
    with pytest.raises(UsageError, match="frozen"):
        other.set_series_values(values)


def test_the_sample_of_frozen_weights_stays_and_a_seed_brings_it_back():
    def made():
        sampled = backend("default.qubit", shots=100, seed=5)
        return QuantumLayer(DEMO, sampled, evaluate="fourier", trainable=False)

    layer = made()
    first = layer(X)
    assert torch.equal(layer(X), first)
    assert torch.equal(made()(X), first)
    assert torch.equal(layer.series().coefficients[0], made().series().coefficients[0])
    trainable = made().requires_grad_()
    assert not torch.equal(trainable(X), trainable(X))  # trained weights: a new sample each time


@pytest.mark.slow
def test_sampled_series_has_the_variance_and_mean_of_direct_shots():
    """At every input the variance is at most 1/shots; values at two inputs are correlated."""
    shots, runs = 40, 400
    x = torch.cat([X[:6], X[:6] + 0.05])
    exact = direct(DEMO.defaults["angles"])[:6]
    nodes = DEMO.plan.inputs
    values = backend("default.qubit", shots=shots, seed=0).run(DEMO, np.tile(nodes, (runs, 1)))
    sampled = torch.stack(
        [
            series_from_values(DEMO, torch.from_numpy(each))(x)
            for each in values.reshape(runs, len(nodes), 4)
        ]
    )
    variance = sampled.var(0)
    mean_error = (sampled[:, :6].mean(0) - exact).abs()
    assert (mean_error <= 4.5 * (variance[:6] / runs).sqrt() + 1e-12).all()
    assert (variance <= 1 / shots * (1 + 5 * np.sqrt(2 / runs))).all()
    assert (variance.mean(0) > 0.1 / shots).all()
    for output in range(4):
        together = np.corrcoef(sampled[:, 0, output], sampled[:, 6, output])[0, 1]
        assert together > 0.8
