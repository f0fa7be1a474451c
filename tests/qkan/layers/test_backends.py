"""The same layers on every backend: values and gradients are those of default.qubit.

With ``pytest --backend NAME`` on any other, a GPU for example.
"""

import pytest
import torch

import qkan
from circuits import backend, circuit, quanvolutional_filter
from circuits.backends.estimator import EstimatorBackend

BACKENDS = ["lightning.qubit", "aer"]


def seeded():
    return torch.Generator().manual_seed(2)


def quantum(where, evaluate):
    weights = {"angles": torch.tensor([0.3, 1.1, -0.4, 2.0])}
    return qkan.QuantumLayer(
        quanvolutional_filter("demo"), where, evaluate=evaluate, weights=weights
    )


def quanvolution(where, evaluate):
    return qkan.Quanvolution2d(
        quanvolutional_filter("demo"), 2, 2, trainable=True, backend=where, evaluate=evaluate
    )


def edges(where, evaluate):
    return qkan.QuantumKANLayer(
        2,
        2,
        "pz(depth=1)",
        backend=where,
        evaluate=evaluate,
        dtype=torch.float64,
        generator=seeded(),
    )


LAYERS = {
    "quantum": (quantum, (3, 4)),
    "quanvolution": (quanvolution, (1, 1, 4, 4)),
    "edges": (edges, (3, 2)),
}


def outcome(make, where, shape, evaluate):
    layer = make(where, evaluate)
    x = torch.rand(shape, generator=seeded(), dtype=torch.float64, requires_grad=True)
    y = layer(x)
    weighed = (y * torch.arange(1, y.numel() + 1).reshape(y.shape)).sum()
    return [y.detach(), *torch.autograd.grad(weighed, [x, *layer.parameters()])]


@pytest.mark.parametrize("evaluate", ["fourier", "direct"])
@pytest.mark.parametrize("layer", LAYERS)
def test_values_and_gradients(backend_name, layer, evaluate):
    make, shape = LAYERS[layer]
    found = outcome(make, backend_name, shape, evaluate)
    expected = outcome(make, "default.qubit", shape, evaluate)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-10, rtol=0)


def test_a_layer_on_a_fake_device_is_within_its_noise():
    layer = quantum(backend("aer:fake_manila", shots=2000, seed=1), "fourier")
    exact = quantum("default.qubit", "fourier")
    x = torch.rand(5, 4, generator=seeded(), dtype=torch.float64)
    difference = (layer(x) - exact(x)).abs().max()
    assert 0 < difference < 0.3


def test_a_matrix_of_many_wires_is_refused_with_a_reason():
    import pennylane as qml

    from circuits import UsageError

    wide = circuit(wires=7, observables=qml.Projector([0] * 7, wires=range(7)))(
        lambda inputs: qml.RX(inputs[..., 0], wires=0)
    )
    assert isinstance(backend("aer"), EstimatorBackend)
    with pytest.raises(UsageError, match="up to 6 wires"):
        qkan.QuantumLayer(wide, "aer")(torch.zeros(1, 1))
