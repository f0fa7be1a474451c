"""The notebook's two networks, against SciPy itself and against its loop over the units."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline

from circuits.errors import UsageError
from qkan.analysis import connection_strengths
from qkan.experiments.notebook_networks import (
    SciPyActivation,
    SciPyKAN,
    TableKAN,
    TableSplineLayer,
    learned_curves,
    make,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("num_knots", "degree"), [(10, 3), (9, 1), (12, 4), (5, 0)])
def test_values_and_slopes_are_scipys_everywhere(num_knots, degree):
    activation = SciPyActivation(num_knots, degree, generator=generator(), dtype=torch.float64)
    x = torch.linspace(-2.99, 2.98, 500, dtype=torch.float64, requires_grad=True)
    spline = activation.to_scipy()
    y = activation(x)
    np.testing.assert_allclose(y.detach(), spline(x.detach()), rtol=1e-11, atol=1e-12)
    if degree:
        (slope,) = torch.autograd.grad(y.sum(), x)
        np.testing.assert_allclose(slope, spline(x.detach(), 1), rtol=1e-10, atol=1e-11)


def test_the_facts_of_the_notebook():
    activation = SciPyActivation(generator=generator())
    assert list(activation.parameters()) == []
    assert activation.valid == pytest.approx((-1 / 3, 1 / 3))
    x = torch.linspace(-2, 2, 9)
    before = activation(x)
    activation.coefficients[6:] = 7.0  # the last four are never used
    assert torch.equal(activation(x), before)
    sizes = [abs(SciPyActivation(generator=generator(seed)).to_scipy()(2.0)) for seed in range(200)]
    assert 200 < np.median(sizes) < 400


def test_all_units_at_once_agree_with_one_after_the_other():
    layer = TableSplineLayer(6, 5, generator=generator(), dtype=torch.float64)
    x = torch.randn(40, 6, generator=generator(1), dtype=torch.float64)
    points = torch.linspace(-1, 1, 100, dtype=torch.float64)
    units = []
    for z, coefficients in zip(layer.affine(x).T, layer.coefficients, strict=True):
        row = (z.unsqueeze(-1) - points).abs().argmin(1)
        units.append(layer.table[row] @ coefficients)
    torch.testing.assert_close(layer(x), layer.batch_norm(torch.stack(units, dim=1)))


def test_the_table_holds_scipys_bases():
    table = TableSplineLayer(2, 2, dtype=torch.float64).table
    assert table.shape == (100, 6)
    knots, points = np.linspace(-1, 1, 10), np.linspace(-1, 1, 100)
    inside = (points >= knots[3]) & (points <= knots[6])
    design = BSpline.design_matrix(points[inside], knots, 3).toarray()
    np.testing.assert_allclose(table[torch.from_numpy(inside)], design, atol=1e-14)
    assert bool((table[[0, -1]] == 0).all())


def test_too_few_knots_are_named():
    with pytest.raises(UsageError, match="degree 3 needs at least 8 knots, got 7"):
        SciPyActivation(7, 3)
    with pytest.raises(UsageError, match="degree 3 needs at least 5 knots, got 4"):
        TableSplineLayer(2, 2, 4)


def test_the_scipy_kan_is_dense_layers_around_one_spline():
    model = SciPyKAN([4, 5, 6, 3], generator=generator())
    (spline,) = {module for module in model.modules() if isinstance(module, SciPyActivation)}
    x = torch.randn(7, 4, generator=generator())
    torch.testing.assert_close(model(x), model[4](spline(model[2](spline(model[0](x))))))
    assert model.num_parameters == 4 * 5 + 5 + 5 * 6 + 6 + 6 * 3 + 3


def test_no_gradient_passes_a_table():
    model = TableKAN([6, 5, 4, 3], generator=generator())
    model(torch.randn(9, 6, generator=generator())).square().sum().backward()
    trained = {n for n, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    norm = {"1.batch_norm.weight", "1.batch_norm.bias"}
    assert trained == {"1.coefficients", *norm, "2.weight", "2.bias"}


def test_a_seed_gives_the_weights_of_the_first_house():
    # Sums at commit 48b0256, float32.
    def total(model):
        return float(sum(p.detach().double().abs().sum() for p in model.parameters()))

    one = make({"kind": "scipykan", "sizes": [12, 7, 3]}, generator=generator())
    two = make({"kind": "tablekan", "sizes": [12, 7, 5, 3]}, generator=generator())
    assert total(one) == pytest.approx(16.684200, rel=1e-6)
    assert total(two) == pytest.approx(95.184392, rel=1e-6)


def test_the_shared_spline_and_what_reaches_it():
    model = SciPyKAN([6, 5, 3], generator=generator())
    x = torch.rand(40, 6, generator=generator())
    (curve,) = learned_curves(model, x)
    np.testing.assert_allclose(curve.y, model[1].to_scipy()(curve.x), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(curve.data, model[0](x).detach().flatten(), rtol=1e-5, atol=1e-6)
    assert curve.domain == pytest.approx((-1 / 3, 1 / 3))


def test_the_units_of_the_last_table_and_looking_changes_nothing():
    model = TableKAN([6, 5, 4, 3], generator=generator())
    x = torch.rand(40, 6, generator=generator())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    curves = learned_curves(model, x, most=3)
    assert [curve.name for curve in curves] == ["unit 0", "unit 1", "unit 2"]
    table = model[1].table @ model[1].coefficients.T
    np.testing.assert_allclose(curves[2].y, table[:, 2].detach(), atol=1e-6)
    assert connection_strengths(model, x)[1].shape == (5, 4)
    assert model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
