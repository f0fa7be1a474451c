"""B-spline bases: a closed form on uniform knots, de Boor's recursion on any others.

Breakpoints b_0 < ... < b_grid divide the domain; the knots continue beyond both ends with the
spacing of the last interval, ``degree`` of them, so there are ``grid + degree`` basis functions,
all of the same shape on uniform knots (no clamped ends).
"""

from __future__ import annotations

import math
from math import comb

import torch
from torch import Tensor
from torch.nn import functional

from qkan.layers.checks import inside_transform
from qkan.layers.kan_layer import inclusive_clamp

__all__ = ["MAX_DEGREE", "cardinal_pieces", "knot_basis", "knot_vector", "uniform_basis"]

MAX_DEGREE = 18
"""Up to here the integers of :func:`cardinal_pieces` fit into float64."""


def cardinal_pieces(degree: int) -> Tensor:
    r"""Return the polynomials that make up the cardinal B-spline, times degree!.

    On a cell with the local coordinate u in [0, 1], the basis function that began s = degree - m
    cells before it is :math:`w_m(u) = \sum_q a_{mq} u^q / \text{degree}!`. From the truncated powers,

    .. math::
        a_{mq} = \binom{p}{q} \sum_{k \le s} (-1)^k \binom{p + 1}{k} (s - k)^{p - q}, \qquad p = \text{degree} .

    These are integers, so they stay exact when a layer changes its dtype. At least the powers 0
    and 1 are there.

    Example:
        >>> cardinal_pieces(1)  # 1 - u and u
        tensor([[ 1., -1.],
                [ 0.,  1.]], dtype=torch.float64)

    Source: I. J. Schoenberg, Quart. Appl. Math. 4 (1946) 45, for the truncated powers.
    """

    def integer(s: int, q: int) -> int:
        powers = ((-1) ** k * comb(degree + 1, k) * (s - k) ** (degree - q) for k in range(s + 1))
        total: int = comb(degree, q) * sum(powers)
        return total

    rows = [[integer(s, q) for q in range(degree + 1)] for s in range(degree, -1, -1)]
    pieces = torch.tensor(rows, dtype=torch.float64)
    return pieces if degree else functional.pad(pieces, (0, 1))


def uniform_basis(
    x: Tensor,
    breakpoints: Tensor,
    grid: int,
    pieces: Tensor,
    extrapolation: str,
    last: Tensor | None = None,
) -> Tensor:
    """Return the bases on uniform knots, (N, in) -> (N, in * num_basis).

    Args:
        x: The points.
        breakpoints: The two ends of the domain of every input, (in, 2).
        grid: The number of cells.
        pieces: :func:`cardinal_pieces` of the degree.
        extrapolation: ``"linear"``, ``"zero"``, ``"periodic"`` (with only ``grid`` functions), or
            anything else for constant ends.
        last: Further columns that end every row of the result, (N, any); they get no gradient.
    """
    degree, periodic = len(pieces) - 1, extrapolation == "periodic"
    lower, upper = breakpoints.T.contiguous()  # strided vectors cost three times as much
    step = (upper - lower) / float(grid)
    points = _wrap(x, lower, upper) if periodic else x
    cell = ((points.detach() - lower) / step).floor().clamp(0, grid - 1).nan_to_num(0.0)
    # From the cell's own knot, not from the domain's end: this keeps float32's last digits.
    u = (points - torch.addcmul(lower, cell, step)) / step
    values = _values(u, pieces, straight=extrapolation == "linear")
    if extrapolation == "zero":
        values = values * ((x >= lower) & (x <= upper)).view(-1)

    num_basis = grid if periodic else grid + degree
    samples, inputs = x.shape
    width = num_basis * inputs
    rows = values.new_zeros(samples, width) if last is None else functional.pad(last, (width, 0))
    column = cell.long()
    index = column + torch.arange(0, width, num_basis, device=x.device)
    values = values.view(degree + 1, samples, inputs)
    transformed = torch.compiler.is_compiling() or inside_transform()
    if not (transformed or values.requires_grad or periodic):
        for m, piece in enumerate(values):  # one index for all pieces: half the time
            rows[:, m:].scatter_(1, index, piece)
        return rows
    offset = torch.arange(degree + 1, device=x.device).unsqueeze(-1)
    index = index.unsqueeze(1) + offset
    if periodic:
        index = index - grid * (column.unsqueeze(1) + offset >= grid)
    # In place there is nothing to clone, but vmap has no rule for it.
    scatter = rows.scatter if transformed else rows.scatter_
    return scatter(1, index.flatten(1), values.transpose(0, 1).flatten(1))


def _values(u: Tensor, pieces: Tensor, *, straight: bool) -> Tensor:
    """Return the degree + 1 bases that live on a cell, (*) -> (degree + 1, numel).

    They are polynomials in u; beyond [0, 1] constant or, if ``straight``, along their tangents.
    """
    # A tangent's slope does not depend on that of the clamp.
    inner = u.clamp(0.0, 1.0) if straight else inclusive_clamp(u, 0.0, 1.0)
    power, monomials = inner, [u if straight else inner]
    for q in range(2, len(pieces)):
        monomials.append(power * (torch.lerp(inner, u, float(q)) if straight else inner))
        if q < len(pieces) - 1:
            power = power * inner
    weights = pieces / math.factorial(len(pieces) - 1)
    return torch.addmm(weights[:, :1], weights[:, 1:], torch.stack(monomials).flatten(1))


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
