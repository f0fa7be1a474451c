"""Penalties: values in closed form, gradients that reach every coefficient."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.interpolate import make_interp_spline

from circuits.errors import UsageError
from qkan.layers.bspline import BSplineKANLayer
from qkan.layers.fourier import FourierKANLayer
from qkan.layers.regularization import (
    edge_norms,
    entropy_penalty,
    l1_penalty,
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
    assert l1_penalty(norms).item() == pytest.approx(1.375)


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


def test_smoothness_needs_three_points():
    with pytest.raises(UsageError, match="at least 3"):
        smoothness_penalty(identity_and_square(), 2)


def test_every_coefficient_gets_a_gradient_and_it_is_right():
    generator = torch.Generator().manual_seed(0)
    layer = BSplineKANLayer(2, 2, generator=generator, **DOUBLE)
    x = 2 * torch.rand(50, 2, generator=generator, **DOUBLE) - 1

    def total(coefficients):
        def penalty(module, points):
            norms = edge_norms(module, points)
            return l1_penalty(norms) + entropy_penalty(norms) + smoothness_penalty(module)

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
