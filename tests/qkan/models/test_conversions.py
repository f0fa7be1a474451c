"""Models without their circuits, and with more parameters: the same functions, saved as what they are."""

import copy

import pytest
import torch
from torch import nn

from circuits import CircuitError, UsageError
from qkan.layers.quantum_kan import QuantumKANLayer
from qkan.models import KAN, QKAN, QuanvolutionNet, load, refine
from qkan.models.conversions import to_classical

DOUBLE = {"dtype": torch.float64}


def seeded(kind, *args, **options):
    return kind(*args, generator=torch.Generator().manual_seed(0), **{**DOUBLE, **options})


def points(count, size):
    return torch.rand(count, size, generator=torch.Generator().manual_seed(1), **DOUBLE) - 0.5


@pytest.mark.slow
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
    assert type(twin) is KAN
    assert not any(isinstance(module, QuantumKANLayer) for module in twin.modules())


@pytest.mark.parametrize("input_map", ["tanh", "standardise", "arccos"])
def test_input_maps_and_pruned_models(input_map, tmp_path):
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


def test_mixed_chains_keep_their_classical_layers(tmp_path):
    layers = ("bspline(grid=4)", "rpz(depth=2, frequencies='per-edge')")
    model = seeded(KAN, [3, 4, 2], layers)
    twin, x = model.to_classical(), points(20, 3)
    torch.testing.assert_close(twin(x), model(x), rtol=0, atol=1e-12)
    assert twin.spec()["layers"][0].startswith("bspline(grid=4")
    assert "frequencies='per-edge'" in twin.spec()["layers"][1]
    twin.save(tmp_path / "twin")
    assert torch.equal(load(tmp_path / "twin")(x), twin(x))
    twin(x).sum().backward()
    assert all(p.grad is not None for p in twin.parameters())
    assert all(p.grad is None for p in model.parameters())


def test_a_quanvolution_keeps_its_filters(tmp_path):
    head = {"kind": "qkan", "sizes": (16, 2), "edge": "pz(depth=1)"}
    net = seeded(QuanvolutionNet, image=(1, 4, 4), head=head)
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("edge", "uploads", "name"),
    [
        ("pz(depth=2)", 2, "pz(depth=4)"),
        ("entangled", 2, "entangled(wires=2, depth=3)"),
        ("reupload(encoding='y')", 1, "reupload(depth=4, encoding='y', rotations='zy')"),
    ],
)
def test_refined_networks_are_saved_as_what_they_are(edge, uploads, name, tmp_path):
    model, x = seeded(QKAN, [3, 4, 2], edge=edge), points(9, 3)
    before = model(x)
    assert model.refine(uploads) is model
    torch.testing.assert_close(model(x), before, rtol=0, atol=1e-12)
    assert model.circuit.name == name
    model.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert again[1].circuit.name == name
    assert torch.equal(again(x), model(x))


def test_refined_splines_keep_function_and_file(tmp_path):
    model, x = seeded(KAN, [3, 4, 2]), points(9, 3)
    before = model(x)
    model.refine(10)
    torch.testing.assert_close(model(x), before)
    model.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert [layer.grid for layer in again] == [10, 10]
    assert torch.equal(again(x), model(x))


def test_where_one_grid_cannot_grow_none_does():
    model = KAN([3, 2, 1], ("bspline(grid=3)", "bspline(grid=5)"))
    before = [layer.edge_weight.clone() for layer in model]
    with pytest.raises(UsageError, match="take a multiple of 5"):
        model.refine(6)
    assert all(
        torch.equal(layer.edge_weight, old) for layer, old in zip(model, before, strict=True)
    )


def test_pruned_networks_grow_and_stay_pruned():
    model, x = seeded(QKAN, [3, 4, 2]), points(9, 3)
    model.prune(x, fraction=0.5)
    before, masks = model(x), [layer.kept_edges for layer in model]
    model.refine()
    torch.testing.assert_close(model(x), before, rtol=0, atol=1e-12)
    assert all(map(torch.equal, masks, (layer.kept_edges for layer in model)))


@pytest.mark.slow
def test_mixed_chains_refine_what_is_named(tmp_path):
    layers = ("pz(depth=1, input_map='tanh', frequencies='per-edge')", "bspline(grid=4)", "rpz")
    model, x = seeded(KAN, [3, 4, 4, 2], layers), points(9, 3)
    before = model(x)
    model.refine(uploads=2)
    torch.testing.assert_close(model(x), before, rtol=0, atol=1e-12)
    assert [model[0].circuit.name, model[2].circuit.name] == ["pz(depth=3)", "rpz(depth=5)"]
    model.refine(grid=8)
    torch.testing.assert_close(model(x), before)
    assert model[1].grid == 8
    model.save(tmp_path / "model")
    assert torch.equal(load(tmp_path / "model")(x), model(x))
    with pytest.raises(UsageError, match="splines and circuits: say refine"):
        model.refine(2)


def test_all_layers_or_none():
    model = nn.Sequential(QuantumKANLayer(2, 2, "pz"), QuantumKANLayer(2, 1, "real"))
    with pytest.raises(CircuitError, match="frequency 3 alone"):
        refine(model)
    assert model[0].circuit.name == "pz(depth=3)"
    with pytest.raises(UsageError, match="no quantum KAN layers to refine"):
        refine(KAN([2, 1], "rbf"))
    with pytest.raises(UsageError, match="no B-spline layers to refine"):
        refine(model, grid=3)
    with pytest.raises(UsageError, match=r"refine\(grid=...\)"):
        refine(KAN([2, 1]))
