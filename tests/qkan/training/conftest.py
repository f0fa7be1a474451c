"""Small data, and a small model with all that a checkpoint has to remember."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from qkan.models.image import MLP


class SmallNet(nn.Sequential):
    """Dropout, running statistics and a layer that is not trained."""

    def __init__(self, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        mlp = MLP([4, 8, 3], dropout=0.3, generator=generator)
        first, *rest = mlp
        super().__init__(nn.BatchNorm1d(4), first.requires_grad_(False), *rest)


@pytest.fixture
def data():
    """Sixty samples of three classes that four features tell apart."""
    generator = torch.Generator().manual_seed(7)
    y = torch.arange(60) % 3
    x = torch.randn(60, 4, generator=generator) + nn.functional.one_hot(y, 4) * 2
    return x, y


@pytest.fixture
def net():
    """Return a new network with the weights of a seed."""
    return SmallNet
