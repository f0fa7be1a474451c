"""What a one-layer tagger has learned: its edges against likelihood ratios, their ranks, formulas and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from qkan.analysis import fit_formula
from qkan.analysis.edges import edge_values, kan_layers
from qkan.analysis.lookup_table import LookUpTables
from qkan.experiments.jets.features import Split
from qkan.experiments.jets.inputs import INPUTS
from qkan.experiments.jets.likelihood import EdgeAgainstRatio, compare
from qkan.experiments.jets.metrics import roc
from qkan.layers.checks import evaluating
from qkan.training import predict

__all__ = ["edges_against_ratios", "formulas", "table_errors"]

_POINTS = 61


def edges_against_ratios(net: nn.Module, inputs: int, data: Split) -> list[EdgeAgainstRatio]:
    """Return every edge of a one-layer tagger beside its likelihood ratio, the strongest first."""
    x, labels = data.train
    (layer,) = kan_layers(net).values()
    with evaluating(net):
        values = torch.cat(list(edge_values(layer, x)))[..., 0].numpy()
    found = [
        compare(name, x[:, index].numpy(), labels.numpy(), values[:, index])
        for index, name in enumerate(INPUTS[inputs])
    ]
    return sorted(found, key=lambda edge: -edge.strength)


def formulas(net: nn.Module, inputs: int, data: Split) -> Mapping[str, Any]:
    """Return the symbolic fit of every edge of a one-layer tagger over the middle 98 % of the jets."""
    (layer,) = kan_layers(net).values()
    low, high = (data.train[0].quantile(q, dim=0) for q in (0.01, 0.99))
    grid = low + torch.linspace(0, 1, _POINTS).unsqueeze(1) * (high - low)
    with evaluating(net):
        values = torch.cat(list(edge_values(layer, grid)))[..., 0]
    columns = zip(INPUTS[inputs], grid.T.numpy(), values.T.numpy(), strict=True)
    return {name: fit_formula(x, y) for name, x, y in columns}


def table_errors(
    net: nn.Module, data: Split, bits: Sequence[int] = (4, 6, 8, 10)
) -> list[tuple[int, float, float]]:
    """Return, for look-up tables of ``2**bits`` entries an edge, the largest error of the log-odds and the AUC.

    Entries are fixed-point numbers of as many bits behind the point.
    """
    test, labels = data.test
    exact: NDArray[np.float64] = predict(net, test).squeeze(1).double().numpy()
    found = []
    for width in bits:
        tables = LookUpTables.of(net, data.train[0], address_bits=width, fraction_bits=width)
        scores = tables(test.numpy())[:, 0]
        found.append((width, float(abs(scores - exact).max()), roc(scores, labels.numpy()).auc))
    return found
