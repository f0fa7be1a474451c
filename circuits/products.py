"""A Fourier series as a sum of products of one-input series, where that is shorter.

A filter whose wires hardly meet has few of them (the demo filter: one a channel, ``Z3 = f(x1) g(x3)``), and each
is a cosine or two per input instead of a term for every combination of harmonics.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

__all__ = ["Factor", "Product", "factorize"]

_TOLERANCE = 1e-14


@dataclass(frozen=True)
class Factor:
    r"""A series of one input, :math:`c_0 + a_1 \cos(s x) + b_1 \sin(s x) + a_2 \cos(2 s x) + \dots`.

    Attributes:
        axis: Which of the block's inputs it reads.
        coefficients: Over 1, cos, sin, cos 2, ...; the largest harmonic has amplitude 1.
    """

    axis: int
    coefficients: tuple[float, ...]

    def negative(self) -> Factor:
        """Return the same factor with the other sign."""
        return Factor(self.axis, tuple(-c for c in self.coefficients))

    def waves(self, scale: float) -> tuple[float, list[tuple[float, float, float]]]:
        """Return the constant, and (amplitude, frequency, phase) of each A sin(w x + phase)."""
        constant, *rest = self.coefficients
        waves = []
        for k, (a, b) in enumerate(zip(rest[::2], rest[1::2], strict=True), start=1):
            amplitude = float(np.hypot(a, b))
            if amplitude > _TOLERANCE:
                waves.append((_unless_one(amplitude), k * scale, float(np.arctan2(a, b))))
        return constant, waves


@dataclass(frozen=True)
class Product:
    """``amplitude`` times a product of factors; a constant if there are none."""

    amplitude: float
    factors: tuple[Factor, ...]

    def with_negated(self, factor: Factor) -> Product:
        """Return the same product, with ``factor`` written as minus its negative."""
        if factor not in self.factors:
            return self
        others = (f.negative() if f == factor else f for f in self.factors)
        return Product(-self.amplitude, tuple(others))


def factorize(table: np.ndarray, most: int | None = None) -> list[Product] | None:
    """Write a series as a sum of products, by singular values of its unfoldings.

    Exact to rounding; the fewest products where an input splits off with rank one, else not always.

    Args:
        table: The coefficients of one observable, ``(2 d_1 + 1, ..., 2 d_n + 1)``.
        most: Give up beyond so many products; a dense table of n inputs has up to 3^(n - 1).

    Returns:
        The products, or None if there are more than ``most``.

    Example:
        >>> table = np.outer([0.0, 1.0, 1.0], [0.0, 2.0, 0.0])  # (cos x + sin x) 2 cos y
        >>> [len(product.factors) for product in factorize(table)]
        [2]
    """
    size = float(np.abs(table).max(initial=0.0))
    if size == 0.0:
        return []
    found = list(islice(_split(table, size), None if most is None else most + 1))
    if most is not None and len(found) > most:
        return None
    return [_product(vectors, size) for vectors in found]


def _split(table: np.ndarray, size: float) -> Iterator[list[np.ndarray]]:
    if table.ndim < 2:
        yield [table.reshape(-1)]
        return
    left, values, right = np.linalg.svd(table.reshape(table.shape[0], -1), full_matrices=False)
    for index, value in enumerate(values):
        if value > _TOLERANCE * size:
            rest = value * right[index].reshape(table.shape[1:])
            for vectors in _split(rest, size):
                yield [left[:, index], *vectors]


def _product(vectors: Sequence[np.ndarray], size: float) -> Product:
    amplitude = 1.0
    factors = []
    for axis, raw in enumerate(vectors):
        vector = np.where(np.abs(raw) > _TOLERANCE * np.abs(raw).max(), raw, 0.0)
        harmonics = np.hypot(vector[1::2], vector[2::2])
        if not harmonics.any():
            amplitude *= float(vector[0])
            continue
        # One sign and one norm, so that equal factors of different outputs are found to be equal.
        norm = float(harmonics.max()) * (1.0 if vector[np.flatnonzero(vector)[0]] > 0 else -1.0)
        amplitude *= norm
        factors.append(Factor(axis, tuple(np.round(vector / norm, 15).tolist())))
    return Product(_unless_one(amplitude), tuple(factors))


def _unless_one(amplitude: float) -> float:
    """Take off the rounding of 1 and -1, which would cost a pass over all values."""
    return float(np.sign(amplitude)) if abs(abs(amplitude) - 1.0) < _TOLERANCE else amplitude
