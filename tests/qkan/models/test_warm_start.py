"""from_kan(): quantum edges that follow classical ones."""

import math

import pennylane as qml
import pytest
import torch
from torch import nn

import circuits
from circuits import UsageError
from qkan.layers.checks import evaluating
from qkan.layers.quantum_kan import QuantumKANLayer
from qkan.models import KAN, MLP, QKAN, SineKAN, load
from qkan.models.pruning import inputs_of

DOUBLE = {"dtype": torch.float64}


def seeded(kind, *args, **options):
    return kind(*args, generator=torch.Generator().manual_seed(0), **{**DOUBLE, **options})


def points(count=200, size=3):
    x = torch.rand(count, size, generator=torch.Generator().manual_seed(1), **DOUBLE)
    return 1.6 * x - 0.8


def fitted(kan, edge="pz(depth=3)", **options):
    options = {"starts": 2, "iterations": 24, "points": 33, **options}
    return QKAN.from_kan(kan, edge, generator=torch.Generator().manual_seed(2), **options)


def relative(fits):
    return float(fits.rms.square().sum().sqrt() / fits.spread.square().sum().sqrt())


KANS = {
    "biased": lambda: seeded(KAN, [3, 2, 1], bias=True, extrapolation="clamp", base="tanh"),
    "batch": lambda: seeded(KAN, [3, 2, 1], input_map="batch"),
    "tanh": lambda: seeded(KAN, [3, 2, 1], input_map="tanh"),
    "sine": lambda: seeded(SineKAN, [3, 2, 1]),
    "mixed": lambda: seeded(KAN, [3, 2, 1], ("chebyshev", "fourier(degree=3)")),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", KANS)
def test_the_network_follows_every_kind_of_kan(name):
    kan, x = KANS[name](), points()
    kan(x)  # moves running statistics
    model = fitted(kan, "pz(depth=4)", x=x).eval()
    wanted = kan.eval()(x)
    error = (model(x) - wanted).square().mean().sqrt() / wanted.std()
    assert float(error.detach()) < 0.1
    seen = inputs_of(kan, dict(kan.named_children()), x).values()
    for fits, inputs in zip(model.warm_start, seen, strict=True):
        assert relative(fits) < 0.05
        torch.testing.assert_close(fits.lower, inputs.amin(0))
        torch.testing.assert_close(fits.upper, inputs.amax(0))


def test_phase_edges_reach_what_free_coefficients_reach():
    """With a factor in front, an edge of degree d is any trigonometric polynomial of degree d."""
    kan = seeded(KAN, [1, 3], "bspline(grid=8)", domain=(-math.pi, math.pi), base=None)
    model = fitted(kan, "pz", frequencies="fixed", starts=4, iterations=60)
    t = torch.linspace(-math.pi, math.pi, 33, **DOUBLE)
    waves = [f(k * t) for k in (1, 2, 3) for f in (torch.cos, torch.sin)]
    basis = torch.stack([torch.ones_like(t), *waves], dim=-1)
    curves = kan[0].edge_functions(t.unsqueeze(1))[:, 0].detach()
    floor = (curves - basis @ torch.linalg.lstsq(basis, curves).solution).square().mean(0).sqrt()
    torch.testing.assert_close(model.warm_start[0].rms[0], floor, rtol=1e-3, atol=1e-9)


@circuits.circuit(wires=1)
def frozen(inputs):
    qml.RX(inputs[..., 0], wires=0)


def test_edges_without_weights_are_fitted_by_what_they_have():
    (fits,) = fitted(seeded(KAN, [3, 2]), frozen).warm_start
    assert relative(fits) < 0.9


@pytest.mark.slow
@pytest.mark.parametrize("frequencies", ["per-input", "per-edge", "fixed"])
def test_what_is_reported_is_what_is_there(frequencies):
    kan = seeded(KAN, [3, 2], bias=True)
    with torch.no_grad():
        kan[0].bias.copy_(torch.tensor([0.5, -1.0]))
    model = fitted(kan, "rpz", frequencies=frequencies)
    (fits,) = model.warm_start
    x = torch.linspace(-1, 1, 33, **DOUBLE).unsqueeze(1).expand(-1, 3)
    residual = model[0].edge_functions(x) - kan[0].edge_functions(x)
    # Constants that belong to no edge are in the offset.
    lost = residual - residual.mean(0)
    assert bool((lost.square().mean(0).sqrt() <= fits.rms + 1e-9).all())
    assert bool(((model(x) - kan(x)).abs() <= fits.max.sum(0) + 1e-9).all())


@pytest.mark.slow
@pytest.mark.parametrize("frequencies", ["per-input", "per-edge"])
def test_a_networks_own_functions_are_recovered(frequencies):
    source = seeded(QKAN, [3, 4, 2], frequencies=frequencies, edge="pz(depth=2)")
    twin = source.to_classical()
    model = fitted(twin, "pz(depth=2)", frequencies=frequencies, starts=6, iterations=40)
    for fits in model.warm_start:
        share = fits.rms / fits.spread
        assert float(share.median()) < 1e-6
        assert float(share.max()) < 1e-2
    x = points()
    torch.testing.assert_close(model(x), source(x), rtol=0, atol=0.05)


@pytest.mark.slow
def test_the_residual_shrinks_with_depth():
    kan = seeded(KAN, [2, 2])
    shares = [relative(fitted(kan, f"pz(depth={d})").warm_start[0]) for d in (1, 2, 4, 6)]
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] < 0.1 * shares[0]


@pytest.mark.slow
def test_pruned_edges_stay_pruned():
    kan, x = seeded(KAN, [3, 6, 2]), points()
    kan.prune(x, fraction=0.6)
    model = fitted(kan, "pz(depth=4)", x=x)
    assert model.spec()["sizes"] == kan.spec()["sizes"]
    torch.testing.assert_close(model(x), kan(x), rtol=0, atol=0.15)
    for fits, quantum, layer in zip(model.warm_start, model, kan, strict=True):
        assert torch.equal(quantum.kept_edges, layer.kept_edges)
        assert bool((fits.rms[~quantum.kept_edges] == 0).all())


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"weight": False}, {"bias": False}, {"base": None}])
def test_parts_that_are_off_stay_off(options, tmp_path):
    kan = seeded(KAN, [3, 2])
    model = fitted(kan, "pz(depth=2)", **options)
    ((name, value),) = options.items()
    assert f"{name}={value}" in model.spec()["layers"][0]
    x = torch.linspace(-1, 1, 33, **DOUBLE).unsqueeze(1).expand(-1, 3)
    difference = (model(x) - kan(x)).abs()
    assert bool((difference <= model.warm_start[0].max.sum(0) + 1e-9).all())
    model.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert again.spec() == model.spec()
    assert torch.equal(again(x), model(x))


@pytest.mark.slow
def test_one_seed_one_network_and_no_other_randomness():
    kan = seeded(KAN, [2, 2], dtype=torch.float32).eval()
    before = torch.get_rng_state()
    first, second = (fitted(kan, "pz(depth=1)") for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(map(torch.equal, first.state_dict().values(), second.state_dict().values()))
    assert first.dtype == torch.float32
    assert not first.training


@pytest.mark.slow
def test_ranges_come_from_a_domain_or_from_data():
    kan = seeded(KAN, [2, 1])
    wide = fitted(kan, domain=(-3.0, 2.0)).warm_start[0]
    assert (float(wide.lower[0]), float(wide.upper[0])) == (-3, 2)
    x = torch.tensor([[0.0, 0.5], [0.4, 0.5]], **DOUBLE)  # the second input never changes
    narrow = fitted(kan, x=x).warm_start[0]
    torch.testing.assert_close(narrow.upper - narrow.lower, torch.tensor([0.4, 1.0], **DOUBLE))


@pytest.mark.slow
def test_own_input_maps():
    kan, x = seeded(KAN, [3, 2]), points()
    model = fitted(kan, "pz(depth=5)", x=x, input_map="standardise").eval()
    torch.testing.assert_close(model[0].input_map.running_mean, x.mean(0))
    torch.testing.assert_close(model(x), kan(x), rtol=0, atol=0.05)
    with evaluating(model):
        torch.testing.assert_close(fitted(kan, input_map="arccos")(x), kan(x), rtol=0, atol=0.2)
    with pytest.raises(UsageError, match="needs data here"):
        fitted(kan, input_map="standardise")


@pytest.mark.parametrize(
    ("kan", "options", "message"),
    [
        (lambda: MLP([2, 1]), {}, "MLP holds Linear"),
        (nn.Sequential, {}, "Sequential holds none"),
        (lambda: nn.Sequential(QuantumKANLayer(2, 1)), {}, "holds QuantumKANLayer"),
        (lambda: KAN([2, 1], input_map="layer"), {}, "mixes the inputs"),
        (lambda: KAN([2, 1]), {"points": 2}, "points must be an integer of at least 5"),
        (lambda: KAN([2, 1]), {"starts": 0}, "starts must be"),
        (lambda: KAN([2, 1]), {"domain": (1, -1)}, "min < max"),
        (lambda: KAN([2, 1]), {"domain": (0, 1), "x": torch.zeros(1, 2)}, "not both"),
        (lambda: KAN([2, 1]), {"x": torch.full((1, 2), torch.nan)}, "NaN"),
        (lambda: KAN([2, 1]), {"x": torch.zeros(0, 2)}, "at least one sample"),
        (lambda: KAN([2, 1]), {"frequences": "fixed"}, "did you mean 'frequencies'"),
    ],
)
def test_mistakes_are_named(kan, options, message):
    with pytest.raises(UsageError, match=message):
        fitted(kan(), **options)


def test_inputs_outside_the_fitted_ranges_are_spoken_of():
    kan = seeded(KAN, [2, 2, 1])
    with torch.no_grad():
        kan[0].edge_weight.mul_(8)
    with pytest.warns(UserWarning, match=r"layer 1 sees inputs from .* from_kan\(kan, x=\.\.\.\)"):
        fitted(kan)
    fitted(kan, x=points(size=2))  # over these nothing is outside
