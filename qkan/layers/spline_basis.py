"""B-spline bases: a closed form on uniform knots, de Boor's recursion on any others.

Breakpoints b_0 < ... < b_grid divide the domain; the knots continue beyond both ends with the
spacing of the last interval, ``degree`` of them, so there are ``grid + degree`` basis functions,
all of the same shape on uniform knots (no clamped ends).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from scipy.interpolate import BSpline, PPoly
from torch import Tensor

from qkan.layers.base import inclusive_clamp

__all__ = ["Pieces", "cardinal_pieces", "knot_basis", "knot_vector", "uniform_basis"]


Pieces = tuple[tuple[tuple[float, ...], tuple[tuple[float, ...], ...]], ...]


def cardinal_pieces(degree: int) -> Pieces:
    r"""Return the polynomials that make up the cardinal B-spline, and their derivatives.

    On a cell with the local coordinate u in [0, 1], the basis function that began degree - m
    cells before it is :math:`w_m(u) = \sum_q a_{mq} u^q`. Entry r of the result is the r-th
    derivative, up to the one that vanishes: the constants for m = 0, ..., degree, and for each m
    the coefficients of u, u^2, ...

    Example:
        >>> cardinal_pieces(1)  # (1 - u, u), then (-1, 1), then zero
        (((1.0, 0.0), ((-1.0,), (1.0,))), ((-1.0, 1.0), ((), ())), ((0.0, 0.0), ((), ())))
    """
    spline = PPoly.from_spline(BSpline.basis_element(range(degree + 2), extrapolate=False))
    inner = spline.c[:, degree:-degree] if degree else spline.c
    # k! w_m has integer coefficients: rounding them makes the table exact.
    table = (inner[::-1, ::-1] * math.factorial(degree)).round().T / math.factorial(degree)
    orders = []
    for order in range(degree + 2):
        factors = [math.perm(q, order) for q in range(order, degree + 1)]
        rows = table[:, order:] * factors + 0.0 if factors else np.zeros((degree + 1, 1))
        orders.append((tuple(rows[:, 0].tolist()), tuple(map(tuple, rows[:, 1:].tolist()))))
    return tuple(orders)


def uniform_basis(
    x: Tensor, breakpoints: Tensor, grid: int, pieces: Pieces, extrapolation: str
) -> Tensor:
    """Return the bases on uniform knots, (N, in) -> (N, in, grid + degree).

    Args:
        x: The points.
        breakpoints: The two ends of the domain of every input, (in, 2).
        grid: The number of cells.
        pieces: :func:`cardinal_pieces` of the degree.
        extrapolation: ``"linear"``, ``"zero"``, ``"periodic"`` (with only ``grid`` functions), or
            anything else for constant ends.
    """
    spline = _Spline(grid, pieces, extrapolation)
    if torch.compiler.is_compiling():  # a compiler derives and fuses the plain operations
        return _uniform_derivative(x, breakpoints, spline)
    basis: Tensor = _UniformBasis.apply(x, breakpoints, spline)
    return basis


@dataclass(frozen=True)
class _Spline:
    """The derivative of an ``order`` of the splines with these ``pieces`` on uniform cells."""

    grid: int
    pieces: Pieces
    extrapolation: str
    order: int = 0


class _UniformBasis(torch.autograd.Function):
    """The bases or their derivative of an order; the backward pass keeps nothing but ``x``."""

    @staticmethod
    def forward(x: Tensor, breakpoints: Tensor, spline: _Spline) -> Tensor:
        return _uniform_derivative(x, breakpoints, spline)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:2])
        ctx.save_for_forward(*inputs[:2])
        ctx.spline = inputs[2]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return (grads[0] * _slope(ctx)).sum(-1), None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensor:
        tangent: Tensor = tangents[0].unsqueeze(-1) * _slope(ctx)
        return tangent

    @staticmethod
    def vmap(
        info: Any,
        in_dims: tuple[int | None, ...],
        x: Tensor,
        breakpoints: Tensor,
        spline: _Spline,
    ) -> tuple[Tensor, int]:
        """Evaluate a batch of calls as one call with more inputs, each with its own domain."""

        def stacked(value: Tensor, dim: int | None) -> Tensor:
            if dim is None:
                return value.expand(info.batch_size, *value.shape)
            return value.movedim(dim, 0)

        points = stacked(x, in_dims[0]).transpose(0, 1)
        ends = stacked(breakpoints, in_dims[1]).flatten(0, 1)
        basis = _UniformBasis.apply(points.flatten(1), ends, spline)
        folded: Tensor = basis.unflatten(1, points.shape[1:])
        return folded, 1


def _slope(ctx: Any) -> Tensor:
    higher = replace(ctx.spline, order=ctx.spline.order + 1)
    slope: Tensor = _UniformBasis.apply(*ctx.saved_tensors, higher)
    return slope


def _uniform_derivative(x: Tensor, breakpoints: Tensor, spline: _Spline) -> Tensor:
    grid, pieces = spline.grid, spline.pieces
    extrapolation, order = spline.extrapolation, spline.order
    degree = len(pieces) - 2
    lower, upper = breakpoints[:, 0], breakpoints[:, -1]
    step = (upper - lower) / float(grid)
    points = _wrap(x, lower, upper) if extrapolation == "periodic" else x
    cell = ((points.detach() - lower) / step).floor_().clamp_(0, grid - 1).nan_to_num_(0.0)
    # From the cell's own knot, not from the domain's end: this keeps float32's last digits.
    u = (points - torch.addcmul(lower, cell, step)) / step
    scale: Tensor | None = None
    if extrapolation != "periodic" and order >= {"linear": 2, "zero": 0}.get(extrapolation, 1):
        scale = ((x >= lower) & (x <= upper)).to(u.dtype)
    if order:
        scale = step**-order if scale is None else scale * step**-order

    values = _values(u, pieces, order, straight=extrapolation == "linear" and order == 0)
    if scale is not None:
        values = values * scale
    num_basis = grid if extrapolation == "periodic" else grid + degree
    rows = u.new_zeros(u.numel() * num_basis)
    column = cell.long()
    index = (column + _row_starts(cell, num_basis)).view(-1)
    # One-dimensional and piece by piece: four times as quick as along the last dimension.
    for m, piece in enumerate(values.flatten(1).unbind()):
        at = index + m if m else index
        if extrapolation == "periodic":
            at = at - grid * (column + m >= grid).view(-1)
        rows = rows.scatter_(0, at, piece)
    return rows.view(*u.shape, num_basis)


def _values(u: Tensor, pieces: Pieces, order: int, *, straight: bool) -> Tensor:
    """Return the degree + 1 bases that live on a cell, or their derivatives, stacked.

    They are polynomials in u; beyond [0, 1] constant or, if ``straight``, along their tangents.
    """
    degree = len(pieces) - 2
    constants, weights = pieces[min(order, degree + 1)]
    shape = (degree + 1, *u.shape)
    inner = inclusive_clamp(u, 0.0, 1.0)
    power, monomials = inner, [u if straight else inner]
    for q in range(2, degree - order + 1):
        monomials.append(power * (torch.lerp(inner, u, float(q)) if straight else inner))
        if q < degree - order:
            power = power * inner
    if not weights[0]:
        return u.new_tensor(constants)[:, None, None].expand(shape)
    stacked = torch.stack(monomials).flatten(1)
    return torch.addmm(u.new_tensor(constants)[:, None], u.new_tensor(weights), stacked).view(shape)


def knot_basis(x: Tensor, breakpoints: Tensor, degree: int, extrapolation: str) -> Tensor:
    """Return the bases on any knots, (N, in) -> (N, in, grid + degree).

    This is algorithm A2.2 of Piegl and Tiller, The NURBS Book (1997): only positive terms, so no
    digits cancel.

    Args:
        x: The points.
        breakpoints: The ends of the cells of every input, (in, grid + 1).
        degree: The degree of the pieces.
        extrapolation: ``"linear"``, ``"zero"``, ``"periodic"`` (with only ``grid`` functions), or
            anything else for constant ends.
    """
    grid = breakpoints.shape[1] - 1
    lower, upper = breakpoints[:, 0], breakpoints[:, -1]
    points = _wrap(x, lower, upper) if extrapolation == "periodic" else x
    inner = inclusive_clamp(points, lower, upper)
    cell = (inner.detach().unsqueeze(-1) >= breakpoints[:, 1:-1]).sum(-1)
    knots = knot_vector(breakpoints, degree, periodic=extrapolation == "periodic").T
    near = [torch.gather(knots, 0, cell + offset) for offset in range(1, 2 * degree + 1)]
    left = [inner - knot for knot in near[:degree]][::-1]
    right = [knot - inner for knot in near[degree:]]

    values, slopes = [torch.ones_like(inner) + 0 * inner], [torch.zeros_like(inner)]
    for j in range(1, degree + 1):
        parts = [values[r] / (right[r] + left[j - 1 - r]) for r in range(j)]
        rising = [torch.zeros_like(inner), *(left[j - 1 - r] * parts[r] for r in range(j))]
        falling = [*(right[r] * parts[r] for r in range(j)), torch.zeros_like(inner)]
        values = [a + b for a, b in zip(rising, falling, strict=True)]
        if j == degree:
            zero = torch.zeros_like(inner)
            slopes = [j * (a - b) for a, b in zip([zero, *parts], [*parts, zero], strict=True)]
    stacked = torch.stack(values)
    if extrapolation == "linear":
        stacked = stacked + (points - inner) * torch.stack(slopes)
    if extrapolation == "zero":
        stacked = stacked * ((x >= lower) & (x <= upper))
    column = cell + torch.arange(degree + 1, device=cell.device)[:, None, None]
    num_basis = grid + degree
    if extrapolation == "periodic":
        num_basis, column = grid, column % grid
    # Out of place, because vmap has a rule for it.
    rows = stacked.new_zeros(cell.numel() * num_basis)
    index = _row_starts(cell, num_basis) + column
    return rows.scatter(0, index.flatten(), stacked.flatten()).view(*cell.shape, num_basis)


def knot_vector(breakpoints: Tensor, degree: int, *, periodic: bool) -> Tensor:
    """Return the knots of every input, (in, grid + 1) -> (in, grid + 1 + 2 degree)."""
    count = torch.arange(1, degree + 1, device=breakpoints.device)
    first, last = breakpoints[:, :1], breakpoints[:, -1:]
    if periodic:
        period = last - first
        before, after = breakpoints[:, -1 - count] - period, breakpoints[:, count] + period
    else:
        before = first - count * (breakpoints[:, 1:2] - first)
        after = last + count * (last - breakpoints[:, -2:-1])
    return torch.cat([before.flip(1), breakpoints, after], dim=1)


def _wrap(x: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    period = upper - lower
    return x - ((x.detach() - lower) / period).floor() * period


def _row_starts(cell: Tensor, num_basis: int) -> Tensor:
    """Return where the row of each point starts, of the shape of ``cell``."""
    starts = torch.arange(0, cell.numel() * num_basis, num_basis, device=cell.device)
    return starts.view(cell.shape)
