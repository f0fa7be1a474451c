"""to_classical(): the same function without a circuit."""

import pennylane as qml
import pytest
import torch
from torch import nn

import circuits
from circuits import CircuitError
from qkan.layers.quantum_kan import QuantumKANLayer

EDGES = [
    "pz",
    "rpz",
    "real",
    "px",
    "reupload",
    "exponential(depth=2)",
    "entangled",
    "entangled(wires=3)",
]
SCALES = ["per-input", "per-edge", "fixed"]


@circuits.circuit(wires=1, weights={"w": (3,)}, observables=qml.Hermitian([[0.3, 1], [1, 1.0]], 0))
def own(inputs, w):
    qml.Rot(w[0], w[1], w[2], wires=0)
    qml.RX(2 * inputs[..., 0] + 0.3, wires=0)
    qml.T(0)
    qml.RY(w[2], wires=0)
    qml.PhaseShift(-4 * inputs[..., 0], wires=0)
    qml.Hadamard(0)


def make(edge="pz", sizes=(3, 2), dtype=torch.float64, **options):
    generator = torch.Generator().manual_seed(0)
    layer = QuantumKANLayer(*sizes, edge, generator=generator, dtype=dtype, **options)
    with torch.no_grad():
        for p in layer.parameters():
            p.add_(0.3 * torch.randn(p.shape, generator=generator, dtype=dtype))
    return layer


def points(count, size, dtype=torch.float64):
    x = torch.randn(count, size, generator=torch.Generator().manual_seed(1), dtype=dtype)
    return x.clamp(-1, 1)


@pytest.mark.parametrize("frequencies", SCALES)
@pytest.mark.parametrize("edge", [*EDGES, own])
def test_the_function_is_the_same(edge, frequencies):
    for dtype, tolerance in [(torch.float64, 1e-12), (torch.float32, 1e-6)]:
        layer = make(edge, dtype=dtype, frequencies=frequencies)
        x = points(40, 3, dtype)
        classical = layer.to_classical()
        expected = layer(x)
        found = classical(x)
        assert found.dtype == dtype
        scale_of = float(expected.detach().abs().max())
        torch.testing.assert_close(found, expected, rtol=0, atol=tolerance * max(1.0, scale_of))
        summed = classical.edge_functions(x).sum(1) + classical.bias
        torch.testing.assert_close(summed, found, rtol=0, atol=10 * tolerance)


@pytest.mark.parametrize("sizes", [(1, 4), (4, 1), (2, 5)])
@pytest.mark.parametrize("frequencies", SCALES)
@pytest.mark.parametrize("input_map", ["none", "tanh", "standardise", "arccos"])
def test_ranges_and_shapes(input_map, frequencies, sizes):
    layer = make("pz(depth=2)", sizes, frequencies=frequencies, input_map=input_map)
    x = points(30, sizes[0])
    layer(x)  # moves the running statistics
    for mode in (True, False):
        layer.train(mode)
        classical = layer.to_classical()
        assert classical.training is mode
        torch.testing.assert_close(classical(x), layer(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("frequencies", SCALES)
def test_parts_that_are_off_or_pruned(frequencies):
    x = points(30, 3)
    bare = make("pz", frequencies=frequencies, weight=False, bias=False, base=None)
    torch.testing.assert_close(bare.to_classical()(x), bare(x), rtol=0, atol=1e-12)
    layer = make("pz", frequencies=frequencies)
    keep = torch.tensor([[True, False], [True, True], [False, True]])
    layer.prune_edges(keep, torch.tensor([0.5, -1.0]))
    classical = layer.to_classical()
    torch.testing.assert_close(classical(x), layer(x), rtol=0, atol=1e-12)
    assert torch.equal(classical.kept_edges, keep)


@pytest.mark.parametrize("frequencies", SCALES)
def test_it_trains(frequencies):
    layer = make("pz", frequencies=frequencies).to_classical()
    x = points(100, 3)
    target = torch.sin(5 * x).sum(1, keepdim=True)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.02)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = (layer(x) - target).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    assert all(bool((p.grad != 0).all()) for p in layer.parameters())


def test_derivatives_are_the_same_through_two_layers():
    net = nn.Sequential(make("pz", (3, 2)), make("rpz", (2, 1), frequencies="per-edge"))
    twin = nn.Sequential(*(layer.to_classical() for layer in net))
    x = points(5, 3).requires_grad_()
    for y, z in zip(net(x), twin(x), strict=True):
        (a,) = torch.autograd.grad(y.sum(), x, retain_graph=True)
        (b,) = torch.autograd.grad(z.sum(), x, retain_graph=True)
        torch.testing.assert_close(a, b, rtol=0, atol=1e-11)


def test_without_a_series_there_is_none():
    @circuits.circuit(wires=1, weights={"w": (1,)}, direct_only=True)
    def direct(inputs, w):
        qml.RX(inputs[..., 0] * w[0], wires=0)

    with pytest.raises(CircuitError, match="no Fourier series"):
        make(direct).to_classical()
