"""Classical and quantum layers in one chain, and a quanvolution in front of anything."""

import pennylane as qml
import pytest
import torch

import circuits
from circuits.errors import UsageError
from qkan.layers.bspline import BSplineKANLayer
from qkan.layers.chebyshev import ChebyshevKANLayer
from qkan.layers.qkan import QuantumKANLayer
from qkan.models import (
    CNN,
    QKAN,
    CNNConfig,
    HybridKAN,
    HybridKANConfig,
    KANConfig,
    QKANConfig,
    QuanvolutionNet,
    SineKAN,
    load,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@circuits.circuit(wires=1, weights={"w": (2,)})
def own(inputs, w):
    qml.RY(w[0], wires=0)
    qml.RX(inputs[..., 0], wires=0)
    qml.RY(w[1], wires=0)


@circuits.circuit(wires=4, inputs=4, weights={"w": (4,)}, observables=[qml.Z(0), qml.Z(3)])
def own_filter(inputs, w):
    for wire in range(4):
        qml.RY(inputs[..., wire], wires=wire)
        qml.RX(w[wire], wires=wire)


def test_layers_by_name_with_options():
    model = HybridKAN(
        [3, 4, 2, 2],
        layers=(
            "bspline(grid=8, domain=(0, 1), input_map='layer')",
            "pz(depth=2, frequencies='per-edge', input_map='tanh', base=None)",
            "chebyshev(degree=6)",
        ),
        generator=seeded(),
    )
    spline, quantum, polynomial = model
    assert isinstance(spline, BSplineKANLayer)
    assert spline.grid == 8
    assert spline.domain == (0, 1)
    assert isinstance(quantum, QuantumKANLayer)
    assert quantum.circuit.name == "pz(depth=2)"
    assert quantum.frequencies == "per-edge"
    assert isinstance(polynomial, ChebyshevKANLayer)
    assert model(torch.rand(5, 3)).shape == (5, 2)


def test_chains_of_one_kind_are_the_models_of_that_kind():
    x = torch.rand(5, 3)
    sines = HybridKAN([3, 4, 2], layers="sine(grid=4)", generator=seeded())
    assert torch.equal(sines(x), SineKAN([3, 4, 2], grid=4, generator=seeded())(x))
    quantum = HybridKAN([3, 4, 2], layers="real(depth=2)", generator=seeded())
    assert torch.equal(quantum(x), QKAN([3, 4, 2], edge="real(depth=2)", generator=seeded())(x))


def test_a_circuit_of_ones_own(tmp_path):
    model = HybridKAN([3, 4, 2], edge=own, layers=("own(input_map='tanh')", "rbf"))
    model.save(tmp_path / "model")
    x = torch.rand(5, 3)
    assert torch.equal(load(tmp_path / "model", edge=own)(x), model(x))
    with pytest.raises(UsageError, match="pass it as edge="):
        load(tmp_path / "model")
    with pytest.raises(UsageError, match="another circuit than 'pz"):
        load(tmp_path / "model", edge=circuits.edge("pz"))


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
        (("bspline",) * 3, "3 widths have 2 layers between them, got 3"),
    ],
)
def test_mistakes_are_named(layers, message):
    with pytest.raises(UsageError, match=message):
        HybridKAN([3, 4, 2], layers=layers)


@pytest.mark.parametrize(
    "head",
    [
        "linear",
        "mlp",
        "cnn",
        KANConfig((24, 4, 10), input_map="layer"),
        QKANConfig((24, 3, 10)),
        HybridKANConfig((24, 3, 10), layers=("bspline", "pz(depth=2)")),
        CNNConfig(image=(4, 3, 2), channels=(2,)),
    ],
)
def test_any_model_behind_a_quanvolution(head, tmp_path):
    net = QuanvolutionNet(image=(1, 6, 4), head=head, generator=seeded())
    x = torch.rand(3, 1, 6, 4)
    assert net(x).shape == (3, 10)
    net.save(tmp_path / "net")
    again = load(tmp_path / "net")
    assert again.config == net.config
    assert torch.equal(again.eval()(x), net.eval()(x))
    with pytest.raises(UsageError, match=r"expected images of shape \(N, 1, 6, 4\)"):
        net(torch.rand(3, 1, 4, 6))


def test_eight_bit_images():
    net = QuanvolutionNet(generator=seeded())
    x = torch.randint(0, 256, (2, 1, 28, 28), dtype=torch.uint8)
    torch.testing.assert_close(net(x), net(x / 255))


def test_filters_of_ones_own(tmp_path):
    net = QuanvolutionNet(filters=[own_filter, "demo"], image=(2, 4, 4), trainable=True)
    assert net.config.filters == ("own_filter", "demo")
    net(torch.rand(2, 2, 4, 4)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.save(tmp_path / "net")
    x = torch.rand(2, 2, 4, 4)
    assert torch.equal(load(tmp_path / "net", filters=[own_filter, "demo"])(x), net(x))
    with pytest.raises(UsageError, match=r"(?s)unknown filter 'own.filter'.*edge= or filters="):
        load(tmp_path / "net")


def test_heads_must_fit():
    with pytest.raises(UsageError, match="sizes that begin with 784"):
        QuanvolutionNet(head=KANConfig((100, 10)))
    with pytest.raises(UsageError, match=r"image=\(4, 14, 14\)"):
        QuanvolutionNet(head=CNN().config)
    with pytest.raises(UsageError, match="unknown head: 'mpl'; did you mean 'mlp'"):
        QuanvolutionNet(head="mpl")
