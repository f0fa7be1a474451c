r"""How well scores tell signal from background, as physicists read it; every jet has a weight.

With the efficiencies :math:`\epsilon_s(t), \epsilon_b(t)`, the weighted fractions of signal and background with a
score above t: the area under :math:`\epsilon_s(\epsilon_b)` (AUC), the background rejection :math:`1/\epsilon_b` at a
given :math:`\epsilon_s`, and the significance improvement :math:`\epsilon_s/\sqrt{\epsilon_b}`.

Weights may be negative, as those of generators at next-to-leading order are: the efficiencies then need not
grow with each jet, but every formula holds.

Source: J. Gallicchio, M. Schwartz, arXiv:1106.3076 (significance improvement); G. Kasieczka et al., arXiv:1902.09914
(rejection); C. Guo et al., arXiv:1706.04599 (expected calibration error).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from circuits.errors import UsageError

__all__ = ["ROC", "calibration_error", "reliability", "roc"]

Array = npt.NDArray[np.float64]


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
        after = int(np.argmax(self.signal >= signal - 1e-12))
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
    """
    s, y, w = _checked(scores, labels, weights)
    order = np.argsort(-s, kind="stable")
    s, y, w = s[order], y[order], w[order]
    last = np.flatnonzero(np.append(np.diff(s) != 0, True))
    passed = [np.concatenate([[0.0], np.cumsum(w * (y == kind))[last]]) for kind in (1, 0)]
    for name, sums in zip(("signal", "background"), passed, strict=True):
        if sums[-1] <= 0:
            raise UsageError(f"the weights of the {name} sum to {sums[-1]}; is there none of it?")
    return ROC(passed[0] / passed[0][-1], passed[1] / passed[1][-1])


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
    p, y, w = _checked(probabilities, labels, weights)
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
