"""What the finite test sample leaves open: metrics of resampled jets, the same jets for every model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from qkan.experiments.jets.metrics import ROC, roc

__all__ = ["bootstrap"]

Array = npt.NDArray[np.float64]


def bootstrap(
    scores: npt.ArrayLike,
    labels: npt.ArrayLike,
    metric: Callable[[ROC], float] = lambda curve: curve.auc,
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
        metric: Of a :class:`ROC`; by default its AUC.
        weights: Of the jets, (N,).
        resamples: How often.
        seed: Of the draws.

    Shape:
        Result: (resamples,).

    Example:
        >>> values = bootstrap([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1], resamples=4)
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
