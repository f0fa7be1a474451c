r"""What an additive model should have learned: the log-likelihood ratio of each observable.

Were the observables independent in each class, the optimal log-odds would be the sum of
:math:`\log p_s(x_i) / p_b(x_i)` (Neyman and Pearson), so each edge of a one-layer model would be that ratio, up to a
constant. Trained on one observable, a model must find it; with correlated ones it shares what they know.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["EdgeAgainstRatio", "compare", "log_likelihood_ratio"]

Array = npt.NDArray[np.float64]


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
    """Return an edge function beside the log-likelihood ratio.

    Args:
        observable: Its name.
        x: The observable of each jet, (N,).
        labels: 1 signal, 0 background, (N,).
        edge: The edge function of each jet, (N,).
    """
    mean, ratio, error, share = log_likelihood_ratio(x, labels)
    values = np.asarray(edge, dtype=float)
    order = np.argsort(np.asarray(x), kind="stable")
    at = np.interp(mean, np.asarray(x, dtype=float)[order], values[order])
    return EdgeAgainstRatio(observable, mean, at - share @ at, ratio - share @ ratio, error, share)
