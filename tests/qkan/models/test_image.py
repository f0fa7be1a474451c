"""A quanvolution in front of any model."""

import pennylane as qml
import pytest
import torch

import circuits
from circuits.errors import UsageError
from qkan.models import QuanvolutionNet, load


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@circuits.circuit(wires=4, inputs=4, weights={"w": (4,)}, observables=[qml.Z(0), qml.Z(3)])
def own_filter(inputs, w):
    for wire in range(4):
        qml.RY(inputs[..., wire], wires=wire)
        qml.RX(w[wire], wires=wire)


@pytest.mark.slow
@pytest.mark.parametrize(
    "head",
    [
        "linear",
        "mlp",
        "cnn",
        {"kind": "kan", "sizes": (24, 4, 10), "input_map": "layer"},
        {"kind": "qkan", "sizes": (24, 3, 10)},
        {"kind": "kan", "sizes": (24, 3, 10), "layers": ("bspline", "pz(depth=2)")},
        {"kind": "cnn", "channels": (2,)},
    ],
)
def test_any_model_behind_a_quanvolution(head, tmp_path):
    net = QuanvolutionNet(image=(1, 6, 4), head=head, generator=seeded())
    x = torch.rand(3, 1, 6, 4)
    assert net(x).shape == (3, 10)
    net.save(tmp_path / "net")
    again = load(tmp_path / "net")
    assert again.spec() == net.spec()
    assert torch.equal(again.eval()(x), net.eval()(x))
    with pytest.raises(UsageError, match=r"expected images of shape \(N, 1, 6, 4\)"):
        net(torch.rand(3, 1, 4, 6))


def test_eight_bit_images():
    net = QuanvolutionNet(generator=seeded())
    x = torch.randint(0, 256, (2, 1, 28, 28), dtype=torch.uint8)
    torch.testing.assert_close(net(x), net(x / 255))


def test_filters_of_ones_own(tmp_path):
    net = QuanvolutionNet([own_filter, "demo"], image=(2, 4, 4), trainable=True)
    assert net.spec()["filters"] == ["own_filter", "demo"]
    net(torch.rand(2, 2, 4, 4)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.save(tmp_path / "net")
    x = torch.rand(2, 2, 4, 4)
    assert torch.equal(load(tmp_path / "net", filters=[own_filter, "demo"])(x), net(x))
    with pytest.raises(UsageError, match=r"(?s)unknown filter 'own.filter'.*edge= or filters="):
        load(tmp_path / "net")


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ({"kind": "kan", "sizes": (100, 10)}, "sizes that begin with 784"),
        ({"kind": "cnn", "image": (1, 28, 28)}, r"image=\(4, 14, 14\)"),
        ({"kind": "kna", "sizes": (784, 10)}, "unknown kind of head 'kna'"),
        (3, "unknown head: '3'"),
        ("mpl", "unknown head: 'mpl'; did you mean 'mlp'"),
    ],
)
def test_heads_must_fit(head, message):
    with pytest.raises(UsageError, match=message):
        QuanvolutionNet(head=head)
