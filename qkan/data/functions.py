"""Functions to fit: formulas with their ranges and where they come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import j0

from circuits.errors import UsageError, unknown_name

__all__ = ["FEYNMAN", "FUNCTIONS", "Function", "function"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Function:
    """A function of a few variables, each in a range.

    Attributes:
        name: What it is called in tables and settings.
        formula: How it is written.
        ranges: The variables in order, ``{name: (low, high)}``.
        source: Where it comes from.
    """

    name: str
    formula: str
    ranges: dict[str, tuple[float, float]]
    source: str
    _of: Callable[..., Array]

    @property
    def num_inputs(self) -> int:
        """The number of variables."""
        return len(self.ranges)

    def __call__(self, x: Array) -> Array:
        """Return the values; ``(..., num_inputs)`` -> ``(...)``."""
        if x.ndim == 0 or x.shape[-1] != self.num_inputs:
            raise UsageError(
                f"{self.name} takes points (..., {self.num_inputs}), got shape {x.shape}"
            )
        return self._of(*np.moveaxis(x, -1, 0))

    def sample(self, points: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Draw points uniformly from the ranges; return them, scaled to [-1, 1], and the values.

        Shape:
            ``(points, num_inputs)`` and ``(points,)``.

        Example:
            >>> x, y = function("sinc20").sample(100, np.random.default_rng(0))
            >>> x.shape, y.shape, bool(np.abs(x).max() <= 1)
            ((100, 1), (100,), True)
        """
        low, high = np.array(list(self.ranges.values())).T
        unit = rng.uniform(-1, 1, (points, self.num_inputs))
        return unit, self(low + (unit + 1) / 2 * (high - low))


_TURN = (0.0, 2 * np.pi)
_KAN = "Z. Liu et al., arXiv:2404.19756"

_BASIC = (
    Function(
        "sinc20",
        "sin(20 x) / (20 x)",
        {"x": (0.0, 1.0)},
        "J.-C. Jiang et al., arXiv:2509.14026",
        lambda x: np.sinc(20 * x / np.pi),
    ),
    Function("bessel20", "J0(20 x)", {"x": (0.0, 1.0)}, _KAN, lambda x: j0(20 * x)),
    Function(
        "exp-sin",
        "exp(sin(pi x) + y^2)",
        {"x": (-1.0, 1.0), "y": (-1.0, 1.0)},
        _KAN,
        lambda x, y: np.exp(np.sin(np.pi * x) + y**2),
    ),
)

_FEYNMAN = (
    ("I.6.20", "exp(-t^2 / (2 s^2)) / sqrt(2 pi s^2)", {"t": (-3.0, 3.0), "s": (0.5, 2.0)},
     lambda t, s: np.exp(-(t**2) / (2 * s**2)) / np.sqrt(2 * np.pi * s**2)),
    ("I.12.11", "1 + a sin(t)", {"a": (0.0, 1.0), "t": _TURN}, lambda a, t: 1 + a * np.sin(t)),
    ("I.16.6", "(a + b) / (1 + a b)", {"a": (-0.8, 0.8), "b": (-0.8, 0.8)},
     lambda a, b: (a + b) / (1 + a * b)),
    ("I.26.2", "arcsin(n sin(t))", {"n": (0.0, 0.99), "t": (0.0, np.pi / 2)},
     lambda n, t: np.arcsin(n * np.sin(t))),
    ("I.29.16", "sqrt(1 + a^2 - 2 a cos(t - u))", {"a": (0.2, 2.0), "t": _TURN, "u": _TURN},
     lambda a, t, u: np.sqrt(1 + a**2 - 2 * a * np.cos(t - u))),
    ("I.30.3", "sin^2(n t / 2) / sin^2(t / 2)", {"n": (0.5, 3.0), "t": (0.2, np.pi)},
     lambda n, t: np.sin(n * t / 2) ** 2 / np.sin(t / 2) ** 2),
    ("I.37.4", "1 + a + 2 sqrt(a) cos(d)", {"a": (0.05, 2.0), "d": _TURN},
     lambda a, d: 1 + a + 2 * np.sqrt(a) * np.cos(d)),
    ("I.50.26", "cos(a) + k cos^2(a)", {"a": _TURN, "k": (0.0, 1.0)},
     lambda a, k: np.cos(a) + k * np.cos(a) ** 2),
    ("II.35.18", "n / (exp(a) + exp(-a))", {"n": (0.0, 1.0), "a": (-2.0, 2.0)},
     lambda n, a: n / (np.exp(a) + np.exp(-a))),
    ("III.17.37", "b (1 + a cos(t))", {"b": (0.0, 1.0), "a": (0.0, 1.0), "t": _TURN},
     lambda b, a, t: b * (1 + a * np.cos(t))),
)  # fmt: skip

_AI_FEYNMAN = (
    "S.-M. Udrescu, M. Tegmark, AI Feynman, arXiv:1905.11481, table 4; dimensionless as in table 2 of "
    "arXiv:2404.19756; the ranges are ours"
)

FEYNMAN = tuple(name for name, *_ in _FEYNMAN)
"""Ten formulas of two or three variables from the Feynman lectures, by their numbers there."""

FUNCTIONS = {f.name: f for f in _BASIC} | {
    name: Function(name, formula, ranges, _AI_FEYNMAN, of) for name, formula, ranges, of in _FEYNMAN
}
"""Every function by its name."""


def function(name: str) -> Function:
    """Return a function by its name.

    Raises:
        UsageError: If there is none of this name.

    Example:
        >>> function("I.16.6").formula
        '(a + b) / (1 + a b)'
    """
    if name not in FUNCTIONS:
        raise unknown_name("function", name, FUNCTIONS)
    return FUNCTIONS[name]
