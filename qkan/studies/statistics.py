"""Means, spreads and intervals over seeds; what they say of one published run; an arm against another.

A training that failed, of which a value is NaN or infinite, is left out and counted; two at least must be left.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from circuits.errors import UsageError

__all__ = [
    "OPEN",
    "Interval",
    "Summary",
    "Values",
    "combined_interval",
    "compare_with_published",
    "crossed_interval",
    "differences_to",
    "mean_interval",
    "paired_difference",
    "prediction_interval",
    "ranges_and_marks",
    "summarise",
]

Values = Mapping[str, Mapping[str, NDArray[np.floating]]]
"""``{arm: {metric: one value a seed}}``."""


OPEN = "not told apart"
"""What is said of a difference whose interval holds zero."""


@dataclass(frozen=True)
class Interval:
    """An estimate with the interval around it; ``value in interval`` asks whether it is covered."""

    estimate: float
    low: float
    high: float
    level: float
    failed: int = 0
    """Seeds that were left out."""

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    @property
    def verdict(self) -> str:
        """What a difference's interval allows to say: ``better``, ``worse``, or :data:`OPEN`."""
        return "better" if self.low > 0 else "worse" if self.high < 0 else OPEN


@dataclass(frozen=True)
class Summary:
    """The mean and the sample standard deviation (n - 1) of one metric over n seeds; others failed."""

    mean: float
    sd: float
    n: int
    values: tuple[float, ...]
    failed: int = 0

    @classmethod
    def of(cls, values: ArrayLike) -> Summary:
        """Summarise the values of one metric.

        Raises:
            UsageError: If there is no finite value.

        Example:
            >>> Summary.of([1.0, 2.0, float("nan"), 3.0])
            Summary(mean=2.0, sd=1.0, n=3, values=(1.0, 2.0, 3.0), failed=1)
        """
        array, failed = _finite(values, least=1)
        sd = float(array.std(ddof=1)) if len(array) > 1 else 0.0
        return cls(float(array.mean()), sd, len(array), tuple(array.tolist()), failed)


def mean_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    r"""Return Student's interval for the mean of what the values were drawn from.

    .. math:: \bar x \pm t_{n-1,(1+\mathrm{level})/2}\, s / \sqrt n

    Example:
        >>> mean_interval([1.0, 2.0, 3.0]).low
        -0.484
    """
    return _student(values, level, lambda n: 1 / n)


def prediction_interval(values: ArrayLike, level: float = 0.995) -> Interval:
    r"""Return the interval that one further run falls into with probability ``level``.

    .. math:: \bar x \pm t_{n-1,(1+\mathrm{level})/2}\, s \sqrt{1 + 1/n}

    A published single run is such a further run: if it lies outside, it was not made the way ours
    were (or was very lucky).

    References:
        G. Hahn, W. Meeker, "Statistical Intervals", Wiley 1991, section 4.7
        (doi:10.1002/9780470316771).

    Example:
        >>> interval = prediction_interval([1.0, 2.0, 3.0], level=0.95)
        >>> 6.9 in interval, 7.0 in interval
        (True, False)
    """
    return _student(values, level, lambda n: 1 + 1 / n)


def paired_difference(first: ArrayLike, second: ArrayLike, level: float = 0.95) -> Interval:
    """Return Student's paired interval for the mean of ``first - second``.

    Pairs are seeds: seed k starts both arms from the same generator, so the two samples are not
    independent, as Welch's interval would have it.

    References:
        Student, "The probable error of a mean", Biometrika 6 (1908), doi:10.1093/biomet/6.1.1.

    Raises:
        UsageError: If the two do not have the same seeds.

    Example:
        >>> paired_difference([2.0, 3.0, 5.0], [1.0, 1.0, 3.0]).estimate
        1.667
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.shape != b.shape:
        raise UsageError(
            f"expected the same seeds in both arms, got shapes {a.shape} and {b.shape}"
        )
    return mean_interval(a - b, level)


def crossed_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    r"""Return an interval for the mean over further seeds *and* further images.

    It is :func:`combined_interval` of the variances of the means of seeds (rows) and of images (columns),
    :math:`s_{\text{seeds}}^2 / S` and :math:`s_{\text{images}}^2 / N`. Each of the two holds the variance of single
    values once more, so the interval is rather too wide than too narrow. An interval over seeds alone would say nothing
    of other test images.

    Args:
        values: One value a seed and image: whether it is classified correctly, or the difference of two models.
        level: The probability to cover the mean.

    Shape:
        ``(S, N)``, at least 2 of each.

    References:
        A. Owen, "The pigeonhole bootstrap", Ann. Appl. Stat. 1 (2007), doi:10.1214/07-AOAS122.

    Example:
        >>> interval = crossed_interval([[1, 1, 0, 1], [1, 0, 0, 1]])
        >>> interval.estimate
        0.625
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or min(array.shape) < 2:
        raise UsageError(f"expected (seeds, images), 2 or more of each, got shape {array.shape}")
    rows, failed = _finite(array.mean(axis=1), least=2)
    columns = array[np.isfinite(array).all(axis=1)].mean(axis=0)
    parts = [(means.var(ddof=1) / len(means), len(means) - 1) for means in (rows, columns)]
    return replace(combined_interval(float(rows.mean()), parts, level), failed=failed)


def combined_interval(
    estimate: float, parts: Iterable[tuple[float, float]], level: float = 0.95
) -> Interval:
    r"""Return the interval around an estimate that several independent variations move.

    .. math:: \bar x \pm \sqrt{\textstyle\sum_k t_{\nu_k,(1+\mathrm{level})/2}^2\, s_k^2}

    where :math:`s_k^2` is the variance that variation k gives to the estimate, found with :math:`\nu_k` degrees of
    freedom. One part is Student's interval. With two seeds, the quantile of a pooled number of degrees of freedom
    (Satterthwaite's) covers .87 in place of .95: it is large whenever the seeds lie close together by chance.

    Args:
        estimate: The middle.
        parts: ``(variance, degrees of freedom)`` of each; infinitely many for a variance that is known.
        level: The probability to cover what is estimated.

    References:
        W. Howe, "Approximate confidence limits on the mean of X + Y", J. Am. Stat. Assoc. 69 (1974) 789.

    Example:
        >>> combined_interval(0.0, [(0.5, 1), (0.5, 10)]).high
        9.121
    """
    if not 0 < level < 1:
        raise UsageError(f"expected a level between 0 and 1, got {level}")
    squares = [v * float(stats.t.ppf((1 + level) / 2, freedom)) ** 2 for v, freedom in parts]
    half = math.sqrt(sum(squares))
    if not math.isfinite(estimate + half):
        raise UsageError("expected finite values, got NaN or infinity")
    return Interval(estimate, estimate - half, estimate + half, level)


def summarise(results: Values) -> dict[str, Any]:
    """Return ``{arm: {metric: {"mean", "sd", "n", "values"}}}``, with ``"failed"`` where trainings did.

    Example:
        >>> summarise({"quantum": {"val_loss": np.array([1.0, 3.0])}})["quantum"]["val_loss"]["mean"]
        2.0
    """
    return {
        arm: {metric: _summary(f"{metric} of {arm}", values) for metric, values in metrics.items()}
        for arm, metrics in results.items()
    }


def _summary(what: str, values: ArrayLike) -> dict[str, Any]:
    try:
        facts = asdict(Summary.of(values))
    except UsageError as error:
        raise UsageError(f"{what}: {error}") from error
    return facts if facts["failed"] else {k: v for k, v in facts.items() if k != "failed"}


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


def ranges_and_marks(checks: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return intervals and published numbers of :func:`compare_with_published`, for ``plot_seeds``."""
    ranges = {a: {m: (c["low"], c["high"]) for m, c in each.items()} for a, each in checks.items()}
    marks = {a: {m: c["published"] for m, c in each.items()} for a, each in checks.items()}
    return ranges, marks


def _student(values: ArrayLike, level: float, factor: Callable[[int], float]) -> Interval:
    array, failed = _finite(values, least=2)
    n, variance = len(array), float(array.var(ddof=1))
    interval = combined_interval(float(array.mean()), [(variance * factor(n), n - 1)], level)
    return replace(interval, failed=failed)


def _finite(values: ArrayLike, least: int) -> tuple[NDArray[np.float64], int]:
    """Return the finite ones among the values of all seeds, and how many others there are."""
    array = np.asarray(values, dtype=np.float64)
    kept = array[np.isfinite(array)]
    if array.ndim != 1 or len(kept) < least:
        raise UsageError(
            f"expected {least} or more finite values in one row, got {len(kept)} in shape {array.shape}"
        )
    return kept, len(array) - len(kept)
