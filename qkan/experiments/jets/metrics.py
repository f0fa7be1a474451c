r"""How well scores tell signal from background, as physicists read it, and what the finite test sample leaves open.

With the efficiencies :math:`\epsilon_s(t), \epsilon_b(t)`, the weighted fractions of signal and background with a
score above t: the area under :math:`\epsilon_s(\epsilon_b)` (AUC), the background rejection :math:`1/\epsilon_b` at a
given :math:`\epsilon_s`, and the significance improvement :math:`\epsilon_s/\sqrt{\epsilon_b}`.

Weights may be negative, as those of generators at next-to-leading order are: the efficiencies then need not
grow with each jet, but every formula holds.

Source: J. Gallicchio, M. Schwartz, arXiv:1106.3076 (significance improvement); G. Kasieczka et al., arXiv:1902.09914
(rejection); C. Guo et al., arXiv:1706.04599 (expected calibration error).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from circuits.errors import MissingExtraError, UsageError, check_integer
from qkan.studies.statistics import Interval, combined_interval

__all__ = [
    "ROC",
    "auc_difference",
    "bootstrap",
    "calibration_error",
    "reliability",
    "roc",
    "sample_errors",
]

Array = npt.NDArray[np.float64]
Run = Mapping[str, npt.NDArray[Any]]

_SCORES = "scores.test"


@dataclass(frozen=True, eq=False)
class ROC:
    """The efficiencies of signal and background for every threshold, from the highest, (0, 0), to (1, 1).

    Example:
        >>> curve = roc([0.9, 0.8, 0.3, 0.1], [1, 0, 1, 0])
        >>> curve.auc, curve.rejection(0.5)
        (0.75, inf)
    """

    signal: Array
    background: Array

    @property
    def auc(self) -> float:
        """The area under the curve: the probability that signal scores higher, ties counting half."""
        return float(np.trapezoid(self.signal, self.background))

    def background_at(self, signal: float) -> float:
        """Return the background efficiency where the signal efficiency is first reached, interpolated.

        Raises:
            UsageError: If the signal efficiency is not above 0 and at most 1.
        """
        if not 0 < signal <= 1:
            raise UsageError(f"a signal efficiency lies above 0 and is at most 1, got {signal}.")
        after = max(1, int(np.argmax(self.signal >= signal - 1e-12)))
        low, high = self.signal[after - 1], self.signal[after]
        share = (signal - low) / (high - low)
        step = self.background[after] - self.background[after - 1]
        return float(self.background[after - 1] + min(share, 1.0) * step)

    def rejection(self, signal: float) -> float:
        """Return 1 over the background efficiency; infinite where no background passes."""
        passed = self.background_at(signal)
        return 1 / passed if passed > 0 else np.inf

    def significance_improvement(self, signal: float) -> float:
        """Return the signal efficiency over the square root of the background's."""
        return float(signal * np.sqrt(self.rejection(signal)))


def roc(scores: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> ROC:
    """Return the efficiencies for all thresholds; jets of one score pass together.

    Args:
        scores: The higher, the more like signal, (N,).
        labels: 1 signal, 0 background, (N,).
        weights: (N,), of either sign; 1 by default.

    Raises:
        UsageError: If shapes differ, a score or weight is not finite, a label is neither 0 nor 1, or the weights of
            a class do not sum to something positive.
        MissingExtraError: If scikit-learn is not installed.
    """
    s, y, w = _checked(scores, labels, weights)
    try:
        from sklearn.metrics import roc_curve
    except ImportError as error:
        raise MissingExtraError(
            "ROC curves come from scikit-learn: pip install 'hybrid-qkan[hep]'"
        ) from error
    _require_both(y, w)
    background, signal, _ = roc_curve(y, s, sample_weight=w, drop_intermediate=False)
    return ROC(signal, background)


def reliability(
    probabilities: npt.ArrayLike,
    labels: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    bins: int = 10,
) -> tuple[Array, Array, Array]:
    """Return, bin by bin of predicted probability, its mean, the fraction of signal, and the share of all jets.

    Bins that are empty, or whose weights sum to nothing positive, are left out.

    Args:
        probabilities: Predicted for signal, from 0 to 1, (N,).
        labels: 1 signal, 0 background, (N,).
        weights: (N,), of either sign; 1 by default.
        bins: How many of equal width.

    Raises:
        UsageError: As :func:`roc`, or if a probability is outside [0, 1].
    """
    # scikit-learn's calibration_curve takes no weights and returns no shares.
    p, y, w = _checked(probabilities, labels, weights)
    check_integer("the number of bins", bins)
    if p.min() < 0 or p.max() > 1:
        raise UsageError(f"probabilities lie in [0, 1], got {p.min()} to {p.max()}.")
    place = np.minimum((p * bins).astype(np.int64), bins - 1)
    total, predicted, observed = (np.bincount(place, w * v, bins) for v in (np.ones_like(p), p, y))
    there = total > 0
    mean, fraction = predicted[there] / total[there], observed[there] / total[there]
    return mean, fraction, total[there] / total[there].sum()


def calibration_error(
    probabilities: npt.ArrayLike,
    labels: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    bins: int = 10,
) -> float:
    """Return the expected calibration error: the mean distance of prediction and fraction over the bins.

    Example:
        >>> round(calibration_error([0.75, 0.75, 0.75, 0.75], [1, 1, 0, 0]), 6)
        0.25
    """
    mean, fraction, share = reliability(probabilities, labels, weights, bins)
    return float(share @ np.abs(mean - fraction))


def bootstrap(
    scores: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    weights: npt.ArrayLike | None = None,
    resamples: int = 500,
    seed: int = 0,
    signal: float | None = None,
) -> Array:
    """Return the AUC on resampled jets, or the background rejection at a signal efficiency.

    The same seed draws the same jets, so the differences of two models' results are paired. Each class is drawn by
    itself, for how many jets of each there are was chosen, not observed (SciPy's bootstrap draws the two together).

    Args:
        scores: Of a model, (N,).
        labels: 1 signal, 0 background, (N,).
        weights: Of the jets, (N,).
        resamples: How often.
        seed: Of the draws.
        signal: The signal efficiency of a rejection, which is infinite where no background passes; None: the AUC.

    Shape:
        Result: (resamples,).

    Example:
        >>> values = bootstrap([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1], resamples=4)
        >>> values.shape
        (4,)
    """
    s, y, w = _checked(scores, labels, weights)
    _require_both(y, w)
    check_integer("the number of resamples", resamples)
    distinct, place = np.unique(s, return_inverse=True)
    classes = [np.flatnonzero(y == kind) for kind in (0, 1)]
    generator = np.random.default_rng(seed)
    values = np.empty(resamples)
    for index in range(resamples):
        drawn = [generator.choice(jets, len(jets)) for jets in classes]
        back, front = (np.bincount(place[d], w[d], len(distinct)) for d in drawn)
        if signal is None:  # a tie counts half
            values[index] = front @ (np.cumsum(back) - back / 2) / (front.sum() * back.sum())
        else:
            passed = (np.append(0.0, np.cumsum(n[::-1]) / n.sum()) for n in (front, back))
            values[index] = ROC(*passed).rejection(signal)
    return values


def sample_errors(run: Run, labels: npt.NDArray[np.int64], resamples: int) -> tuple[float, float]:
    """Return what the finite test sample leaves open of a tagger's AUC and of its rejection at 50 %, by bootstrap.

    The second is half of the middle 68 %: in a resample there may be no background that passes, as in ``scored``.
    """
    auc = bootstrap(run[_SCORES], labels, resamples=resamples).std(ddof=1)
    rejections = bootstrap(run[_SCORES], labels, resamples=resamples, signal=0.5)
    told = np.minimum(rejections, (labels == 0).sum())
    low, high = np.quantile(told, [0.16, 0.84])
    return float(auc), float(high - low) / 2


def auc_difference(
    first: Sequence[Run],
    second: Sequence[Run],
    labels: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    level: float = 0.95,
) -> Interval:
    r"""Return the mean difference of the AUC, ``first - second``, over further seeds and further test jets.

    With the placements :math:`V(x) = P(\text{background scores below } x)` of signal jets, and those of background
    jets, the AUC is a mean over each class, so the test sample leaves open

    .. math:: v = \frac{s^2_\mathrm{signal}}{N_s} + \frac{s^2_\mathrm{background}}{N_b},

    :math:`s^2` being the variances of the differences of placements, averaged over seeds; what training leaves open
    are the differences of the seeds. The parts are joined by :func:`qkan.studies.statistics.combined_interval`.

    Args:
        first: The runs of a tagger, one a seed, two or more.
        second: Those of another, from the same seeds.
        labels: Of the test jets.
        weights: Of the test jets, of either sign; 1 by default.
        level: Of the interval.

    Raises:
        UsageError: As :func:`roc`, or if there are fewer than two seeds, or not as many of both.

    Source: E. DeLong, D. DeLong, D. Clarke-Pearson, Biometrics 44 (1988) 837, doi:10.2307/2531595.
    """
    if len(first) != len(second) or len(first) < 2:
        raise UsageError(
            f"expected two seeds or more, the same of both taggers, got {len(first)} and {len(second)}"
        )
    gaps = []
    for a, b in zip(first, second, strict=True):
        ours, theirs = (_placements(*_checked(run[_SCORES], labels, weights)) for run in (a, b))
        gaps.append([one - other for one, other in zip(ours, theirs, strict=True)])
    _, y, w = _checked(first[0][_SCORES], labels, weights)
    of_signal = np.array([np.average(gap[0], weights=w[y == 1]) for gap in gaps])
    estimate, parts = (
        float(of_signal.mean()),
        [(of_signal.var(ddof=1) / len(gaps), len(gaps) - 1.0)],
    )
    for index, kind in enumerate((1, 0)):
        mean, share = (
            np.mean([gap[index] for gap in gaps], axis=0),
            w[y == kind] / w[y == kind].mean(),
        )
        pulls = share * (mean - estimate)
        freedom = len(pulls) - 1.0
        if freedom < 1:
            raise UsageError("expected two jets or more of each class")
        parts.append((float(pulls @ pulls) / (len(pulls) * freedom), freedom))
    return combined_interval(estimate, parts, level)


def _placements(scores: Array, labels: Array, weights: Array) -> tuple[Array, Array]:
    """Return for each signal jet the share of background below it, for each background jet that of signal above it."""
    _require_both(labels, weights)
    distinct, place = np.unique(scores, return_inverse=True)
    of = [(place[labels == kind], weights[labels == kind]) for kind in (1, 0)]
    signal, background = (np.bincount(at, w, len(distinct)) for at, w in of)
    below = np.cumsum(background) - background / 2
    above = signal.sum() - np.cumsum(signal) + signal / 2
    return below[of[0][0]] / background.sum(), above[of[1][0]] / signal.sum()


def _require_both(labels: Array, weights: Array) -> None:
    for name, kind in (("signal", 1), ("background", 0)):
        total = weights[labels == kind].sum()
        if total <= 0:
            raise UsageError(f"the weights of the {name} sum to {total}; is there none of it?")


def _checked(
    scores: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike | None
) -> tuple[Array, Array, Array]:
    s, y = np.asarray(scores, dtype=float), np.asarray(labels, dtype=float)
    w = np.ones_like(s) if weights is None else np.asarray(weights, dtype=float)
    if s.ndim != 1 or not s.shape == y.shape == w.shape or not len(s):
        raise UsageError(
            f"expected as many scores, labels and weights, got {s.shape}, {y.shape}, {w.shape}."
        )
    for name, values in (("score", s), ("weight", w)):
        if not np.isfinite(values).all():
            raise UsageError(f"a {name} is NaN or infinite.")
    if not np.isin(y, (0, 1)).all():
        raise UsageError(f"labels must be 1 (signal) or 0 (background), got {np.unique(y)}.")
    return s, y, w
