"""The contract of KAN layers, for frequencies that are trained."""

import pytest
import torch

from circuits import UsageError
from qkan.layers.qkan.scaled_fourier import ScaledFourierKANLayer
from qkan.layers.testing import LayerContract, TracedLayerContract


class TestPerInput(LayerContract):
    smooth = True

    def make(self, **options):
        return ScaledFourierKANLayer(3, 2, degree=2, **options)


class TestPerEdge(TracedLayerContract):
    smooth = True

    def make(self, **options):
        return ScaledFourierKANLayer(3, 2, degree=2, frequencies="per-edge", **options)


def test_frequencies_of_their_own_agree_with_shared_ones():
    options = {"degree": 3, "dtype": torch.float64}
    shared, own = (
        ScaledFourierKANLayer(
            3, 2, frequencies=f, generator=torch.Generator().manual_seed(0), **options
        )
        for f in ("per-input", "per-edge")
    )
    with torch.no_grad():
        shared.frequency.copy_(torch.tensor([0.5, 1.0, 2.0]))
        own.frequency.copy_(shared.frequency.unsqueeze(1).expand(-1, 2))
    x = torch.randn(20, 3, dtype=torch.float64)
    torch.testing.assert_close(own(x), shared(x))
    torch.testing.assert_close(own.edge_functions(x), shared.edge_functions(x))
    with pytest.raises(UsageError, match="no common basis"):
        own.basis(x)
    own.reset_parameters()
    assert bool((own.frequency == 1).all())


def test_unknown_names_are_refused():
    with pytest.raises(UsageError, match="did you mean 'per-edge'"):
        ScaledFourierKANLayer(3, 2, frequencies="per-egde")
    with pytest.raises(UsageError, match="unknown input map"):
        ScaledFourierKANLayer(3, 2, input_map="tan")
