"""Formulas run by torch: plainly, for transforms; level by level, for few edges; and row by row, for many."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from qkan.layers.qkan.formula import ONE, Formula

__all__ = ["RowProgram"]


_FEW = 2**11
"""With no more edges than this, the number of operations counts, with more their memory traffic."""


@dataclass(frozen=True, eq=False)
class _Level:
    """Rows that depend on those before them alone: ``matrix`` times the products of ``left`` and ``right``."""

    left: Tensor
    right: Tensor
    matrix: Tensor


class RowProgram:
    """A formula, as steps that torch can take.

    Args:
        formula: The formula.
    """

    def __init__(self, formula: Formula):
        self._formula = formula
        self._first = 1 + formula.inputs
        self._levels, place = _levels(formula)
        self._output_rows = torch.tensor([place[row] for _, row in formula.outputs])
        factors = [[factor] for factor, _ in formula.outputs]
        self._output_factors = torch.tensor(factors, dtype=torch.float64)

    def to(self, dtype: torch.dtype, device: torch.device) -> RowProgram:
        """Return the program with its constants, which are in float64, in a dtype and on a device."""
        cast = copy(self)
        cast._levels = [
            _Level(x.left.to(device), x.right.to(device), x.matrix.to(device, dtype))
            for x in self._levels
        ]
        cast._output_rows = self._output_rows.to(device)
        cast._output_factors = self._output_factors.to(device, dtype)
        return cast

    @property
    def num_outputs(self) -> int:
        """How many rows come out."""
        return len(self._formula.outputs)

    def plain(self, inputs: Tensor) -> Tensor:
        """Return the outputs by differentiable operations, as few as there can be.

        Shape:
            - inputs: ``(inputs, edges)``
            - result: ``(outputs, edges)``
        """
        rows = torch.cat([torch.ones_like(inputs[:1]), inputs])
        for level in self._levels:
            products = rows.index_select(0, level.left) * rows.index_select(0, level.right)
            rows = torch.cat([rows, level.matrix @ products])
        return rows.index_select(0, self._output_rows) * self._output_factors

    def run(self, inputs: Tensor, out: Tensor) -> Tensor:
        """Write the outputs into ``out``, and return what :meth:`gradient` wants, ``(rows, edges)``."""
        return (self._by_levels if _few(inputs) else self._by_rows)(inputs, out)

    def gradient(self, inputs: Tensor, made: Tensor, upstream: Tensor) -> Tensor:
        """Return the gradient with respect to the inputs: the same products, backwards."""
        backwards = self._gradient_by_levels if _few(inputs) else self._gradient_by_rows
        return backwards(inputs, made, upstream)

    def _by_levels(self, inputs: Tensor, out: Tensor) -> Tensor:
        end = self._first
        rows = inputs.new_empty(end + len(self._formula.sums), inputs.shape[1])
        rows[ONE] = 1
        rows[1:end] = inputs
        for level in self._levels:
            products = rows.index_select(0, level.left).mul_(rows.index_select(0, level.right))
            start, end = end, end + len(level.matrix)
            torch.mm(level.matrix, products, out=rows[start:end])
        torch.mul(rows.index_select(0, self._output_rows), self._output_factors, out=out)
        return rows

    def _gradient_by_levels(self, _: Tensor, rows: Tensor, upstream: Tensor) -> Tensor:
        gradients = torch.zeros_like(rows)
        gradients.index_add_(0, self._output_rows, upstream * self._output_factors)
        end = len(rows)
        for level in reversed(self._levels):
            start = end - len(level.matrix)
            above = level.matrix.T @ gradients[start:end]
            for row, other in ((level.left, level.right), (level.right, level.left)):
                gradients.index_add_(0, row, above * rows.index_select(0, other))
            end = start
        return gradients[1 : self._first]

    def _by_rows(self, inputs: Tensor, out: Tensor) -> Tensor:
        made = inputs.new_empty(len(self._formula.sums), inputs.shape[1])
        rows = self._rows(inputs, made)
        for row, (leading, *rest) in zip(made.unbind(), self._formula.sums, strict=True):
            torch.mul(rows[leading[1]], rows[leading[2]], out=row)  # the leading factor is 1
            for factor, a, b in rest:
                row.addcmul_(rows[a], rows[b], value=factor)
        for target, (factor, number) in zip(out.unbind(), self._formula.outputs, strict=True):
            torch.mul(rows[number], factor, out=target)
        return made

    def _gradient_by_rows(self, inputs: Tensor, made: Tensor, upstream: Tensor) -> Tensor:
        rows = self._rows(inputs, made)
        result = torch.zeros_like(inputs)
        gradients: list[Tensor | None] = [None, *result.unbind(), *([None] * len(made))]

        def add(row: int, factor: float, above: Tensor, other: int) -> None:
            there = gradients[row]
            if there is not None:
                there.addcmul_(above, rows[other], value=factor)
            else:
                there = above * factor if other == ONE else above * rows[other]
                gradients[row] = there if other == ONE or factor == 1 else there.mul_(factor)

        for (factor, row), given in zip(self._formula.outputs, upstream.unbind(), strict=True):
            add(row, factor, given, ONE)
        for row in range(len(rows) - 1, self._first - 1, -1):
            above = gradients[row]
            if above is None:
                continue
            for factor, a, b in self._formula.sums[row - self._first]:
                add(b, factor, above, a)
                if a != ONE:
                    add(a, factor, above, b)
            gradients[row] = None  # its memory, still in the cache, is the next row's
        return result

    def _rows(self, inputs: Tensor, made: Tensor) -> list[Tensor]:
        return [inputs.new_ones(inputs.shape[1]), *inputs.unbind(), *made.unbind()]


def _few(inputs: Tensor) -> bool:
    return inputs.shape[1] <= _FEW


def _levels(formula: Formula) -> tuple[list[_Level], Sequence[int]]:
    """Group the sums by how many others they need one after the other, and tell where each row is then."""
    first = 1 + formula.inputs
    depth = [0] * first
    for terms in formula.sums:
        depth.append(1 + max(depth[row] for _, a, b in terms for row in (a, b)))
    order = sorted(range(len(depth)), key=lambda row: depth[row])
    place = sorted(range(len(depth)), key=lambda row: order[row])
    levels = []
    for level in range(1, max(depth) + 1):
        sums = [formula.sums[row - first] for row in order if depth[row] == level]
        pairs = sorted({(a, b) for terms in sums for _, a, b in terms})
        matrix = torch.zeros(len(sums), len(pairs), dtype=torch.float64)
        for k, terms in enumerate(sums):
            for factor, a, b in terms:
                matrix[k, pairs.index((a, b))] = factor
        left, right = (
            torch.tensor([place[row] for row in column]) for column in zip(*pairs, strict=True)
        )
        levels.append(_Level(left, right, matrix))
    return levels, place
