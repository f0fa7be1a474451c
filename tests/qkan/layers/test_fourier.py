"""Fourier layers."""

from __future__ import annotations

import math

import pytest
import torch

from circuits import fourier
from circuits.errors import UsageError
from qkan.layers.fourier import FourierKANLayer
from qkan.layers.testing import KANLayerContract, TracedLayerContract


class TestContract(KANLayerContract, TracedLayerContract):
    def make(self, **options):
        return FourierKANLayer(3, 2, **options)


class TestPerInput(KANLayerContract):
    def make(self, **options):
        return FourierKANLayer(3, 2, degree=2, frequencies="per-input", **options)


class TestPerEdge(KANLayerContract, TracedLayerContract):
    def make(self, **options):
        return FourierKANLayer(3, 2, degree=2, frequencies="per-edge", **options)


def test_frequencies_of_their_own_agree_with_shared_ones():
    options = {"degree": 3, "dtype": torch.float64, "base": "silu"}
    shared, own = (
        FourierKANLayer(3, 2, frequencies=f, generator=torch.Generator().manual_seed(0), **options)
        for f in ("per-input", "per-edge")
    )
    with torch.no_grad():
        shared.frequency.copy_(torch.tensor([0.5, 1.0, 2.0]))
        own.frequency.copy_(shared.frequency.unsqueeze(1).expand(-1, 2))
    x = torch.randn(20, 3, dtype=torch.float64)
    torch.testing.assert_close(own(x), shared(x))
    torch.testing.assert_close(own.edge_functions(x), shared.edge_functions(x))
    own.reset_parameters()
    assert bool((own.frequency == 1).all())


def test_the_basis_is_that_of_numpy():
    layer = FourierKANLayer(1, 1, 3, scale=1.5, dtype=torch.float64)
    x = torch.linspace(-4, 4, 50, dtype=torch.float64).unsqueeze(1)
    wanted = fourier.basis(x[:, 0].numpy(), 3, 1.5)[1:]
    torch.testing.assert_close(layer.basis(x)[:, 0].T, torch.from_numpy(wanted), rtol=0, atol=1e-14)


@pytest.mark.parametrize("scale", [1.0, math.pi])
def test_the_spectrum_is_that_of_the_degree(scale):
    degree, n = 3, 16
    layer = FourierKANLayer(1, 1, degree, scale=scale, dtype=torch.float64)
    x = 2 * math.pi / scale * torch.arange(n, dtype=torch.float64) / n
    spectrum = torch.fft.rfft(layer(x.unsqueeze(-1)).detach()[:, 0]) / n
    cosines, sines = layer.coefficients().detach()[0, :, 0].view(degree, 2).T
    torch.testing.assert_close(2 * spectrum[1 : degree + 1].real, cosines)
    torch.testing.assert_close(-2 * spectrum[1 : degree + 1].imag, sines)
    assert float(spectrum[degree + 1 :].abs().max()) < 1e-15


@pytest.mark.parametrize("scale", [0.0, -1.0, math.inf, math.nan])
def test_the_scale_is_positive(scale):
    with pytest.raises(UsageError, match="scale must be a finite number greater than 0"):
        FourierKANLayer(2, 1, scale=scale)


def test_the_degree_is_positive():
    with pytest.raises(UsageError, match="degree must be an integer of at least 1"):
        FourierKANLayer(2, 1, degree=0)


def test_unknown_names_are_refused():
    with pytest.raises(UsageError, match="did you mean 'per-edge'"):
        FourierKANLayer(3, 2, frequencies="per-egde")
