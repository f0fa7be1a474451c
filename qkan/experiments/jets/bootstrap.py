"""What the finite test sample leaves open: metrics of resampled jets, the same jets for every model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from qkan.experiments.jets.metrics import ROC, roc
from qkan.experiments.statistics import Interval

__all__ = ["bootstrap", "percentile_interval"]

Array = npt.NDArray[np.float64]


def bootstrap(
    scores: npt.ArrayLike,
    labels: npt.ArrayLike,
    metric: Callable[[ROC], float],
    *,
    weights: npt.ArrayLike | None = None,
    resamples: int = 500,
    seed: int = 0,
) -> Array:
    """Return a metric of the ROC on resampled jets.

    The same seed draws the same jets, so the differences of two models' results are paired.

    Args:
        scores: Of a model, (N,).
        labels: 1 signal, 0 background, (N,).
        metric: Of a :class:`ROC`, such as ``lambda curve: curve.auc``.
        weights: Of the jets, (N,).
        resamples: How often.
        seed: Of the draws.

    Shape:
        Result: (resamples,).

    Example:
        >>> values = bootstrap([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1], lambda curve: curve.auc, resamples=4)
        >>> values.shape
        (4,)
    """
    y = np.asarray(labels)
    s, w = np.asarray(scores, dtype=float), np.ones(len(y))
    w = w if weights is None else np.asarray(weights, dtype=float)
    generator = np.random.default_rng(seed)
    values = np.empty(resamples)
    for index in range(resamples):
        # Each class by itself: how many jets of each there are was chosen, not observed.
        drawn = np.concatenate(
            [generator.choice(np.flatnonzero(y == k), (y == k).sum()) for k in (0, 1)]
        )
        values[index] = metric(roc(s[drawn], y[drawn], w[drawn]))
    return values


def percentile_interval(estimate: float, values: npt.ArrayLike, level: float = 0.95) -> Interval:
    """Return an estimate with the interval of the middle share ``level`` of its bootstrapped values.

    Example:
        >>> percentile_interval(50.0, range(101), 0.9)
        Interval(estimate=50.0, low=5.0, high=95.0, level=0.9)
    """
    low, high = np.quantile(np.asarray(values, dtype=float), [(1 - level) / 2, (1 + level) / 2])
    return Interval(estimate, float(low), float(high), level)
