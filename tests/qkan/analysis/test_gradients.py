import numpy as np
import pennylane as qml
import pytest
import torch

import circuits
from circuits.edges import edge
from circuits.errors import UsageError
from qkan.analysis import gradient_variance, gradient_variances
from qkan.analysis.expressivity import run_batched

SAMPLES = 4000


def product(wires, observable):
    @circuits.circuit(wires=wires, inputs=1, weights={"theta": (wires,)}, observables=observable)
    def ansatz(inputs, theta):
        qml.RZ(inputs[..., 0], wires=0)
        for wire in range(wires):
            qml.RY(theta[wire], wires=wire)

    return ansatz


def close(found, exact, samples=SAMPLES):
    """Five standard errors of the variance of numbers in [-1, 1]."""
    return abs(found - exact) < 5 / np.sqrt(samples)


def test_a_global_observable_is_a_barren_plateau():
    r"""<Z...Z> = prod cos theta_k: the variance of its derivative is 2^-n (Cerezo et al., arXiv:2001.00550)."""
    rng = np.random.default_rng(0)
    for wires in (1, 2, 4):
        observable = qml.prod(*(qml.Z(k) for k in range(wires))) if wires > 1 else qml.Z(0)
        found = gradient_variance(product(wires, observable), samples=SAMPLES, rng=rng)
        assert found.by_weight["theta"].shape == (wires,)
        np.testing.assert_allclose(found.by_weight["theta"], 2.0**-wires, rtol=0.1)
        assert found.mean == pytest.approx(2.0**-wires, rel=0.1)


def test_a_local_observable_is_none():
    """<Z_0> = cos theta_0: variance 1/2 at any width, and 0 for weights outside its light cone."""
    circuit = product(4, qml.Z(0))
    found = gradient_variance(circuit, samples=SAMPLES, rng=np.random.default_rng(1))
    assert close(found.by_weight["theta"][0], 0.5)
    assert found.largest == found.by_weight["theta"][0]
    np.testing.assert_allclose(found.by_weight["theta"][1:], 0, atol=1e-30)


@pytest.mark.parametrize("batched", [True, False])
def test_gradients_are_those_of_one_circuit_after_another(batched):
    def gates(inputs, theta):
        angle = theta[0] * 1.0
        # A function that looks at a value can run for one setting of the weights only.
        if not batched and float(torch.as_tensor(angle).detach()) > 1e9:
            angle = -angle
        qml.RX(angle, wires=0)
        qml.RZ(inputs[..., 0], wires=0)
        qml.RY(theta[1], wires=0)

    circuit = circuits.circuit(wires=1, inputs=1, weights={"theta": (2,)})(gates)
    theta = torch.rand(5, 2, dtype=torch.float64, requires_grad=True)
    x = torch.rand(5, 1, dtype=torch.float64)
    values = run_batched(circuit, x, {"theta": theta})
    (slopes,) = torch.autograd.grad(values.sum(), theta)

    def exact(t, angle):
        # RX, RZ, RY in turn on |0>, read out along Z.
        return torch.cos(t[1]) * torch.cos(t[0]) - torch.sin(t[1]) * torch.sin(t[0]) * torch.sin(
            angle
        )

    for row in range(5):
        one = theta.detach()[row].clone().requires_grad_()
        value = exact(one, x[row, 0])
        value.backward()
        assert values[row, 0].item() == pytest.approx(value.item(), abs=1e-12)
        torch.testing.assert_close(slopes[row], one.grad)


def test_inputs_can_be_fixed():
    """At x = 0 a product of RY and RZ(0) is one rotation; a gradient at given inputs knows nothing of others."""
    circuit = edge("pz(depth=2)")
    first, again = (
        gradient_variance(circuit, inputs=[0.3], rng=np.random.default_rng(5)) for _ in range(2)
    )
    other = gradient_variance(circuit, inputs=[1.3], rng=np.random.default_rng(5))
    np.testing.assert_array_equal(first.by_weight["theta"], again.by_weight["theta"])
    assert first.mean != other.mean


def test_families():
    table = gradient_variances(
        lambda wires, _: product(wires, qml.prod(*(qml.Z(k) for k in range(wires)))),
        [2, 3],
        [1],
        samples=2000,
        rng=np.random.default_rng(0),
    )
    np.testing.assert_allclose(table, [[0.25], [0.125]], rtol=0.15)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 1}, "at least 2, got 1"),
        ({"observable": 1}, "observables 0 to 0, got observable=1"),
        ({"inputs": [[0.0]]}, "one row of inputs"),
        ({"inputs": [np.nan]}, "NaN"),
    ],
)
def test_mistakes(options, message):
    with pytest.raises(UsageError, match=message):
        gradient_variance(edge("pz"), **options)


def test_no_weights_no_gradient():
    @circuits.circuit(wires=1)
    def bare(inputs):
        qml.RX(inputs[..., 0], wires=0)

    with pytest.raises(UsageError, match="no weights"):
        gradient_variance(bare)
