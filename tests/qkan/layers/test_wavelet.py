"""Wavelet layers."""

import pytest
import torch

from circuits.errors import UsageError
from qkan.layers.testing import KANLayerContract, TracedLayerContract
from qkan.layers.wavelet import WAVELETS, WaveletKANLayer


class TestContract(KANLayerContract, TracedLayerContract):
    def make(self, **options):
        return WaveletKANLayer(3, 2, **options)


@pytest.mark.parametrize("name", WAVELETS)
def test_wavelets_have_no_mean(name):
    t = torch.linspace(-12, 12, 4001, dtype=torch.float64)
    admissible = 1e-5 if name == "morlet" else 1e-12
    assert abs(float(torch.trapezoid(WAVELETS[name](t), t))) < admissible


def test_an_unknown_wavelet_is_named():
    with pytest.raises(UsageError, match="did you mean 'morlet'"):
        WaveletKANLayer(2, 2, wavelet="morlett")
