"""Models without their circuits: equal, trainable, and saved as any other."""

import copy

import pytest
import torch
from torch import nn

from circuits import UsageError
from qkan.layers.qkan import QuantumKANLayer
from qkan.models import KAN, QKAN, HybridKAN, QuanvolutionNet, load
from qkan.models.qkan import QKANConfig
from qkan.models.to_classical import to_classical

DOUBLE = {"dtype": torch.float64}


def seeded(kind, *args, **options):
    return kind(*args, generator=torch.Generator().manual_seed(0), **{**DOUBLE, **options})


def points(count, size):
    return torch.rand(count, size, generator=torch.Generator().manual_seed(1), **DOUBLE) - 0.5


@pytest.mark.parametrize(
    "edge", ["pz", "rpz", "real", "px", "reupload", "exponential", "entangled"]
)
@pytest.mark.parametrize("frequencies", ["per-input", "per-edge", "fixed"])
def test_every_family_on_a_net_that_is_not_square(edge, frequencies, tmp_path):
    for dtype, tolerance in [(torch.float64, 1e-12), (torch.float32, 1e-6)]:
        model = seeded(QKAN, [3, 5, 2], edge=edge, frequencies=frequencies, dtype=dtype)
        twin, x = model.to_classical(), points(20, 3).to(dtype)
        wanted = model(x).detach()
        size = max(1.0, wanted.abs().max().item())
        rounding = (copy.deepcopy(model).double()(x.double()) - wanted).abs().max().item()
        allowed = max(tolerance * size, 4 * rounding)
        torch.testing.assert_close(twin(x), wanted, rtol=0, atol=allowed)
    twin.save(tmp_path / "twin")
    assert torch.equal(load(tmp_path / "twin")(x), twin(x))
    assert not any(isinstance(module, QuantumKANLayer) for module in twin.modules())


@pytest.mark.parametrize("input_map", ["tanh", "standardise", "arccos"])
def test_ranges_and_pruned_models(input_map, tmp_path):
    model = seeded(QKAN, [3, 6, 2], input_map=input_map)
    if input_map == "arccos":
        model = model[:1]
    x = points(50, 3)
    model(x)
    model.eval()
    if isinstance(model, QKAN):
        model.prune(x, fraction=0.7)
    twin = to_classical(model)
    torch.testing.assert_close(twin(x), model(x), rtol=0, atol=1e-12)
    if isinstance(model, QKAN):
        twin.save(tmp_path / "twin")
        torch.testing.assert_close(load(tmp_path / "twin").eval()(x), model(x), rtol=0, atol=1e-12)


def test_hybrids_keep_their_classical_layers(tmp_path):
    model = seeded(
        HybridKAN, [3, 4, 2], layers=("bspline(grid=4)", "rpz(depth=2, frequencies='per-edge')")
    )
    twin, x = model.to_classical(), points(20, 3)
    torch.testing.assert_close(twin(x), model(x), rtol=0, atol=1e-12)
    assert twin.config.layers[0] == "bspline(grid=4)"
    assert twin.config.layers[1].startswith("scaled-fourier(degree=2")
    twin.save(tmp_path / "twin")
    assert torch.equal(load(tmp_path / "twin")(x), twin(x))
    twin(x).sum().backward()
    assert all(p.grad is not None for p in twin.parameters())
    assert all(p.grad is None for p in model.parameters())


def test_a_quanvolution_keeps_its_filters(tmp_path):
    net = seeded(QuanvolutionNet, image=(1, 4, 4), head=QKANConfig((16, 2), edge="pz(depth=1)"))
    twin = net.to_classical()
    images = points(5, 16).view(5, 1, 4, 4).abs()
    torch.testing.assert_close(twin(images), net(images), rtol=0, atol=1e-12)
    twin.save(tmp_path / "twin")
    assert torch.equal(load(tmp_path / "twin")(images), twin(images))


def test_models_of_ones_own():
    model = nn.Sequential(nn.Linear(3, 2), nn.Sequential(QuantumKANLayer(2, 2), nn.Tanh())).double()
    x = points(5, 3)
    torch.testing.assert_close(to_classical(model)(x), model(x), rtol=0, atol=1e-12)
    with pytest.raises(UsageError, match="KAN has no quantum KAN layers; it is classical"):
        KAN([2, 1]).to_classical()
