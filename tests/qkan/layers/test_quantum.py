"""The quantum layer: values, gradients, weights, and the choice of the evaluation."""

from __future__ import annotations

import copy

import numpy as np
import pennylane as qml
import pytest
import torch
from torch.autograd import grad, gradcheck, gradgradcheck
from torch.func import functional_call

from circuits import CircuitError, backend, circuit, quanvolutional_filter
from qkan import QuantumLayer

EVALUATIONS = ("direct", "fourier", "auto")
EXACT = {
    "default.qubit": backend("default.qubit"),
    "lightning.qubit": backend("lightning.qubit"),
    "noisy": backend("default.mixed", noise="depolarizing:0.05"),
}


def gates(inputs, theta, phi):
    qml.RX(inputs[..., 0], wires=0)
    qml.Rot(theta[0, 0], theta[0, 1], theta[1, 0], wires=0)
    qml.RY(2 * inputs[..., 1], wires=1)
    qml.CNOT([0, 1])
    qml.RX(inputs[..., 0], wires=0)
    qml.RZ(phi, wires=1)
    qml.RY(theta[1, 1], wires=1)


OBSERVABLES = (qml.Z(0), qml.X(1), qml.Z(0) @ qml.Y(1))


@pytest.fixture(scope="module")
def small():
    """Two inputs of unlike degree and scale, two weights without a default."""
    return circuit(
        wires=2,
        inputs=2,
        weights={"theta": (2, 2), "phi": ()},
        observables=OBSERVABLES,
        name="small",
    )(gates)


def seeded(number=0):
    return torch.Generator().manual_seed(number)


def points(*shape, number=1):
    return 4 * torch.rand(*shape, 2, generator=seeded(number), dtype=torch.float64) - 2


def layer_of(made, **options):
    return QuantumLayer(made, **({"generator": seeded()} | options))


@pytest.mark.parametrize("evaluate", EVALUATIONS)
@pytest.mark.parametrize("shape", [(2,), (30, 2), (3, 2, 5, 2), (0, 2), (2, 0, 2)])
def test_any_leading_shape_and_parity_with_pennylane(small, evaluate, shape):
    layer = layer_of(small, evaluate=evaluate)

    @qml.qnode(qml.device("default.qubit", wires=2))
    def node(x):
        gates(x, **layer.weight_values())
        return [qml.expval(o) for o in OBSERVABLES]

    x = points(*shape[:-1])
    found = layer(x).detach()
    assert found.shape == (*shape[:-1], 3)
    assert found.dtype == torch.float64
    expected = [node(row) for row in x.reshape(-1, 2).numpy()]
    np.testing.assert_allclose(
        found.reshape(-1, 3), np.reshape(expected, (-1, 3)), rtol=0, atol=1e-12
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", EXACT)
def test_gradients_of_both_evaluations_agree(small, name):
    x = points(4)
    factors = torch.rand(4, 3, generator=seeded(2), dtype=torch.float64)
    found = []
    for evaluate in ("direct", "fourier"):
        layer = layer_of(small, backend=EXACT[name], evaluate=evaluate)
        inputs = x.clone().requires_grad_()
        values = layer(inputs)
        found.append([values, *grad((values * factors).sum(), [inputs, *layer.parameters()])])
    for direct, fourier in zip(*found, strict=True):
        assert direct.abs().max() > 1e-3
        torch.testing.assert_close(direct, fourier, rtol=0, atol=1e-10)


def as_function(layer):
    """Return the layer as a function of inputs and weights, and its weights."""
    names, weights = zip(*layer.named_parameters(), strict=True)

    def call(inputs, *values):
        return functional_call(layer, dict(zip(names, values, strict=True)), (inputs,))

    return call, [weight.detach().clone().requires_grad_() for weight in weights]


@pytest.mark.slow
@pytest.mark.parametrize("evaluate", ["direct", "fourier"])
@pytest.mark.parametrize("name", ["default.qubit", "lightning.qubit"])
def test_gradcheck(small, name, evaluate):
    call, weights = as_function(layer_of(small, backend=EXACT[name], evaluate=evaluate))
    x = points(2).requires_grad_()
    assert gradcheck(call, (x, *weights), fast_mode=name != "default.qubit")


@pytest.mark.parametrize("evaluate", ["direct", "fourier"])
def test_noisy_values_through_torch_have_all_digits(small, evaluate):
    layer = layer_of(small, backend=EXACT["noisy"], evaluate=evaluate)
    x = points(5)
    expected = EXACT["noisy"].run(small, x.numpy(), layer.weight_values())
    np.testing.assert_allclose(layer(x).detach(), expected, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_second_derivatives_of_the_series_on_a_simulator_with_backprop(small):
    call, weights = as_function(layer_of(small, evaluate="fourier"))
    assert gradgradcheck(call, (points(2).requires_grad_(), *weights))


@pytest.mark.slow
@pytest.mark.parametrize("name", EXACT)
def test_second_derivatives_with_respect_to_inputs_on_every_backend(small, name):
    layer = layer_of(small, backend=EXACT[name], evaluate="fourier")
    assert gradgradcheck(layer, (points(1).requires_grad_(),), fast_mode=True)


def test_weights_train_through_a_derivative_with_respect_to_inputs(small):
    """d/dw of (df/dx)^2, the loss of physics-informed training, on a device without backprop."""
    found = []
    for name in ("default.qubit", "lightning.qubit"):
        layer = layer_of(small, backend=name, evaluate="fourier")
        x = points(3).requires_grad_()
        (slope,) = grad(layer(x).sum(), x, create_graph=True)
        found.append(grad(slope.square().sum(), list(layer.parameters())))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


@pytest.mark.slow
def test_sampled_gradients_are_parameter_shift_and_right_on_average(small):
    x = points(3)
    exact, sampled = [], []
    for made, out in ((backend("default.qubit"), exact), ("shots", sampled)):
        for seed in range(1 if out is exact else 12):
            for evaluate in ("direct", "fourier"):
                device = made if out is exact else backend("default.qubit", shots=200, seed=seed)
                layer = layer_of(small, backend=device, evaluate=evaluate)
                inputs = x.clone().requires_grad_()
                grads = grad(layer(inputs).sum(), [inputs, *layer.parameters()])
                out.append(torch.cat([g.flatten() for g in grads]))
    for which in (0, 1):
        draws = torch.stack(sampled[which::2])
        error = draws.std(0) / len(draws) ** 0.5
        assert ((draws.mean(0) - exact[0]).abs() <= 4.5 * error + 1e-12).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_result_has_the_dtype_of_the_inputs(small, dtype):
    for weights in (torch.float32, torch.float64):
        for evaluate in ("direct", "fourier"):
            layer = layer_of(small, evaluate=evaluate, dtype=weights)
            assert {p.dtype for p in layer.parameters()} == {weights}
            found = layer(points(3).to(dtype))
            assert found.dtype == dtype
            expected = layer_of(small)(points(3))
            torch.testing.assert_close(found.double(), expected, rtol=0, atol=2e-6)


def test_weights_default_to_those_of_the_circuit(small):
    layer = QuantumLayer(quanvolutional_filter("demo"))
    assert layer.weight_values()["angles"].tolist() == [
        3.448296944257913,
        4.493667318642264,
        3.787273988239316,
        3.4236020095353483,
    ]
    given = layer_of(small, weights={"phi": 0.5}).weight_values()
    drawn = layer_of(small).weight_values()
    assert given["phi"] == 0.5
    assert (given["theta"] == drawn["theta"]).all()
    assert ((drawn["theta"] >= 0) & (drawn["theta"] < 2 * np.pi)).all()
    tensors = layer_of(small, weights={"phi": torch.tensor(0.5), "theta": drawn["theta"]})
    assert tensors.weight_values()["phi"] == 0.5


def test_a_generator_seeds_the_weights_and_nothing_else_is_drawn(small):
    before = torch.get_rng_state()
    numpy_before = np.random.get_state()[1].copy()
    one, same, other = (layer_of(small, generator=seeded(s)).weight_values() for s in (3, 3, 4))
    layer_of(small, backend=backend("default.qubit", shots=5))(points(2))
    assert (one["theta"] == same["theta"]).all()
    assert (one["theta"] != other["theta"]).all()
    assert torch.equal(before, torch.get_rng_state())
    assert (numpy_before == np.random.get_state()[1]).all()


def test_layers_do_not_share_weights_with_the_circuit_or_each_other():
    made = quanvolutional_filter("demo")
    one, other = QuantumLayer(made), QuantumLayer(made)
    with torch.no_grad():
        one.torch_layer.angles.zero_()
    assert other.weight_values()["angles"][0] == made.defaults["angles"][0] != 0


def test_auto_takes_the_cheaper_evaluation_and_says_why(small, caplog):
    layer = layer_of(small)
    nodes = small.num_nodes
    with caplog.at_level("INFO", logger="qkan.layers"):
        layer(points(nodes - 1))
        assert layer.chosen is not None
        assert layer.chosen.startswith("direct: it has more nodes")
        layer(points(nodes - 1))  # said once
        layer(points(1).expand(5 * nodes, 2))
        assert layer.chosen.startswith("direct")
        layer(points(nodes))
        assert layer.chosen.startswith("fourier: its")
    assert [r.getMessage().split(":")[0] for r in caplog.records] == [
        "small is evaluated by direct",
        "small is evaluated by direct",
        "small is evaluated by fourier",
    ][: len(caplog.records)]
    assert f"evaluate=auto ({layer.chosen})" in repr(layer)


def test_auto_runs_a_circuit_without_a_series_directly():
    @circuit(wires=1, direct_only=True)
    def edge(inputs):
        qml.RX(inputs[..., 0] ** 2, wires=0)

    layer = QuantumLayer(edge)
    x = torch.rand(40, 1, generator=seeded(), dtype=torch.float64)
    torch.testing.assert_close(layer(x), torch.cos(x**2), rtol=0, atol=1e-12)
    assert layer.chosen == "direct: there is no series: it was declared direct-only"
    with pytest.raises(CircuitError, match="evaluate='direct'"):
        QuantumLayer(edge, evaluate="fourier")


@pytest.mark.slow
def test_optimizer_steps_and_training(small):
    """The series is made anew at each step, so that a fit to the layer's own values succeeds."""
    x = points(40)
    target = layer_of(small, evaluate="direct", generator=seeded(7))(x).detach()
    layer = layer_of(small, evaluate="fourier", generator=seeded(8))
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = (layer(x) - target).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
    direct = layer_of(small, evaluate="direct", weights=layer.weight_values())
    torch.testing.assert_close(layer(x), direct(x), rtol=0, atol=1e-12)


def test_copies_are_independent(small):
    layer = layer_of(small, evaluate="fourier", trainable=False)
    x = points(3)
    before = layer(x)
    other = copy.deepcopy(layer)
    with torch.no_grad():
        other.torch_layer.phi.add_(1.0)
    assert not torch.allclose(other(x), before)
    assert torch.equal(layer(x), before)


def test_a_frozen_layer_keeps_no_graph_and_runs_in_chunks(small, monkeypatch):
    layer = layer_of(small, backend=EXACT["lightning.qubit"], evaluate="direct")
    layer.requires_grad_(False)
    monkeypatch.setattr(type(layer.backend), "chunk_size", lambda *_: 2)
    x = points(5)
    with qml.Tracker(layer.torch_layer.qnode.device) as tracker:
        values = layer(x)
    assert tracker.totals["executions"] == 2 * 5  # two groups of observables that commute
    assert not values.requires_grad
    torch.testing.assert_close(values, layer(x.requires_grad_()), rtol=0, atol=1e-12)


def test_the_terms_of_a_trainable_layer_can_be_read(small):
    series = layer_of(small, evaluate="fourier").series()
    assert series.coefficients[0].requires_grad
    constant = sum(term.coefficient for term in series.terms(0) if not term.harmonics)
    x = torch.rand(4000, 2, generator=seeded(), dtype=torch.float64) * 4 * torch.pi
    assert constant == pytest.approx(float(series(x).detach()[:, 0].mean()), abs=0.1)
