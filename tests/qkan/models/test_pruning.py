"""prune(): what goes, what stays, and what it costs."""

import pytest
import torch
from torch import nn

from circuits import UsageError
from qkan.layers.bspline import BSplineKANLayer
from qkan.layers.fourier import FourierKANLayer
from qkan.layers.quantum_kan import QuantumKANLayer
from qkan.models import KAN, QKAN, QuanvolutionNet, SineKAN, load
from qkan.models.pruning import compact, edge_sizes, prune

DOUBLE = {"dtype": torch.float64}
MODELS = {
    "kan": lambda **o: KAN([4, 8, 6, 3], **o),
    "batch": lambda **o: KAN([4, 8, 6, 3], input_map="batch", bias=True, **o),
    "sinekan": lambda **o: SineKAN([4, 8, 6, 3], **o),
    "qkan": lambda **o: QKAN([4, 8, 6, 3], **o),
    "edges": lambda **o: QKAN([4, 8, 6, 3], frequencies="per-edge", input_map="standardise", **o),
    "hybrid": lambda **o: KAN(
        [4, 8, 6, 3], layers=("chebyshev", "pz(depth=2, input_map='tanh')", "rbf"), **o
    ),
}


def make(name):
    model = MODELS[name](generator=torch.Generator().manual_seed(0), **DOUBLE)
    model(points(300, 7))  # moves running statistics
    return model.eval()


def points(count=60, seed=1):
    return torch.rand(count, 4, generator=torch.Generator().manual_seed(seed), **DOUBLE) - 0.5


def cut(model):
    """Masks that leave nodes without incoming and without outgoing edges."""
    generator = torch.Generator().manual_seed(3)
    for layer in model:
        keep = torch.rand(layer.in_features, layer.out_features, generator=generator) < 0.6
        keep[:, 1] = keep[0] = False
        keep[-1, -1] = True
        layer.prune_edges(keep, torch.randn(layer.out_features, generator=generator, **DOUBLE))


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_taking_dead_nodes_away_changes_no_output(name, tmp_path):
    model, x = make(name), points()
    cut(model)
    before = model(x)
    compact(model)
    torch.testing.assert_close(model(x), before, rtol=0, atol=1e-12)
    sizes = [4, model[0].out_features, model[1].out_features, 3]
    assert sizes[1] < 8
    assert sizes[2] < 6
    assert model.spec()["sizes"] == sizes
    model.save(tmp_path / "model")
    torch.testing.assert_close(load(tmp_path / "model").eval()(x), model(x), rtol=0, atol=0)


@pytest.mark.parametrize("name", MODELS)
def test_sizes_are_standard_deviations_over_the_data(name):
    model, x = make(name), points()
    layers = dict(model.named_children())
    found = edge_sizes(model, layers, x, "data")
    each = model[1].edge_functions(model[0](x))
    torch.testing.assert_close(found["1"].sizes, each.std(0, unbiased=False))
    torch.testing.assert_close(found["1"].means, each.mean(0))


@pytest.mark.parametrize("fraction", [0.0, 0.5, 0.9])
def test_a_fraction_of_every_layer_goes_and_means_stay(fraction):
    model, x = make("qkan"), points()
    before, hidden = model(x).detach(), model[0](x).detach()
    report = prune(model, x, fraction=fraction, nodes=False)
    assert [int((~r.keep).sum()) for r in report] == [int(fraction * n) for n in (32, 48, 18)]
    torch.testing.assert_close(model[0](x).mean(0), hidden.mean(0))
    if fraction == 0:
        assert torch.equal(model(x), before)
    for layer in report:
        assert not bool((layer.sizes[layer.keep].min() < layer.sizes[~layer.keep]).any())


def test_thresholds_go_by_size_and_repeat():
    model, x = make("kan"), points()
    report = prune(model, x, threshold=0.05, nodes=False)
    assert all(torch.equal(r.keep, r.sizes >= 0.05) for r in report)
    again = prune(model, x, fraction=0.5, nodes=False)
    for first, second in zip(report, again, strict=True):
        assert int(second.keep.sum()) == int(first.keep.sum()) - int(first.keep.sum()) // 2
        assert not bool((second.keep & ~first.keep).any())


def test_parseval_needs_no_data_and_keeps_the_mean_over_a_period():
    layer = QuantumKANLayer(2, 3, base=None, generator=torch.Generator().manual_seed(0), **DOUBLE)
    t = (2 * torch.pi * torch.arange(16, **DOUBLE) / 16).unsqueeze(1).expand(-1, 2)
    each, before = layer.edge_functions(t), layer(t)
    (report,) = prune(layer, norm="parseval", fraction=0.5, nodes=False)
    torch.testing.assert_close(report.sizes, each.std(0, unbiased=False))
    gone = (each - each.mean(0)) * ~report.keep
    torch.testing.assert_close(layer(t), before - gone.sum(1))
    mixed = nn.Sequential(FourierKANLayer(2, 2), BSplineKANLayer(2, 1))
    with pytest.raises(UsageError, match=r"layer '1' is a BSplineKANLayer.*norm='data'"):
        prune(mixed, norm="parseval", fraction=0.5)


def test_the_head_of_a_quanvolution_is_pruned(tmp_path):
    head = {"kind": "kan", "sizes": (16, 5, 2), "layers": ("rbf", "pz(depth=1)")}
    net = QuanvolutionNet(
        image=(1, 4, 4), head=head, generator=torch.Generator().manual_seed(0), **DOUBLE
    )
    images = torch.rand(30, 1, 4, 4, generator=torch.Generator().manual_seed(1), **DOUBLE)
    prune(net, images, fraction=0.9)
    assert net.spec()["head"]["sizes"][1] < 5
    net.save(tmp_path / "net")
    torch.testing.assert_close(load(tmp_path / "net")(images), net(images))


def test_nodes_before_a_layer_norm_stay():
    model = KAN([4, 8, 3], input_map="layer", generator=torch.Generator().manual_seed(0))
    prune(model, points().float(), fraction=0.9)
    assert model.spec()["sizes"] == [4, 8, 3]


def test_the_mode_and_the_statistics_stay():
    model, x = make("batch").train(), points()
    statistics = model[0].input_map.running_mean.clone()
    prune(model, x, fraction=0.5, nodes=False)
    assert torch.equal(model[0].input_map.running_mean, statistics)
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 1e9}, r"all edges of layer '0' would go.*take a smaller one"),
        ({"fraction": 0.97}, r"no path would be left from layer '0'"),
        ({}, "give one of"),
        ({"threshold": 0.1, "fraction": 0.1}, "give one of"),
        ({"threshold": -1.0}, "threshold must be a finite number of at least 0"),
        ({"fraction": 1.0}, r"fraction must be in \[0, 1\)"),
        ({"fraction": 0.5, "norm": "perseval"}, "did you mean 'parseval'"),
    ],
)
def test_mistakes_are_named_and_change_nothing(options, message):
    model = make("qkan")
    with pytest.raises(UsageError, match=message):
        prune(model, points(), **options)
    assert all(layer.mask is None for layer in model)


def test_wrong_data_are_refused():
    model = make("kan")
    with pytest.raises(UsageError, match="needs inputs of the model"):
        prune(model, fraction=0.5)
    with pytest.raises(UsageError, match="at least one sample"):
        prune(model, points(0), fraction=0.5)
    with pytest.raises(UsageError, match="NaN or infinite"):
        prune(model, torch.full((3, 4), torch.nan, **DOUBLE), fraction=0.5)
    with pytest.raises(UsageError, match="no KAN layers"):
        prune(nn.Linear(2, 1), torch.zeros(1, 2), fraction=0.5)
