"""Formulas run by torch: plainly, for few edges and for transforms; or in place, for many edges, with the gradient."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from qkan.layers.qkan.formula import ONE, Formula

__all__ = ["RowProgram"]


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
        """Write the outputs into ``out``, and return the rows that :meth:`gradient` wants, ``(rows, edges)``."""
        made = inputs.new_empty(len(self._formula.sums), inputs.shape[1])
        rows = self._rows(inputs, made)
        for row, (leading, *rest) in zip(made.unbind(), self._formula.sums, strict=True):
            torch.mul(rows[leading[1]], rows[leading[2]], out=row)  # the leading factor is 1
            for factor, a, b in rest:
                row.addcmul_(rows[a], rows[b], value=factor)
        for target, (factor, number) in zip(out.unbind(), self._formula.outputs, strict=True):
            torch.mul(rows[number], factor, out=target)
        return made

    def gradient(self, inputs: Tensor, made: Tensor, upstream: Tensor) -> Tensor:
        """Return the gradient with respect to the inputs: the same products, backwards."""
        rows = self._rows(inputs, made)
        result = upstream.new_empty(len(rows), upstream.shape[1])
        gradients = result.unbind()
        reached = [False] * len(rows)

        def add(row: int, factor: float, above: Tensor, other: int) -> None:
            if other != ONE and reached[row]:
                gradients[row].addcmul_(above, rows[other], value=factor)
            elif reached[row]:
                gradients[row].add_(above, alpha=factor)
            else:
                reached[row] = True
                torch.mul(above, rows[other] if other != ONE else factor, out=gradients[row])
                if other != ONE and factor != 1:
                    gradients[row].mul_(factor)

        for (factor, row), above in zip(self._formula.outputs, upstream.unbind(), strict=True):
            add(row, factor, above, ONE)
        for row in range(len(rows) - 1, self._first - 1, -1):
            for factor, a, b in self._formula.sums[row - self._first] if reached[row] else ():
                add(b, factor, gradients[row], a)
                if a != ONE:
                    add(a, factor, gradients[row], b)
        for row in range(1, self._first):
            if not reached[row]:
                gradients[row].zero_()
        return result[1 : self._first]

    def _rows(self, inputs: Tensor, made: Tensor) -> list[Tensor]:
        return [inputs.new_ones(inputs.shape[1]), *inputs.unbind(), *made.unbind()]


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
