"""refine(): the same function, and new weights that train."""

import pennylane as qml
import pytest
import torch

import circuits
from circuits import CircuitError, UsageError
from circuits.backends import backend
from qkan.layers.quantum_kan import QuantumKANLayer

GROWS = [
    ("pz", 1),
    ("pz(depth=1)", 4),
    ("rpz", 2),
    ("px", 3),
    ("exponential(depth=2)", 1),
    ("reupload(depth=2)", 2),  # quarter turns behind
    ("reupload(depth=2, encoding='x', rotations='z')", 2),  # quarter turns in front
    ("reupload(depth=2, encoding='y', rotations='xz')", 2),  # pairs that undo each other
    ("entangled", 2),
    ("entangled(wires=3)", 4),
]


def make(edge, dtype=torch.float64, **options):
    return QuantumKANLayer(
        3, 2, edge, dtype=dtype, generator=torch.Generator().manual_seed(0), **options
    )


def first_weight(layer):
    return next(iter(layer.circuit_weights().values()))


def points(count=7, dtype=torch.float64):
    return 2 * torch.randn(count, 3, generator=torch.Generator().manual_seed(1), dtype=dtype)


@pytest.mark.slow
@pytest.mark.parametrize(("edge", "uploads"), GROWS)
def test_the_function_stays(edge, uploads):
    for dtype, tolerance in [(torch.float64, 1e-12), (torch.float32, 1e-6)]:
        layer = make(edge, dtype)
        x = points(dtype=dtype)
        before, degree = layer(x), layer.circuit.degrees[0]
        assert layer.refine(uploads) is layer
        assert layer.circuit.degrees[0] > degree
        torch.testing.assert_close(layer(x), before, rtol=tolerance, atol=tolerance)


@pytest.mark.slow
@pytest.mark.parametrize(("edge", "uploads"), GROWS)
def test_the_new_weights_train(edge, uploads):
    layer = make(edge).refine(uploads)
    x = points(60)
    target = torch.sin(7 * x).sum(1, keepdim=True)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.05)
    for _ in range(len(first_weight(layer)) + 2):
        optimizer.zero_grad()
        (layer(x) - target).square().mean().backward()
        optimizer.step()
    # The outermost rotation about the measured axis never matters; every other weight moves.
    for weight in layer.circuit_weights().values():
        moving = (weight.grad.abs() > 1e-9).flatten(-2).all(-1)
        assert int((~moving).sum()) <= _idle(edge)
    highest = layer.circuit_coefficients()[2 * make(edge).circuit.degrees[0] + 1 :]
    assert bool((highest.abs().amax(0) > 1e-6).all())


def _idle(edge):
    """Weights without effect in any such circuit: RX on |+>, rotations about the last or first axis."""
    layer = make(edge)
    layer(points(60)).square().sum().backward()
    weight = first_weight(layer)
    return int((weight.grad.abs() <= 1e-9).flatten(-2).all(-1).sum())


@pytest.mark.parametrize("frequencies", ["per-edge", "fixed"])
def test_other_parameters_and_settings_stay(frequencies):
    layer = make("pz", frequencies=frequencies, evaluate="fourier", trainable=False)
    others = {n: p.clone() for n, p in layer.named_parameters() if not n.startswith("circuits")}
    layer.refine()
    for name, value in others.items():
        assert torch.equal(layer.get_parameter(name), value)
    assert layer.choose(100) == "fourier"
    assert not any(p.requires_grad for p in layer.circuits.parameters())


@pytest.mark.parametrize(
    ("edge", "uploads", "error", "message"),
    [
        ("pz", 0, UsageError, "integer of at least 1, got 0"),
        ("pz", 1.5, UsageError, "integer of at least 1, got 1.5"),
        ("real", 1, CircuitError, r"frequency 3 alone.*encoding='y', rotations='x'"),
        ("entangled", 3, UsageError, r"multiple of 2, not by 3.*refine\(4\)"),
        ("entangled(wires=4)", 2, UsageError, r"multiple of 4.*refine\(4\)"),
        ("reupload(encoding='y', rotations='y')", 1, CircuitError, "one axis and add up"),
        ("reupload(encoding='y', rotations='xy')", 1, UsageError, r"2, 4, \.\.\..*refine\(2\)"),
    ],
)
def test_what_cannot_grow_says_why(edge, uploads, error, message):
    layer = make(edge)
    before = layer.state_dict()
    with pytest.raises(error, match=message):
        layer.refine(uploads)
    assert before.keys() == layer.state_dict().keys()


@circuits.circuit(wires=1, weights={"w": (2, 2)})
def small(inputs, w):
    for layer in range(2):
        qml.RX(w[layer, 0], wires=0)
        qml.RY(w[layer, 1], wires=0)
        qml.RZ(inputs[..., 0], wires=0)
    qml.RX(0.3, wires=0)


@circuits.circuit(wires=1, weights={"w": (3, 2)})
def large(inputs, w):
    for layer in range(2):
        qml.RX(w[layer, 0], wires=0)
        qml.RY(w[layer, 1], wires=0)
        qml.RZ(inputs[..., 0], wires=0)
    qml.RX(0.3, wires=0)  # an angle without a weight, behind all that have one
    qml.RZ(inputs[..., 0], wires=0)
    qml.RX(w[2, 0], wires=0)
    qml.RY(w[2, 1], wires=0)


def test_own_circuits_grow_by_a_map_that_is_tried():
    layer = make(small)
    x = points()
    before = layer(x)
    with pytest.raises(CircuitError, match=r"not one of the library's.*edge=\.\.\., weights="):
        layer.refine()
    with pytest.raises(UsageError, match="both or none"):
        layer.refine(edge=large)
    with pytest.raises(UsageError, match="another function"):
        layer.refine(edge=large, weights=lambda w: {"w": torch.cat([w["w"], w["w"][:1]])})
    with pytest.raises(UsageError, match=r"must return.*\(3, 2, 3, 2\).*\(2, 2, 3, 2\)"):
        layer.refine(edge=large, weights=lambda w: w)

    def padded(w):
        return {"w": torch.cat([w["w"], torch.zeros_like(w["w"][:1])])}

    layer.refine(edge=large, weights=padded)
    torch.testing.assert_close(layer(x), before, rtol=0, atol=1e-12)


def test_sampled_backends_grow_too():
    layer = make("pz", backend=backend("default.qubit", shots=20000, seed=3))
    before = layer.circuit_coefficients()
    layer.refine()
    torch.testing.assert_close(layer.circuit_coefficients()[:7], before, rtol=0, atol=0.1)
