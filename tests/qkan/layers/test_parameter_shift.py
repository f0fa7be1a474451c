"""Measured gradients: equal to backpropagation where values are exact, unbiased where they are sampled."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass

import numpy as np
import pennylane as qml
import pytest
import torch
from torch.autograd import grad, gradcheck
from torch.func import functional_call

from circuits import UsageError, backend, circuit, edge, quanvolutional_filter
from circuits.backends.pennylane import PennyLaneBackend
from qkan import QKAN, QuantumKANLayer, QuantumLayer, Quanvolution2d
from qkan.layers.parameter_shift import ShiftedCircuit, circuit_module
from qkan.layers.torch_layer import CircuitTorchLayer


@dataclass(frozen=True)
class Shifting(PennyLaneBackend):
    """An exact simulator that only runs circuits."""

    @property
    def gradient(self):
        return "parameter-shift"


EXACT = backend("default.qubit")
SHIFTING = Shifting("default.qubit")


@circuit(wires=2, weights={"t": 4, "u": ()}, observables=[qml.Z(0), qml.X(1) @ qml.Y(0)])
def several(inputs, t, u):
    qml.Hadamard(0)
    qml.CRX(t[0], [0, 1])
    qml.RX(inputs[..., 0] + u, 0)
    qml.Rot(t[1], t[2], t[0] * t[3], 1)
    qml.ctrl(qml.RY(qml.math.sin(t[1]), 1), 0)
    qml.evolve(qml.X(0) @ qml.Z(1), 2 * t[3])
    qml.IsingXY(t[0], [0, 1])
    qml.PhaseShift(u, 0)


def normal(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def weights_of(made, seed=1):
    return {name: normal(*shape, seed=seed) for name, shape in made.weight_shapes.items()}


@pytest.mark.slow
def test_gradients_pass_gradcheck_and_equal_backpropagation():
    start = weights_of(several)
    shifted, exact = (
        kind(several, device, start)
        for kind, device in ((ShiftedCircuit, SHIFTING), (CircuitTorchLayer, EXACT))
    )
    leaves = [normal(3, 1), *start.values()]
    leaves = [leaf.clone().requires_grad_() for leaf in leaves]

    def value(module):
        return lambda x, t, u: functional_call(module, {"t": t, "u": u}, (x,))

    assert gradcheck(value(shifted), leaves)
    upstream = normal(3, 2, seed=2)
    both = [grad(value(module)(*leaves), leaves, upstream) for module in (shifted, exact)]
    for found, expected in zip(*both, strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("evaluate", ["fourier", "direct"])
@pytest.mark.parametrize("name", ["pz", "rpz(depth=2)", "real", "entangled"])
def test_a_network_of_edges_trains_as_by_backpropagation(name, evaluate):
    x = normal(6, 2)

    def gradients(device):
        options = {"evaluate": evaluate, "generator": torch.Generator().manual_seed(0)}
        model = QKAN([2, 3, 1], name, backend=device, dtype=torch.float64, **options)
        value = model(x).square().sum()
        return [value, *grad(value, list(model.parameters()))]

    for found, expected in zip(gradients(SHIFTING), gradients(EXACT), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)


def test_a_trainable_quanvolution_trains_as_by_backpropagation():
    image = torch.rand(2, 1, 4, 4, generator=torch.Generator().manual_seed(0)).double()

    def gradients(device):
        layer = Quanvolution2d(quanvolutional_filter("demo"), 2, backend=device, trainable=True)
        return grad(layer(image).square().sum(), list(layer.parameters()))

    for found, expected in zip(gradients(SHIFTING), gradients(EXACT), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.fixture
def runs(monkeypatch):
    """The number of rows of each run of a backend."""
    rows = []
    plain = PennyLaneBackend.run

    def counted(self, made, inputs, *args, **kwargs):
        rows.append(len(inputs))
        return plain(self, made, inputs, *args, **kwargs)

    monkeypatch.setattr(PennyLaneBackend, "run", counted)
    return rows


def test_a_step_costs_two_runs_a_layer_and_two_shifts_a_weight_whatever_the_batch(runs):
    layer = QuantumKANLayer(3, 4, "pz(depth=2)", backend=SHIFTING, evaluate="fourier")
    layer(torch.randn(500, 3)).sum().backward()
    edges, nodes, weights = 3 * 4, 5, 6
    assert runs == [edges * nodes, 2 * weights * edges * nodes]


def test_a_function_that_takes_one_set_of_weights_is_one_run_all_the_same(runs):
    @circuit(wires=1, weights={"t": (2, 1)})
    def alone(inputs, t):
        assert qml.math.shape(t) == (2, 1)
        qml.RY(t[0, 0] + inputs[..., 0], wires=0)
        qml.RX(t[1, 0], wires=0)

    def gradients(device):
        options = {"dtype": torch.float64, "generator": torch.Generator().manual_seed(0)}
        layer = QuantumKANLayer(2, 3, alone, backend=device, evaluate="fourier", **options)
        value = layer(normal(5, 2)).square().sum()
        return layer.circuit.batching, [value, *grad(value, list(layer.parameters()))]

    batching, measured = gradients(SHIFTING)
    assert batching is None
    assert runs == [6 * 3, 2 * 2 * 6 * 3]
    for found, expected in zip(measured, gradients(EXACT)[1], strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_what_is_frozen_is_not_shifted(runs):
    layer = QuantumLayer(several, SHIFTING, evaluate="direct")
    layer.torch_layer.t.requires_grad_(False)
    x = normal(4, 1)
    layer(x).sum().backward()
    assert runs == [4, 2 * 2 * 4]  # u is in two rotations, each of two terms
    layer.requires_grad_(False)
    with torch.no_grad():
        layer(x)
    layer(x.clone().requires_grad_()).sum().backward()
    assert runs[2:] == [4, 4, 2 * 4]  # the input is in one rotation


@pytest.mark.slow
@pytest.mark.parametrize("evaluate", ["fourier", "direct"])
def test_sampled_gradients_are_unbiased(evaluate):
    """The mean over calls of a linear function's gradient is the gradient, to 4.5 standard errors."""
    shots, calls, x = 20, 20, normal(3, 1)

    def layer_on(device):
        start = {"t": [0.3, 1.2, -0.8, 0.5], "u": 0.4}
        return QuantumLayer(several, device, evaluate=evaluate, weights=start)

    def gradient(layer):
        value = (layer(x) * normal(3, 2, seed=3)).sum()
        return torch.cat([g.reshape(-1) for g in grad(value, list(layer.parameters()))])

    exact = gradient(layer_on(EXACT))
    layer = layer_on(backend("default.qubit", shots=shots, seed=1))
    sampled = torch.stack([gradient(layer) for _ in range(calls)])
    error = sampled.std(0) / np.sqrt(calls)
    assert (error > 0).all()
    assert ((sampled.mean(0) - exact).abs() < 4.5 * error).all()


def test_each_call_samples_anew_and_a_seed_brings_the_sequence_back():
    layer = QuantumLayer(edge("pz"), backend("default.qubit", shots=50, seed=3), evaluate="direct")
    copied = pickle.loads(pickle.dumps(layer))
    x = normal(4, 1)
    first, second = layer(x), layer(x)
    assert not torch.equal(first, second)
    assert torch.equal(copied(x), first)
    assert torch.equal(copied(x), second)
    assert torch.equal(copy.deepcopy(layer)(x), first)


def test_dtype_is_that_of_the_inputs_and_weights_keep_theirs():
    layer = QuantumLayer(edge("pz"), SHIFTING, evaluate="direct", dtype=torch.float32)
    value = layer(torch.zeros(2, 1))
    assert value.dtype == torch.float32
    value.sum().backward()
    assert layer.torch_layer.theta.grad.dtype == torch.float32
    assert layer(torch.zeros(3, 2, 1, dtype=torch.float64)).shape == (3, 2, 1)


def test_a_batch_of_batches_is_one_run(runs):
    layer = QuantumLayer(several, SHIFTING, evaluate="direct")
    x = normal(4, 3, 1)
    assert torch.equal(torch.func.vmap(layer)(x), layer(x))
    assert runs == [12, 12]


def test_a_gate_without_a_recipe_runs_but_does_not_train():
    class Odd(qml.operation.Operation):
        num_params, num_wires = 1, 1

        @staticmethod
        def compute_matrix(angle):
            return qml.RX.compute_matrix(angle)

    @circuit(wires=1, weights={"t": ()}, direct_only=True)
    def odd(inputs, t):
        qml.RX(inputs[..., 0], wires=0)
        Odd(t, wires=0)

    layer = QuantumLayer(odd, SHIFTING)
    with pytest.raises(UsageError, match="Odd has no gradient recipe"):
        layer(normal(2, 1))
    layer.requires_grad_(False)
    assert layer(normal(2, 1)).shape == (2, 1)


def test_second_derivatives_are_refused():
    layer = QuantumLayer(several, SHIFTING, evaluate="direct")
    value = layer(normal(2, 1)).sum()
    with pytest.raises(UsageError, match="no second derivatives"):
        grad(value, list(layer.parameters()), create_graph=True)


def test_circuits_of_more_than_angles_go_through_pennylane():
    @circuit(wires=1, inputs=2, weights={"t": ()}, direct_only=True)
    def prepared(inputs, t):
        qml.AmplitudeEmbedding(inputs, wires=0, normalize=True)
        qml.RX(t, wires=0)

    sampled = backend("default.qubit", shots=100, seed=0)
    module = circuit_module(prepared, sampled, {"t": torch.tensor(0.3)})
    assert isinstance(module, CircuitTorchLayer)
    assert module(torch.ones(3, 2)).shape == (3, 1)


def test_noise_follows_the_gates_that_were_written():
    """A gate that is taken apart to find its angles would suffer noise more than once."""

    class Twice(qml.operation.Operation):
        num_params, num_wires = 1, 1

        @staticmethod
        def compute_decomposition(angle, wires):
            return [qml.RX(angle, wires), qml.RY(angle, wires)]

    @circuit(wires=1, weights={"t": ()}, direct_only=True)
    def taken_apart(inputs, t):
        qml.RX(inputs[..., 0], wires=0)
        Twice(t, wires=0)

    noisy = backend("default.mixed", noise="depolarizing:0.1", shots=100, seed=0)
    start = {"t": torch.tensor(0.3)}
    assert isinstance(circuit_module(taken_apart, noisy, start), CircuitTorchLayer)
    assert isinstance(circuit_module(several, noisy, weights_of(several)), ShiftedCircuit)
