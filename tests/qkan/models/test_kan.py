"""Chains of KAN layers by a specification, classical and quantum."""

import pennylane as qml
import pytest
import torch

import circuits
from circuits import CircuitError, UsageError
from qkan.layers.bspline import BSplineKANLayer
from qkan.layers.chebyshev import ChebyshevKANLayer
from qkan.layers.quantum_kan import QuantumKANLayer
from qkan.models import KAN, QKAN, SineKAN, load


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@circuits.circuit(wires=1, weights={"w": (2,)})
def own(inputs, w):
    qml.RY(w[0], wires=0)
    qml.RX(inputs[..., 0], wires=0)
    qml.RY(w[1], wires=0)


@circuits.circuit(wires=1)
def frozen(inputs):
    qml.RX(inputs[..., 0], wires=0)


def test_layers_by_name_with_options():
    model = KAN(
        [3, 4, 2, 2],
        (
            "bspline(grid=8, domain=(0, 1), input_map='layer')",
            "pz(depth=2, frequencies='per-edge', input_map='tanh', base=None)",
            "chebyshev(degree=6)",
        ),
        generator=seeded(),
    )
    spline, quantum, polynomial = model
    assert isinstance(spline, BSplineKANLayer)
    assert (spline.grid, spline.domain) == (8, (0, 1))
    assert isinstance(quantum, QuantumKANLayer)
    assert quantum.circuit.name == "pz(depth=2)"
    assert quantum.frequencies == "per-edge"
    assert isinstance(polynomial, ChebyshevKANLayer)
    assert model(torch.rand(5, 3)).shape == (5, 2)


def test_options_go_to_every_layer_that_does_not_say_otherwise():
    model = KAN([3, 4, 2], ("rbf(base='tanh')", "pz"), base=None, input_map="tanh")
    assert [layer.base for layer in model] == ["tanh", None]
    assert all(layer.input_map is not None for layer in model)


def test_presets_are_chains_of_one_kind():
    x = torch.rand(5, 3)
    sines = KAN([3, 4, 2], "sine(grid=4)", generator=seeded())
    assert torch.equal(sines(x), SineKAN([3, 4, 2], grid=4, generator=seeded())(x))
    quantum = KAN([3, 4, 2], "real(depth=2)", generator=seeded())
    assert torch.equal(quantum(x), QKAN([3, 4, 2], "real(depth=2)", generator=seeded())(x))


def test_chains_are_sequences():
    model = QKAN([4, 3, 2], generator=seeded())
    x = torch.rand(5, 4)
    assert len(model) == 2
    assert torch.equal(model[:1](x), model[0](x))
    assert torch.equal(model[1](model[0](x)), model(x))
    assert model(torch.rand(2, 3, 4)).shape == (2, 3, 2)
    assert model(torch.rand(4)).shape == (2,)
    first, second = (next(iter(layer.circuit_weights().values())).flatten() for layer in model)
    assert not set(first.tolist()) & set(second.tolist())


@pytest.mark.parametrize(
    ("model", "edges"),
    [
        (lambda **o: KAN([3, 4, 2], ("own(input_map='tanh')", "rbf"), own, **o), own),
        (lambda **o: QKAN([3, 2], own, **o), own),
    ],
)
def test_own_circuits_are_checked(model, edges, tmp_path):
    model, x, path = model(), torch.rand(5, 3), tmp_path / "model"
    model.save(path)
    assert torch.equal(load(path, edge=edges)(x), model(x))
    with pytest.raises(UsageError, match=r"pz|pass it as edge=|Pass those of your own"):
        load(path)
    with pytest.raises(UsageError, match="another circuit than 'pz"):
        load(path, edge="pz")


@pytest.mark.parametrize("part", [True, False], ids=["every-part", "no-parameters"])
def test_circuits_without_weights(part, tmp_path):
    settings = {} if part else {"frequencies": "fixed", "base": None}
    model = QKAN([2, 3, 1], frozen, weight=part, bias=part, **settings)
    x = torch.rand(9, 2)
    assert bool(model.num_parameters) == part
    assert "fourier" in model[0].choose(9)
    model.save(tmp_path / "model.safetensors")
    again = QKAN.load(tmp_path / "model.safetensors", edge=frozen)
    torch.testing.assert_close(again(x), model(x))
    torch.testing.assert_close(model.to_classical()(x), model(x))
    with pytest.raises(UsageError, match=r"expected torch\.float32"):
        model(x.double())
    with pytest.raises(CircuitError, match="has no weights"):
        QKAN([2, 1], frozen, evaluate="closed")


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ("bsplin", "unknown layer 'bsplin'; did you mean 'bspline'"),
        ("bspline(gird=3)", "unknown option of layer 'bspline': 'gird'; did you mean 'grid'"),
        ("pz(dept=3)", "unknown option of layer 'pz': 'dept'"),
        ("pz(backend='aer')", "unknown option of layer 'pz': 'backend'"),
        ("bspline(grid=", "unknown layer"),
        ("bspline(grid=a)", "cannot read the options"),
        ("own", "needs a circuit of your own"),
        (4, "the name of a layer is text, not 4"),
        (("bspline",) * 3, "3 widths have 2 layers between them, got 3"),
    ],
)
def test_mistakes_are_named(layers, message):
    with pytest.raises(UsageError, match=message):
        KAN([3, 4, 2], layers)


def test_networks_of_layers_of_ones_own():
    class Mine(ChebyshevKANLayer):
        """A layer that no list knows."""

    model = KAN.from_layers([Mine(3, 2), BSplineKANLayer(2, 1)])
    assert model(torch.rand(5, 3)).shape == (5, 1)
    with pytest.raises(UsageError, match=r"Mine has no name.*add it to qkan\.layers\.LAYERS"):
        model.spec()
    KAN.from_layers(model[1:]).spec()
    with pytest.raises(UsageError, match="made of KAN layers, got Linear"):
        KAN.from_layers([torch.nn.Linear(2, 1)])


@pytest.mark.slow
def test_it_learns():
    model = QKAN([1, 1], generator=seeded(1), dtype=torch.float64)
    x = torch.linspace(-2, 2, 50, dtype=torch.float64).unsqueeze(1)
    y = torch.sin(2 * x)
    optimizer = torch.optim.LBFGS(
        model.parameters(), max_iter=300, tolerance_change=1e-14, line_search_fn="strong_wolfe"
    )

    def closure():
        optimizer.zero_grad()
        loss = (model(x) - y).square().mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert closure() < 1e-6
