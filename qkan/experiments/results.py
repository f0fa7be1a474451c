"""From every seed's values to the record: summaries, intervals, differences, verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qkan.experiments.statistics import Summary, paired_difference, prediction_interval

__all__ = ["Values", "compare_with_published", "differences_to", "summarise"]

Values = Mapping[str, Mapping[str, NDArray[np.floating]]]
"""``{arm: {metric: one value a seed}}``."""


def summarise(results: Values) -> dict[str, Any]:
    """Return ``{arm: {metric: {"mean", "sd", "n", "values"}}}``.

    Example:
        >>> summarise({"quantum": {"val_loss": np.array([1.0, 3.0])}})["quantum"]["val_loss"]["mean"]
        2.0
    """
    return {
        arm: {metric: asdict(Summary.of(values)) for metric, values in metrics.items()}
        for arm, metrics in results.items()
    }


def differences_to(reference: str, results: Values, level: float = 0.95) -> dict[str, Any]:
    """Return the paired difference of every other arm to ``reference``, metric by metric.

    Example:
        >>> results = {"a": {"loss": np.array([1.0, 2.0])}, "b": {"loss": np.array([2.0, 3.5])}}
        >>> differences_to("a", results)["b"]["loss"]["estimate"]
        1.25
    """
    base = results[reference]
    return {
        arm: {m: asdict(paired_difference(metrics[m], base[m], level)) for m in base}
        for arm, metrics in results.items()
        if arm != reference
    }


def compare_with_published(
    results: Values, published: Mapping[str, Mapping[str, float]], level: float = 0.995
) -> dict[str, Any]:
    """Return, for every published number, whether one more run of ours could have given it.

    Example:
        >>> ours = {"quantum": {"val_loss": np.array([0.9, 1.0, 1.1])}}
        >>> compare_with_published(ours, {"quantum": {"val_loss": 5.0}})["quantum"]["val_loss"]["inside"]
        False
    """
    checks: dict[str, Any] = {}
    for arm, metrics in published.items():
        for metric, value in metrics.items():
            interval = prediction_interval(results[arm][metric], level)
            checks.setdefault(arm, {})[metric] = {
                "published": value,
                "low": interval.low,
                "high": interval.high,
                "level": level,
                "inside": value in interval,
            }
    return checks
