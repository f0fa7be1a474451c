import math

import pytest
import torch

from qkan.experiments.quanvolution.random_features import RandomCosines


@pytest.mark.parametrize("side", [2, 3])
def test_it_equals_a_loop_over_patches(side):
    layer = RandomCosines(5, seed=3, kernel_size=side)
    images = torch.rand(2, 1, 7, 7, dtype=torch.float64)
    maps = layer(images)
    assert maps.shape == (2, 5, 7 // side, 7 // side)
    for n, c, j, k in [(0, 0, 0, 0), (1, 4, 1, 0), (1, 2, 7 // side - 1, 1)]:
        patch = images[n, 0, side * j : side * (j + 1), side * k : side * (k + 1)]
        expected = math.cos((patch * layer.weight[c, 0]).sum() + layer.bias[c])
        assert maps[n, c, j, k].item() == pytest.approx(expected, abs=1e-12)


def test_frequencies_have_the_mean_square_of_the_encoding():
    weight = RandomCosines(20_000, seed=0).weight
    assert weight.square().sum(dim=(1, 2, 3)).mean().item() == pytest.approx(math.pi**2, rel=0.03)


def test_seeds_differ_and_repeat():
    images = torch.rand(1, 1, 4, 4)
    first, again, other = (RandomCosines(4, seed=s)(images) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
