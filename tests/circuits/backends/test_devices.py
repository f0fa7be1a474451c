"""Every backend against hand-written default.qubit QNodes: values and gradients."""

import copy

import numpy as np
import pennylane as qml
import pytest
import torch

from circuits.backends import backend
from circuits.errors import UsageError

BACKENDS = [
    "default.qubit",
    "lightning.qubit",
    "lightning.kokkos",
    "default.mixed",
    "reference.qubit",
    "aer",
]
RNG = np.random.default_rng(3)
X = RNG.uniform(-2, 2, (4, 3))
THETA = RNG.uniform(-2, 2, 4)


@pytest.fixture
def name(backend_name):
    return backend_name


@pytest.fixture
def measured(name, entangled, pauli):
    """What the device measures rightly: reference.qubit only Pauli words (see below)."""
    return pauli if name == "reference.qubit" else entangled


def by_hand(circuit, x, theta):
    """One sample at a time, without Circuit.qfunc: shape (num_observables,)."""

    @qml.qnode(qml.device("default.qubit", wires=3))
    def qnode(x, theta):
        qml.RY(x[0], wires=0)
        qml.RY(2 * x[1], wires=1)
        qml.RY(3 * x[2], wires=2)
        qml.CNOT([0, 1])
        qml.Rot(theta[0], theta[1], theta[2], wires=1)
        qml.CNOT([1, 2])
        qml.RX(theta[3], wires=0)
        qml.CRX(x[0], wires=[2, 0])
        return [qml.expval(observable) for observable in circuit.observables]

    return qml.math.stack(qnode(x, theta))


def scalar(values):
    """One number that weighs all values differently."""
    return (values * torch.arange(1, values.numel() + 1).reshape(values.shape)).sum()


def torch_layer(chosen, circuit):
    layer = qml.qnn.TorchLayer(chosen.qnode(circuit), dict(circuit.weight_shapes)).double()
    layer.load_state_dict({"theta": torch.tensor(THETA)})
    return layer


def slopes_of(function, theta):
    """Values and gradients to inputs and weights of a function of inputs."""
    x = torch.tensor(X, requires_grad=True)
    values = function(x)
    return values, *torch.autograd.grad(scalar(values), [x, theta])


def gradients(chosen, circuit):
    layer = torch_layer(chosen, circuit)
    return slopes_of(layer, layer.theta)


def gradients_by_hand(circuit):
    theta = torch.tensor(THETA, requires_grad=True)
    return slopes_of(lambda x: torch.stack([by_hand(circuit, row, theta) for row in x]), theta)


def test_values_are_those_of_a_hand_written_qnode(name, measured):
    expected = np.stack([by_hand(measured, row, THETA) for row in X])
    values = backend(name).run(measured, X, {"theta": THETA})
    assert values.dtype == np.float64
    np.testing.assert_allclose(values, expected, atol=1e-12)


def test_one_wire_and_one_observable(name, one_wire):
    # <X> after RY(x) RZ(phi) RX(x), by hand: RX leaves X alone, RZ turns it by phi.
    x = np.linspace(-2, 2, 5)
    values = backend(name).run(one_wire, x[:, None], {"phi": 0.7})
    np.testing.assert_allclose(values, (np.sin(x) * np.cos(0.7))[:, None], atol=1e-12)


@pytest.mark.slow
def test_gradients_through_torch_layer_are_exact(name, measured):
    values, *slopes = gradients(backend(name), measured)
    expected, *expected_slopes = gradients_by_hand(measured)
    assert values.shape == (4, measured.num_observables)
    torch.testing.assert_close(values, expected, atol=1e-12, rtol=0)
    for slope, wanted in zip(slopes, expected_slopes, strict=True):
        torch.testing.assert_close(slope, wanted, atol=1e-10, rtol=0)


@pytest.mark.slow
def test_gradients_with_shots_are_those_of_the_exact_values(name, measured):
    shots = 1_000 if name in {"reference.qubit", "aer"} else 40_000  # those are slow
    _, *slopes = gradients(backend(name, shots=shots, seed=11), measured)
    _, *expected = gradients_by_hand(measured)
    weights = torch.arange(1, 4 * measured.num_observables + 1).reshape(4, -1).double()
    # A shifted value enters with at most 1/2 times 3 (its input's scale), a controlled rotation
    # adds two more pairs: at most 8 values a sample, of standard deviation below 2/sqrt(shots).
    per_sample = 3 * 0.5 * np.sqrt(8) * 2 / np.sqrt(shots) * weights.norm(dim=1)
    for slope, wanted, bound in zip(
        slopes, expected, (per_sample[:, None], per_sample.norm()), strict=True
    ):
        assert ((slope - wanted).abs() < 4 * bound).all()
        assert ((slope - wanted).abs() > 0).any()


@pytest.mark.parametrize("shots", [None, 200])
def test_a_copied_layer_computes_the_same(name, measured, shots):
    layer = torch_layer(backend(name, shots=shots, seed=1), measured)
    twin = copy.deepcopy(layer)
    torch.testing.assert_close(twin(torch.tensor(X)), layer(torch.tensor(X)), rtol=0, atol=0)


@pytest.mark.slow
def test_parameter_shift_keeps_the_batch_when_inputs_are_not_trained(pauli):
    chosen = backend("default.qubit", shots=40_000, seed=5)
    qnode = chosen.qnode(pauli)
    theta = torch.tensor(THETA, requires_grad=True)
    with qml.Tracker(qnode.device) as tracker:
        values = torch.stack(qnode(torch.tensor(X), theta=theta), dim=-1)
    assert tracker.totals["batches"] == 1
    assert tracker.totals["simulations"] < len(X)  # one for each group of commuting observables
    (slope,) = torch.autograd.grad(scalar(values), [theta])
    _, _, expected = gradients_by_hand(pauli)
    assert (slope - expected).abs().max() < 0.6  # weights up to 12, 24 values of sd <= 0.005


def test_reference_qubit_refuses_what_it_would_measure_wrongly(entangled):
    with pytest.raises(UsageError, match="pauli_decompose"):
        backend("reference.qubit").run(entangled, X, {"theta": THETA})


@pytest.mark.parametrize("name", ["default.qubit", "default.mixed"])
def test_an_observable_that_no_input_reaches(name):
    from circuits import circuit

    @circuit(wires=2, observables=[qml.Z(0), qml.Z(1)])
    def half(inputs):
        qml.RY(inputs[..., 0], wires=0)

    values = backend(name).run(half, [[0.0], [np.pi]])
    np.testing.assert_allclose(values, [[1, 1], [-1, 1]], atol=1e-12)
