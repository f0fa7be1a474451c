"""The notebook's first activation, against SciPy itself."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

from circuits.errors import UsageError
from qkan.layers.scipy_activation import SciPyActivation


def seeded(*arguments, **options):
    return SciPyActivation(*arguments, generator=torch.Generator().manual_seed(0), **options)


@pytest.mark.parametrize(("num_knots", "degree"), [(10, 3), (8, 3), (9, 1), (12, 4), (5, 0)])
def test_values_and_slopes_are_scipys_everywhere(num_knots, degree):
    activation = seeded(num_knots, degree, dtype=torch.float64)
    x = torch.linspace(-2.99, 2.98, 500, dtype=torch.float64, requires_grad=True)
    spline = activation.to_scipy()
    y = activation(x)
    np.testing.assert_allclose(y.detach(), spline(x.detach()), rtol=1e-11, atol=1e-12)
    if degree:
        (slope,) = torch.autograd.grad(y.sum(), x)
        np.testing.assert_allclose(slope, spline(x.detach(), 1), rtol=1e-10, atol=1e-11)


def test_the_facts_of_the_notebook():
    activation = seeded()
    assert list(activation.parameters()) == []
    spline = activation.to_scipy()
    lower, upper = spline.t[3], spline.t[6]
    assert (lower, upper) == (pytest.approx(-1 / 3), pytest.approx(1 / 3))
    x = torch.linspace(-2, 2, 9)
    before = activation(x)
    activation.coefficients[6:] = 7.0  # the last four are never used
    assert torch.equal(activation(x), before)
    sizes = [
        abs(SciPyActivation(generator=torch.Generator().manual_seed(seed)).to_scipy()(2.0))
        for seed in range(200)
    ]
    assert 200 < np.median(sizes) < 400


def test_shapes_copies_and_state():
    activation = seeded()
    x = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(1))
    assert activation(x).shape == x.shape
    other = SciPyActivation()
    other.load_state_dict(activation.state_dict())
    for twin in (other, copy.deepcopy(activation), pickle.loads(pickle.dumps(activation))):
        assert torch.equal(twin(x), activation(x))


def test_too_few_knots_are_named():
    with pytest.raises(UsageError, match="degree 3 needs at least 8 knots, got 7"):
        SciPyActivation(7, 3)
    with pytest.raises(UsageError, match="degree must be"):
        SciPyActivation(degree=-1)
