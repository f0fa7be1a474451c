"""Numbers with their spread, and what follows from an interval, in words."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["difference_sentence", "interval_text", "percent", "points"]


def percent(summary: Mapping[str, float], digits: int = 2) -> str:
    """Return the mean and the standard deviation over seeds of a share, in percent.

    Example:
        >>> percent({"mean": 0.9712, "sd": 0.0011})
        '97.12 ± 0.11'
    """
    return f"{100 * summary['mean']:.{digits}f} ± {100 * summary['sd']:.{digits}f}"


def points(interval: Mapping[str, float], digits: int = 2) -> str:
    """Return a difference of shares with its interval, in percentage points.

    Example:
        >>> points({"estimate": 0.01, "low": -0.002, "high": 0.022})
        '+1.00 [-0.20, +2.20]'
    """
    middle, low, high = (
        f"{100 * interval[name]:+.{digits}f}" for name in ("estimate", "low", "high")
    )
    return f"{middle} [{low}, {high}]"


def difference_sentence(
    what: str, against: str, difference: Mapping[str, float], seeds: int, images: int
) -> str:
    """Return what one arm brings over another, given the interval of the accuracy's difference.

    Example:
        >>> interval = {"estimate": -0.003, "low": -0.012, "high": 0.006, "level": 0.95}
        >>> print(difference_sentence("It", "raw pixels", interval, seeds=30, images=30))
        It brings nothing measurable over raw pixels here: on the same 30 images, over 30 seeds, the
        accuracy changes by -0.3 points, 95 % interval [-1.2, +0.6].
    """
    if difference["low"] > 0:
        verdict = f"{what} is better than {against} here"
    elif difference["high"] < 0:
        verdict = f"{what} is worse than {against} here"
    else:
        verdict = f"{what} brings nothing measurable over {against} here"
    return (
        f"{verdict}: on the same {images:,} images, over {seeds} seeds, the accuracy changes by "
        f"{interval_text(difference, 100, 1, ' points, ')}."
    )


def interval_text(
    interval: Mapping[str, float], scale: float = 1, digits: int = 4, between: str = " "
) -> str:
    """Return an estimate with its interval, signs shown.

    Example:
        >>> interval_text({"estimate": 0.5, "low": -1.0, "high": 2.0, "level": 0.95}, digits=1)
        '+0.5 95 % interval [-1.0, +2.0]'
    """
    middle, low, high = (
        f"{scale * interval[name]:+.{digits}f}" for name in ("estimate", "low", "high")
    )
    return f"{middle}{between}{100 * interval['level']:g} % interval [{low}, {high}]"
