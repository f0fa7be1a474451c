"""Fourier layers."""

from __future__ import annotations

import math

import pytest
import torch

from circuits.errors import UsageError
from qkan.layers.fourier import FourierKANLayer
from qkan.layers.testing import KANLayerContract, TracedLayerContract


class TestContract(KANLayerContract, TracedLayerContract):
    def make(self, **options):
        return FourierKANLayer(3, 2, **options)


@pytest.mark.parametrize("scale", [1.0, math.pi])
def test_the_spectrum_is_that_of_the_degree(scale):
    degree, n = 3, 16
    layer = FourierKANLayer(1, 1, degree, scale=scale, dtype=torch.float64)
    x = 2 * math.pi / scale * torch.arange(n, dtype=torch.float64) / n
    spectrum = torch.fft.rfft(layer(x.unsqueeze(-1)).detach()[:, 0]) / n
    cosines, sines = layer.coefficients().detach()[0, :, 0].split(degree)
    torch.testing.assert_close(2 * spectrum[1 : degree + 1].real, cosines)
    torch.testing.assert_close(-2 * spectrum[1 : degree + 1].imag, sines)
    assert float(spectrum[degree + 1 :].abs().max()) < 1e-15


@pytest.mark.parametrize("scale", [0.0, -1.0, math.inf, math.nan])
def test_the_scale_is_positive(scale):
    with pytest.raises(UsageError, match="scale must be positive"):
        FourierKANLayer(2, 1, scale=scale)


def test_the_degree_is_positive():
    with pytest.raises(UsageError, match="degree must be an integer of at least 1"):
        FourierKANLayer(2, 1, degree=0)
