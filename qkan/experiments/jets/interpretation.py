r"""What a trained tagger is: its edges against likelihood ratios, formulas and tables; the same on other backends.

Were the observables independent in each class, the optimal log-odds would be the sum of
:math:`\log p_s(x_i) / p_b(x_i)` (Neyman and Pearson), so each edge of a one-layer model would be that ratio, up to a
constant. Trained on one observable, a model must find it; with correlated ones it shares what they know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from circuits.backends import backend
from qkan.analysis import LookUpTables, fit_formula
from qkan.analysis.edges import kan_layers
from qkan.experiments.jets.metrics import roc
from qkan.experiments.jets.models import INPUTS, Split, scored, split
from qkan.layers.checks import evaluating
from qkan.studies.study import trained
from qkan.training import predict

__all__ = [
    "EdgeAgainstRatio",
    "Moved",
    "compare",
    "edges_against_ratios",
    "formulas",
    "log_likelihood_ratio",
    "moved",
    "on_backend",
    "table_errors",
    "twin_difference",
]

Array = npt.NDArray[np.float64]
Run = Mapping[str, npt.NDArray[Any]]

_POINTS = 61


@dataclass(frozen=True, eq=False)
class EdgeAgainstRatio:
    """An edge function and the log-likelihood ratio of its observable, at the same points.

    Attributes:
        observable: Its name.
        x: Mean of the observable in each bin, standardised.
        edge: The edge function there, less its mean over the jets.
        ratio: The log-likelihood ratio, less its mean over the jets.
        error: The ratio's standard error.
        share: The share of jets in each bin.
    """

    observable: str
    x: Array
    edge: Array
    ratio: Array
    error: Array
    share: Array

    @property
    def correlation(self) -> float:
        """Pearson's correlation of the two over the jets."""
        covariance = self.share @ (self.edge * self.ratio)
        spread = np.sqrt((self.share @ self.edge**2) * (self.share @ self.ratio**2))
        return float(covariance / spread) if spread > 0 else 0.0

    @property
    def rms(self) -> float:
        """The root of the mean squared difference over the jets, in units of log-odds."""
        return float(np.sqrt(self.share @ (self.edge - self.ratio) ** 2))

    @property
    def strength(self) -> float:
        """The standard deviation of the edge function over the jets: what edges are ranked by."""
        return float(np.sqrt(self.share @ self.edge**2))


def log_likelihood_ratio(
    x: npt.ArrayLike, labels: npt.ArrayLike, bins: int = 16
) -> tuple[Array, Array, Array, Array]:
    """Return, for bins of about as many jets each: mean of x, ratio, its standard error, share of jets.

    Half a jet is added to every count, so that the ratio is finite.

    Args:
        x: An observable, (N,).
        labels: 1 signal, 0 background, (N,).
        bins: How many at most; values that occur often may share one.

    Example:
        >>> x = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
        >>> mean, ratio, error, share = log_likelihood_ratio(x, [0, 0, 1, 1, 1, 0], bins=2)
        >>> ratio.round(3), share
        (array([-0.511,  0.511]), array([0.5, 0.5]))
    """
    values, y = np.asarray(x, dtype=float), np.asarray(labels)
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
    place = np.searchsorted(edges, values, side="right")
    count = np.bincount(place)
    there = count > 0
    mean = np.bincount(place, values)[there] / count[there]
    signal, background = (
        np.bincount(place[y == k], minlength=len(count))[there] + 0.5 for k in (1, 0)
    )
    ratio = np.log(signal / signal.sum()) - np.log(background / background.sum())
    error = np.sqrt(1 / signal + 1 / background)
    return mean, ratio, error, count[there] / count.sum()


def compare(
    observable: str, x: npt.ArrayLike, labels: npt.ArrayLike, edge: npt.ArrayLike
) -> EdgeAgainstRatio:
    """Return an edge function beside the log-likelihood ratio."""
    mean, ratio, error, share = log_likelihood_ratio(x, labels)
    values = np.asarray(edge, dtype=float)
    order = np.argsort(np.asarray(x), kind="stable")
    at = np.interp(mean, np.asarray(x, dtype=float)[order], values[order])
    return EdgeAgainstRatio(observable, mean, at - share @ at, ratio - share @ ratio, error, share)


def edges_against_ratios(net: nn.Module, inputs: int, data: Split) -> list[EdgeAgainstRatio]:
    """Return every edge of a one-layer tagger beside its likelihood ratio, the strongest first."""
    x, labels = data.train
    columns = zip(INPUTS[inputs], x.T.numpy(), _edges(net, x), strict=True)
    found = [compare(name, column, labels.numpy(), edge) for name, column, edge in columns]
    return sorted(found, key=lambda edge: -edge.strength)


def formulas(net: nn.Module, inputs: int, data: Split) -> Mapping[str, Any]:
    """Return the symbolic fit of every edge of a one-layer tagger over the middle 98 % of the jets."""
    low, high = (data.train[0].quantile(q, dim=0) for q in (0.01, 0.99))
    grid = low + torch.linspace(0, 1, _POINTS).unsqueeze(1) * (high - low)
    columns = zip(INPUTS[inputs], grid.T.numpy(), _edges(net, grid), strict=True)
    return {name: fit_formula(x, y) for name, x, y in columns}


def _edges(net: nn.Module, x: torch.Tensor) -> Array:
    """Return the edge functions of a one-layer tagger, (inputs, N)."""
    (layer,) = kan_layers(net).values()
    with evaluating(net):
        values: Array = layer.edge_functions(x)[..., 0].T.numpy()
    return values


def table_errors(
    net: nn.Module, data: Split, bits: Sequence[int] = (4, 6, 8, 10)
) -> list[tuple[int, float, float]]:
    """Return, for look-up tables of ``2**bits`` entries an edge, the largest error of the log-odds and the AUC.

    Entries are fixed-point numbers of as many bits behind the point.
    """
    test, labels = data.test
    exact: Array = predict(net, test).squeeze(1).double().numpy()
    found = []
    for width in bits:
        tables = LookUpTables.of(net, data.train[0], address_bits=width, fraction_bits=width)
        scores = tables(test.numpy())[:, 0]
        found.append((width, float(abs(scores - exact).max()), roc(scores, labels.numpy()).auc))
    return found


@dataclass(frozen=True)
class Moved:
    """A trained QKAN on a backend, against its exact simulation; largest differences over seeds.

    Attributes:
        arm: The QKAN.
        where: The backend.
        noise: Whether the backend has a device's noise.
        seeds: How many were run.
        auc: The mean AUC there.
        moved: The largest change of the AUC.
        log_odds: The largest change of a test jet's log-odds.
        calibration_error: The mean expected calibration error there.
    """

    arm: str
    where: str
    noise: bool
    seeds: int
    auc: float
    moved: float
    log_odds: float
    calibration_error: float


def moved(
    name: str,
    settings: Mapping[str, Any],
    runs: Sequence[Run],
    where: str,
    *,
    shots: int,
    noise: bool = False,
) -> Moved:
    """Return what a backend's shots and noise change of a trained QKAN; seed k draws the shots of run k."""
    there = [
        on_backend(settings, run, where, shots=shots, seed=seed) for seed, run in enumerate(runs)
    ]
    both = list(zip(there, runs, strict=True))
    return Moved(
        name,
        f"{where}, {shots} shots",
        noise,
        len(runs),
        float(np.mean([new["auc"] for new in there])),
        max(abs(float(new["auc"] - run["auc"])) for new, run in both),
        max(float(np.abs(new["scores.test"] - run["scores.test"]).max()) for new, run in both),
        float(np.mean([new["calibration_error"] for new in there])),
    )


def on_backend(
    settings: Mapping[str, Any], run: Run, where: str, **options: Any
) -> dict[str, npt.NDArray[Any]]:
    """Return metrics and ``scores.test`` of a trained QKAN whose circuits run elsewhere, at the nodes of their series.

    The options are the backend's: ``shots``, ``seed``, ``noise``.
    """
    net = trained(settings["model"], run, backend=backend(where, **options), evaluate="fourier")
    test, labels = split(settings["inputs"], settings["jets"]).test
    # One batch: each call samples the circuits anew.
    scores = predict(net, test, batch_size=len(test)).squeeze(1).double().numpy()
    return scored(scores, labels.numpy()) | {"scores.test": scores}


def twin_difference(settings: Mapping[str, Any], run: Run) -> float:
    """Return the largest difference of a test jet's log-odds between a QKAN's circuits and its classical form.

    In float64: every jet through every circuit, against Fourier series.
    """
    net = trained(settings["model"], run, evaluate="direct").double()
    test = split(settings["inputs"], settings["jets"]).test[0].double()
    with torch.no_grad():
        return float((net(test) - net.to_classical()(test)).abs().max())
