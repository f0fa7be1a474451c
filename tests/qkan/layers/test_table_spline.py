"""The notebook's second layer, against its loop over the units."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline
from torch.nn import functional

from circuits.errors import UsageError
from qkan.layers.table_spline import TableSplineLayer
from qkan.layers.testing import TracedLayerContract


class TestContract(TracedLayerContract):
    smooth = False

    def make(self, **options):
        return TableSplineLayer(3, 2, **options)

    # The values are steps in the input: neither a gradient nor a NaN gets through.
    test_gradcheck = None
    test_hessian_is_symmetric = None
    test_compile_without_graph_breaks = None
    test_nan_is_refused_or_stays_in_its_row = None


def seeded(*arguments, **options):
    return TableSplineLayer(*arguments, generator=torch.Generator().manual_seed(0), **options)


def test_all_units_at_once_agree_with_one_after_the_other():
    layer = seeded(6, 5, dtype=torch.float64)
    x = torch.randn(40, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    points = torch.linspace(-1, 1, 100, dtype=torch.float64)
    z = functional.linear(x, layer.weight, layer.bias)
    units = []
    for o in range(5):
        row = (z[:, o].unsqueeze(-1) - points).abs().argmin(1)
        units.append(layer.table[row] @ layer.coefficients[o])
    expected = layer.batch_norm(torch.stack(units, dim=1))
    torch.testing.assert_close(layer(x), expected)


def test_the_table_holds_scipys_bases():
    table = seeded(2, 2, dtype=torch.float64).table
    assert table.shape == (100, 6)
    knots, points = np.linspace(-1, 1, 10), np.linspace(-1, 1, 100)
    inside = (points >= knots[3]) & (points <= knots[6])
    design = BSpline.design_matrix(points[inside], knots, 3).toarray()
    np.testing.assert_allclose(table[torch.from_numpy(inside)], design, atol=1e-14)
    assert bool((table[[0, -1]] == 0).all())


def test_gradients_reach_the_splines_and_nothing_before_them():
    layer = seeded(4, 3)
    x = torch.zeros(8, 4, requires_grad=True)
    with torch.no_grad():
        x.copy_(torch.randn(8, 4, generator=torch.Generator().manual_seed(1)) / 4)
    (layer(x) * torch.arange(24.0).view(8, 3)).sum().backward()
    assert bool(layer.coefficients.grad.abs().sum(1).gt(0).all())
    assert x.grad is layer.weight.grad is layer.bias.grad is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_knots": 4}, "degree 3 needs at least 5 knots, got 4"),
        ({"degree": -1}, "degree must be"),
        ({"rows": 1}, "rows must be"),
    ],
)
def test_mistakes_are_named(options, message):
    with pytest.raises(UsageError, match=message):
        TableSplineLayer(2, 2, **options)
