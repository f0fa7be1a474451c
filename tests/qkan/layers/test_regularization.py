"""Penalties: values in closed form, gradients that reach every coefficient."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.interpolate import make_interp_spline
from torch import nn
from torch.func import functional_call

from circuits.errors import UsageError
from qkan.layers.bspline import BSplineKANLayer
from qkan.layers.fourier import FourierKANLayer
from qkan.layers.quantum_kan import QuantumKANLayer
from qkan.layers.rbf import RBFKANLayer
from qkan.layers.regularization import (
    SpectralPenalty,
    edge_norms,
    entropy_penalty,
    parseval_norms,
    smoothness_penalty,
)

DOUBLE = {"dtype": torch.float64}


def identity_and_square():
    """A layer with the edges x and x^2 of one input, exactly."""
    x = np.linspace(-1, 1, 20)
    splines = [[make_interp_spline(x, x), make_interp_spline(x, x**2)]]
    return BSplineKANLayer.from_scipy(splines, **DOUBLE)


def test_norms_are_means_over_the_data():
    x = torch.tensor([[[-1.0]], [[0.5]]], **DOUBLE)
    norms = edge_norms(identity_and_square(), x)
    torch.testing.assert_close(norms, torch.tensor([[0.75, 0.625]], **DOUBLE))


def test_entropy_at_its_extremes():
    one = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    assert entropy_penalty(one).item() == 0
    assert entropy_penalty(torch.full((3, 4), 0.2)).item() == pytest.approx(math.log(12), rel=1e-6)
    dead = torch.zeros(2, 2, requires_grad=True)
    entropy_penalty(dead).backward()
    assert bool(dead.grad.isfinite().all())


def test_smoothness_is_the_mean_squared_curvature():
    assert smoothness_penalty(identity_and_square()).item() == pytest.approx(2.0, rel=1e-9)
    wave = FourierKANLayer(1, 1, degree=1, **DOUBLE)
    with torch.no_grad():
        wave.coefficients().copy_(torch.tensor([[[1.0], [0.0]]]))
    assert smoothness_penalty(wave, 1001).item() == pytest.approx(0.5, rel=2e-3)


def test_what_has_no_size_is_refused():
    with pytest.raises(UsageError, match="a sample or more"):
        edge_norms(identity_and_square(), torch.zeros(0, 1, **DOUBLE))
    with pytest.raises(UsageError, match="at least 3"):
        smoothness_penalty(identity_and_square(), 2)


def test_every_coefficient_gets_a_gradient_and_it_is_right():
    generator = torch.Generator().manual_seed(0)
    layer = BSplineKANLayer(2, 2, generator=generator, **DOUBLE)
    x = 2 * torch.rand(50, 2, generator=generator, **DOUBLE) - 1

    def total(coefficients):
        def penalty(module, points):
            norms = edge_norms(module, points)
            return norms.sum() + entropy_penalty(norms) + smoothness_penalty(module)

        layer.edge_weight.data = coefficients
        return penalty(layer, x)

    total(layer.edge_weight.detach().clone()).backward()
    gradient = layer.edge_weight.grad
    assert bool((gradient != 0).all())
    start, step = layer.edge_weight.detach().clone(), 1e-6
    for place in [(0, 0), (12, 1), (7, 1)]:
        up, down = start.clone(), start.clone()
        up[place] += step
        down[place] -= step
        slope = (total(up) - total(down)).item() / (2 * step)
        assert gradient[place].item() == pytest.approx(slope, rel=1e-5)


def seeded(kind, *sizes, **options):
    return kind(*sizes, generator=torch.Generator().manual_seed(0), **DOUBLE, **options)


@pytest.mark.parametrize("kind", [QuantumKANLayer, FourierKANLayer])
def test_norms_are_standard_deviations_over_a_period(kind):
    options = {"frequencies": "fixed"} if kind is QuantumKANLayer else {}
    layer = seeded(kind, 2, 3, base=None, **options)
    t = 2 * math.pi * torch.arange(64, **DOUBLE) / 64
    values = layer.edge_functions(t.unsqueeze(1).expand(-1, 2))
    torch.testing.assert_close(parseval_norms(layer), values.std(0, unbiased=False))


def test_high_frequencies_are_the_mean_squared_slope():
    layer = seeded(QuantumKANLayer, 2, 3, base=None, frequencies="fixed")
    t = (2 * math.pi * torch.arange(64, **DOUBLE) / 64).unsqueeze(1).repeat(1, 2).requires_grad_()
    total = 0.0
    for o in range(3):  # one slope an input, so edge by edge
        (slope,) = torch.autograd.grad(layer.edge_functions(t)[..., o].sum(), t)
        total += slope.square().mean(0).sum()
    torch.testing.assert_close(SpectralPenalty(high_frequency=1.0)(layer), total)


@pytest.mark.parametrize("edge", ["pz", "real", "entangled"])
def test_gradcheck_of_the_spectral_penalty(edge):
    model = nn.Sequential(
        seeded(QuantumKANLayer, 2, 3, edge=edge), seeded(FourierKANLayer, 3, 1, base="silu")
    )
    penalty = SpectralPenalty(l1=1.0, entropy=0.5, high_frequency=0.25)
    names = [
        n
        for n, _ in model.named_parameters()
        if not n.endswith(("frequency", "phase", "constant", "bias"))
    ]
    values = [model.get_parameter(n).detach().clone().requires_grad_() for n in names]

    class Penalised(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self):
            return penalty(self.model)

    module = Penalised()

    def call(*values):
        named = {f"model.{n}": v for n, v in zip(names, values, strict=True)}
        return functional_call(module, named, ())

    assert torch.autograd.gradcheck(call, values, fast_mode=True)
    gradients = torch.autograd.grad(call(*values), values)
    assert all(bool((g != 0).any()) for g in gradients)


def test_pruned_edges_cost_nothing_and_have_finite_gradients():
    layer = seeded(QuantumKANLayer, 2, 2, weight=False)
    keep = torch.tensor([[True, False], [True, True]])
    layer.prune_edges(keep)
    assert torch.equal(parseval_norms(layer) != 0, keep)
    SpectralPenalty(l1=1.0, entropy=1.0, high_frequency=1.0)(layer).backward()
    assert all(bool(p.grad.isfinite().all()) for p in layer.parameters() if p.grad is not None)
    assert layer.edge_weight.grad[0, 1] == 0


@pytest.mark.slow
def test_training_with_the_penalty_turns_edges_off():
    layer = seeded(QuantumKANLayer, 3, 1)
    x = torch.randn(100, 3, generator=torch.Generator().manual_seed(2), **DOUBLE)
    y = torch.sin(x[:, :1])
    penalty = SpectralPenalty(l1=0.05)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        ((layer(x) - y).square().mean() + penalty(layer)).backward()
        optimizer.step()
    norms = parseval_norms(layer).flatten()
    assert norms[0] > 10 * norms[1:].max()


def test_mistakes_in_a_spectral_penalty_are_named():
    with pytest.raises(UsageError, match="l1 must be a finite number of at least 0, got -1"):
        SpectralPenalty(l1=-1)
    with pytest.raises(UsageError, match="entropy must be a finite number"):
        SpectralPenalty(entropy=math.nan)
    with pytest.raises(UsageError, match=r"Sequential has no edges.*edge_norms"):
        SpectralPenalty(l1=1)(nn.Sequential(nn.Linear(2, 1), RBFKANLayer(1, 1)))
