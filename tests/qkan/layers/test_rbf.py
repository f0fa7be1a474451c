"""Radial basis function layers."""

from __future__ import annotations

import pytest
import torch

from circuits.errors import UsageError
from qkan.layers import (
    BSplineKANLayer,
    ChebyshevKANLayer,
    FourierKANLayer,
    RBFKANLayer,
    SineKANLayer,
    WaveletKANLayer,
)
from qkan.layers.testing import KANLayerContract, TracedLayerContract


class TestContract(KANLayerContract, TracedLayerContract):
    def make(self, **options):
        return RBFKANLayer(3, 2, **{"domain": (-1.0, 1.0), **options})


def test_each_basis_peaks_at_its_centre_and_falls_to_1_over_e_at_the_next():
    layer = RBFKANLayer(1, 1, 5, (0.0, 8.0), dtype=torch.float64)
    centres = torch.linspace(0, 8, 5, dtype=torch.float64).unsqueeze(-1)
    basis = layer.basis(centres)[:, 0]
    distance = torch.arange(5.0, dtype=torch.float64)
    expected = torch.exp(-((distance - distance.unsqueeze(-1)) ** 2))
    torch.testing.assert_close(basis, expected)


def test_one_centre_has_no_width():
    with pytest.raises(UsageError, match="grid must be an integer of at least 2"):
        RBFKANLayer(2, 1, grid=1)


def test_input_maps_that_cannot_work_are_refused():
    with pytest.raises(UsageError, match="makes a single input 0"):
        RBFKANLayer(1, 1, input_map="layer")
    with pytest.raises(UsageError, match="one sample has no variance"):
        RBFKANLayer(2, 1, input_map="batch")(torch.zeros(1, 2))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (ChebyshevKANLayer, {"squash": None}),
        (SineKANLayer, {"init": 3}),
        (WaveletKANLayer, {"wavelet": ["morlet"]}),
        (BSplineKANLayer, {"extrapolation": [1]}),
        (FourierKANLayer, {"frequencies": 1}),
        (RBFKANLayer, {"base": ["silu"]}),
        (RBFKANLayer, {"input_map": ["tanh"]}),
    ],
)
def test_what_is_no_name_is_refused_with_the_names(kind, options):
    with pytest.raises(UsageError, match=r"^unknown .*Known: "):
        kind(2, 1, **options)


@pytest.mark.parametrize("sizes", [(1, 1, 10**9), (10**9, 10**9, 8)])
def test_layers_that_no_memory_holds_are_refused(sizes):
    with pytest.raises(UsageError, match="too many"):
        RBFKANLayer(*sizes)
