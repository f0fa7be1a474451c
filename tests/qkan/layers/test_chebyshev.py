"""Chebyshev layers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.polynomial import chebyshev

from circuits.errors import UsageError
from qkan.layers.chebyshev import ChebyshevKANLayer
from qkan.layers.testing import KANLayerContract, TracedLayerContract


class TestContract(KANLayerContract, TracedLayerContract):
    def make(self, **options):
        return ChebyshevKANLayer(3, 2, **options)


class TestClamped(KANLayerContract):
    def make(self, **options):
        return ChebyshevKANLayer(3, 2, squash="clamp", **options)

    def variance_options(self):
        return {"squash": "clamp"}


@pytest.mark.parametrize("degree", [1, 2, 7, 20])
def test_the_recursion_agrees_with_numpy(degree):
    layer = ChebyshevKANLayer(1, 1, degree, (2.0, 6.0), squash="clamp", dtype=torch.float64)
    x = torch.linspace(2, 6, 101, dtype=torch.float64)
    expected = chebyshev.chebvander((x.numpy() - 4) / 2, degree)[:, 1:]
    basis = layer.basis(x.unsqueeze(-1))[:, 0].numpy()
    np.testing.assert_allclose(basis, expected, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_the_gradient_at_the_ends_is_that_of_the_polynomial():
    layer = ChebyshevKANLayer(1, 1, 6, squash="clamp", dtype=torch.float64)
    for end in (-1.0, 1.0):
        x = torch.full((1, 1), end, dtype=torch.float64)
        slope = torch.func.jacrev(lambda point: layer.basis(point)[0, 0])(x)[:, 0, 0]
        k = torch.arange(1, 7, dtype=torch.float64)
        torch.testing.assert_close(slope, k**2 * end ** (k + 1))  # T_k'(+-1)


def test_mistakes_are_named():
    with pytest.raises(UsageError, match="did you mean 'clamp'"):
        ChebyshevKANLayer(2, 1, squash="clmp")
    with pytest.raises(UsageError, match="degree must be an integer of at least 1"):
        ChebyshevKANLayer(2, 1, degree=0)
