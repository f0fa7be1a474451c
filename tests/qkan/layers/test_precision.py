"""Inside autocast, layers give what they give outside, forwards and backwards."""

import pytest
import torch
from torch import nn

import qkan
from circuits import quanvolutional_filter

LAYERS = {
    "qkan": lambda: qkan.QuantumKANLayer(6, 5),
    "qkan, per edge": lambda: qkan.QuantumKANLayer(6, 5, frequencies="per-edge"),
    "qkan, fourier": lambda: qkan.QuantumKANLayer(6, 5, evaluate="fourier"),
    "quantum": lambda: qkan.QuantumLayer(
        quanvolutional_filter("strongly-entangling"), evaluate="fourier"
    ),
    "bspline": lambda: qkan.BSplineKANLayer(6, 5),
    "sine": lambda: qkan.SineKANLayer(6, 5),
    "chebyshev": lambda: qkan.ChebyshevKANLayer(6, 5),
    "fourier": lambda: qkan.FourierKANLayer(6, 5),
    "rbf": lambda: qkan.RBFKANLayer(6, 5),
    "dequantised": lambda: qkan.QuantumKANLayer(6, 5).to_classical(),
}


def values_and_gradients(layer: nn.Module, x: torch.Tensor, autocast: bool) -> list[torch.Tensor]:
    x = x.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        y = layer(x)
    # Outside, as torch recommends: inside, autocast lowers what autograd itself derives.
    wanted = [x, *layer.parameters()]
    gradients = torch.autograd.grad(y.square().sum(), wanted, allow_unused=True)
    return [y.detach(), *(g for g in gradients if g is not None)]


@pytest.mark.parametrize("name", LAYERS)
def test_autocast_changes_nothing(name: str) -> None:
    torch.manual_seed(0)
    layer = LAYERS[name]()
    size = 4 if name == "quantum" else 6
    x = torch.rand(9, size, generator=torch.Generator().manual_seed(1)) * 2 - 1
    outside, inside = (values_and_gradients(layer, x, autocast) for autocast in (False, True))
    for expected, found in zip(outside, inside, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_images_too() -> None:
    conv = qkan.Quanvolution2d(quanvolutional_filter("demo"))
    image = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.autocast("cpu", torch.bfloat16):
        inside = conv(image)
    torch.testing.assert_close(inside, conv(image), rtol=0, atol=1e-6)


def test_after_a_linear_layer_half_precision_is_raised() -> None:
    net = nn.Sequential(nn.Linear(4, 6), qkan.QuantumKANLayer(6, 2), nn.Linear(2, 1))
    with torch.autocast("cpu", torch.bfloat16):
        assert net[:1](torch.rand(3, 4)).dtype == torch.bfloat16
        assert net[:2](torch.rand(3, 4)).dtype == torch.float32
        net(torch.rand(3, 4)).sum().backward()
