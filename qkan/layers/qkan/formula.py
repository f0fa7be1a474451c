"""Formulas that are the same for every edge, worked out once: sums of products of rows.

A row holds one number an edge. A formula is written down symbolically when a layer is made; nothing in it that is zero,
or known up to a factor, is computed a second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

__all__ = ["ONE", "Formula", "Linear", "Term", "plus"]

Linear = Mapping[int, float]
"""A linear combination of rows, by their numbers."""

Term = tuple[float, int, int]
"""A factor, and the numbers of the two rows that it multiplies."""

ONE = 0
"""The number of a row of ones, so that a sum is one of products, too."""


def plus(*parts: tuple[float, Linear]) -> Linear:
    """Return a linear combination of linear combinations."""
    total: dict[int, float] = {}
    for factor, linear in parts:
        for row, value in linear.items():
            total[row] = total.get(row, 0.0) + factor * value
    return {row: value for row, value in total.items() if value}


class Formula:
    """Rows that are sums of products of earlier rows.

    Row 0 holds ones, the rows after it are the inputs, and then comes a row for each of ``sums``. Sums are kept with
    the leading factor 1: those that differ by a factor are one row.

    Args:
        inputs: How many rows are given.
    """

    def __init__(self, inputs: int):
        self.inputs = inputs
        self.sums: list[tuple[Term, ...]] = []
        self.outputs: list[tuple[float, int]] = []
        self._rows: dict[tuple[Term, ...], int] = {}

    @property
    def num_terms(self) -> int:
        """The number of products: what the formula costs."""
        return sum(map(len, self.sums))

    def sum_of_products(self, products: Iterable[tuple[float, Linear, Linear]]) -> Linear:
        """Return a sum of products; a row is made for it if it is not linear in the rows there are."""
        linear: Linear = {}
        terms: dict[tuple[int, int], float] = {}
        for factor, a, b in products:
            if set(a) <= {ONE}:
                linear = plus((1.0, linear), (factor * a.get(ONE, 0.0), b))
            elif set(b) <= {ONE}:
                linear = plus((1.0, linear), (factor * b.get(ONE, 0.0), a))
            else:
                (scale, row), (other_scale, other) = self._one_row(a), self._one_row(b)
                key = (min(row, other), max(row, other))
                terms[key] = terms.get(key, 0.0) + factor * scale * other_scale
        if not any(terms.values()):
            return linear
        factor, row = self._row(terms | {(ONE, row): value for row, value in linear.items()})
        return {row: factor}

    def settled(self, linear: Linear) -> Linear:
        """Return a multiple of one row: for what is used more than once."""
        if not linear:
            return linear
        factor, row = self._one_row(linear)
        return {row: factor}

    def output(self, linear: Linear) -> None:
        """Make this the next output."""
        self.outputs.append(self._one_row(linear) if linear else (0.0, ONE))

    def _one_row(self, linear: Linear) -> tuple[float, int]:
        if len(linear) == 1:
            ((row, factor),) = linear.items()
            return factor, row
        return self._row({(ONE, row): factor for row, factor in linear.items()})

    def _row(self, terms: Mapping[tuple[int, int], float]) -> tuple[float, int]:
        ordered = sorted((pair, factor) for pair, factor in terms.items() if factor)
        leading = ordered[0][1]
        key = tuple((factor / leading, *pair) for pair, factor in ordered)
        if key not in self._rows:
            self._rows[key] = 1 + self.inputs + len(self.sums)
            self.sums.append(key)
        return leading, self._rows[key]
