"""Two taggers on the same jets: the difference of their AUC, with what seeds and jets leave open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qkan.experiments.jets.bootstrap import bootstrap
from qkan.studies.statistics import Interval

__all__ = ["auc_difference", "auc_error"]

Runs = Sequence[Mapping[str, NDArray[Any]]]

_SCORES = "scores.test"


def auc_error(run: Mapping[str, NDArray[Any]], labels: NDArray[np.int64], resamples: int) -> float:
    """Return the standard error that the finite test sample gives a tagger's AUC, by bootstrap."""
    return float(bootstrap(run[_SCORES], labels, resamples=resamples).std(ddof=1))


def auc_difference(
    first: Runs, second: Runs, labels: NDArray[np.int64], resamples: int, level: float = 0.95
) -> Interval:
    """Return the mean difference of the AUC, ``first - second``, over seeds and resampled jets.

    In each resample the seeds are drawn anew, and the jets, which are the same for both taggers: so the interval holds
    both what training leaves open and what the test sample does.

    Args:
        first: The runs of a tagger, one a seed.
        second: Those of another, from the same seeds.
        labels: Of the test jets.
        resamples: How often.
        level: Of the interval.
    """
    paired = np.stack(
        [
            bootstrap(a[_SCORES], labels, resamples=resamples)
            - bootstrap(b[_SCORES], labels, resamples=resamples)
            for a, b in zip(first, second, strict=True)
        ]
    )
    generator = np.random.default_rng(0)
    drawn = generator.integers(len(paired), size=(len(paired), resamples))
    means = np.take_along_axis(paired, drawn, axis=0).mean(axis=0)
    estimate = float(
        np.mean([float(a["auc"] - b["auc"]) for a, b in zip(first, second, strict=True)])
    )
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(estimate, float(low), float(high), level)
