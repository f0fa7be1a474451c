"""SineKAN layers: the authors' phases, frequencies and initial weights."""

from __future__ import annotations

import math

import pytest
import torch

from circuits.errors import UsageError
from qkan.layers.sine import SineKANLayer
from qkan.layers.testing import KANLayerContract, TracedLayerContract


class TestContract(KANLayerContract, TracedLayerContract):
    def make(self, **options):
        return SineKANLayer(3, 2, **{"grid": 4, **options})

    def variance_options(self):
        return {"init": "variance"}


class TestFirstLayer(KANLayerContract):
    def make(self, **options):
        return SineKANLayer(3, 2, **{"grid": 4, "first": True, **options})

    def variance_options(self):
        return {"init": "variance", "first": True}


def test_phases_by_the_recursion_of_the_paper():
    grid, inputs = 5, 4
    layer = SineKANLayer(inputs, 2, grid, dtype=torch.float64)
    for i in range(inputs):
        for k in range(1, grid + 1):
            phase = k / (grid + 1) + math.pi * i / (inputs - 1)
            for j in range(1, grid):
                phase *= 0.9724108095811765 * j**-0.9884401790754128 + 0.999449553483052
            assert float(layer.phases[i, k - 1]) == pytest.approx(phase, rel=1e-14)


def test_the_sum_of_the_paper():
    layer = SineKANLayer(3, 2, 4, dtype=torch.float64)
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = layer.bias.detach().expand(5, 2).clone()
    for i in range(3):
        for k in range(4):
            wave = torch.sin(layer.frequencies[k] * x[:, i] + layer.phases[i, k])
            y += (wave.unsqueeze(-1) * layer.coefficients()[i, k]).detach()
    torch.testing.assert_close(layer(x), y)


@pytest.mark.parametrize("first", [True, False])
def test_initial_values(first):
    generator = torch.Generator().manual_seed(0)
    layer = SineKANLayer(200, 50, 8, first=first, generator=generator)
    order = torch.arange(1.0, 9.0)
    torch.testing.assert_close(layer.frequencies, order if first else order / 9)
    edges = layer.coefficients() * order.unsqueeze(-1) * 50  # one draw per edge
    torch.testing.assert_close(edges, edges[:, :1].expand(-1, 8, -1))
    assert float(edges.detach().std()) == pytest.approx(0.4 if first else 3**-0.5, rel=0.03)
    torch.testing.assert_close(layer.bias, torch.full((50,), 1 / 50))


def test_one_input_has_phase_zero_to_begin_with():
    assert bool(SineKANLayer(1, 1, 3).phases.isfinite().all())


def test_mistakes_are_named():
    with pytest.raises(UsageError, match="did you mean 'paper'"):
        SineKANLayer(2, 1, init="papre")
    with pytest.raises(UsageError, match="grid must be an integer of at least 1"):
        SineKANLayer(2, 1, grid=0)
