"""The layers' benchmark: its cases run, and the loop over units computes what our layer does."""

from __future__ import annotations

import torch

from qkan.benchmarks import layers
from qkan.experiments.notebook_networks import TableSplineLayer


def test_every_step_runs():
    names = []
    for name, step in layers.layer_cases([2, 3, 1], 4):
        step()
        names.append(name)
    assert {"MLP", "B-spline product alone", "B-spline", "sine product alone", "sine"} <= set(names)


def test_the_loop_over_units_is_the_same_function():
    ours = TableSplineLayer(5, 4, generator=torch.Generator().manual_seed(0))
    loop = layers._UnitLoopLayer(5, 4)
    loop.load_state_dict(ours.state_dict())
    x = torch.randn(9, 5, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(ours(x), loop(x))
