"""Splines on knots, as functions of arrays: B-spline bases, and the change from one grid to another.

Breakpoints b_0 < ... < b_grid divide the domain; the knots continue beyond both ends with the
spacing of the last interval, ``degree`` of them, so there are ``grid + degree`` basis functions,
all of the same shape on uniform knots (no clamped ends).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from math import comb

import torch
from torch import Tensor
from torch.nn import functional

from qkan.layers.checks import inclusive_clamp, traced

__all__ = [
    "MAX_DEGREE",
    "SplineGrid",
    "cardinal_pieces",
    "knot_basis",
    "knot_vector",
    "least_squares",
    "move_grid",
    "refine_grid",
    "uniform_basis",
]

_CHUNK = 4096
_ANCHOR = 1e-3
_HALVINGS = 8

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
    transformed = traced()
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


@dataclass(frozen=True, eq=False)
class SplineGrid:
    """Where the splines of every input live, and of which kind they are.

    Attributes:
        breakpoints: The two ends of uniform grids, (in, 2), or all breakpoints, (in, cells + 1).
        cells: The number of cells.
        degree: The degree of the pieces.
        extrapolation: What the splines do outside.
        uniform: Whether all cells of an input are of one size.
    """

    breakpoints: Tensor
    cells: int
    degree: int
    extrapolation: str
    uniform: bool

    def basis(self, x: Tensor) -> Tensor:
        """Return the bases at points, (N, in) -> (N, in, num_basis)."""
        if self.uniform:
            pieces = cardinal_pieces(self.degree).to(x)
            basis = uniform_basis(x, self.breakpoints, self.cells, pieces, self.extrapolation)
            return basis.view(*x.shape, -1)
        return knot_basis(x, self.breakpoints, self.degree, self.extrapolation)

    def sites(self) -> Tensor:
        """Return points spread evenly over every cell, more than a piece has coefficients, (count, in)."""
        each = self.degree + 2
        parts = (torch.arange(each).to(self.breakpoints) + 0.5) / each
        edges = self.breakpoints
        if self.uniform:
            steps = torch.linspace(0, 1, self.cells + 1).to(edges)
            edges = torch.lerp(edges[:, :1], edges[:, 1:], steps)
        return torch.lerp(edges[:, :-1, None], edges[:, 1:, None], parts).flatten(1).T.contiguous()


def refine_grid(old: SplineGrid, cells: int, coefficients: Tensor) -> tuple[SplineGrid, Tensor]:
    """Return a grid of so many cells, and the coefficients of the same functions on it, (in, num_basis, out).

    Exact up to rounding if the number of cells is a multiple of the old one; else by least squares over the domain.
    """
    breakpoints = old.breakpoints
    if not old.uniform:
        place = torch.linspace(0, old.cells, cells + 1).to(breakpoints)
        cell = place.floor().long().clamp_max(old.cells - 1)
        breakpoints = torch.lerp(breakpoints[:, cell], breakpoints[:, cell + 1], place - cell)
    new = replace(old, breakpoints=breakpoints, cells=cells)
    sites = (new if cells >= old.cells else old).sites()
    square, mixed, _ = _grams(sites, old, new)
    return new, least_squares(square, mixed @ coefficients)


def move_grid(
    old: SplineGrid, x: Tensor, coefficients: Tensor, tolerance: float
) -> tuple[SplineGrid, Tensor, Tensor]:
    """Return a grid that went towards the data, the coefficients on it, and how much of the way each input's went.

    Args:
        old: The grid.
        x: The data, (N, in).
        coefficients: Those on the old grid, (in, num_basis, out).
        tolerance: How much the functions of an input may change on the data, relative to their norm.
    """
    target = _target(old, x)
    part = torch.ones_like(old.breakpoints[:, 0])
    for _ in range(_HALVINGS):
        new = replace(old, breakpoints=torch.lerp(old.breakpoints, target, part[:, None]))
        fitted, change = _fit(old, new, x, coefficients)
        refused = change > tolerance
        if not bool(refused.any()):
            break
        part[refused] /= 2
    part[refused] = 0
    kept = (part == 0)[:, None]
    new = replace(old, breakpoints=torch.where(kept, old.breakpoints, new.breakpoints))
    return new, torch.where(kept[..., None], coefficients, fitted), part


def least_squares(square: Tensor, right: Tensor) -> Tensor:
    """Return the solutions of normal equations, with a ridge that only rounding can see.

    Shape:
        - square: ``(..., n, n)``, positive semi-definite
        - right: ``(..., n, m)``
        - result: as ``right``
    """
    ridge = 1e-14 * square.diagonal(dim1=-2, dim2=-1).mean(-1).clamp_min(1e-300)
    eye = torch.eye(square.shape[-1]).to(square)
    solution: Tensor = torch.linalg.solve(square + ridge[..., None, None] * eye, right)
    return solution


def _target(old: SplineGrid, x: Tensor) -> Tensor:
    """Return where the data would have the breakpoints."""
    breakpoints = old.breakpoints
    ends = torch.stack([x.amin(0), x.amax(0)], dim=1)
    if old.extrapolation == "periodic":  # the domain is the period, a property of the function
        ends = breakpoints[:, [0, -1]]
    target = ends
    if not old.uniform:
        parts = torch.linspace(0, 1, old.cells + 1).to(x)
        quantiles = torch.quantile(x[:: len(x) // _CHUNK + 1], parts, dim=0).T
        even = torch.lerp(ends[:, :1], ends[:, 1:], parts)
        target = torch.lerp(even, quantiles, 0.5)
        target[:, [0, -1]] = ends
    spread = ends[:, 1] - ends[:, 0] > 1e-6 * (breakpoints[:, -1] - breakpoints[:, 0])
    return torch.where(spread[:, None], target, breakpoints)


def _fit(
    old: SplineGrid, new: SplineGrid, x: Tensor, coefficients: Tensor
) -> tuple[Tensor, Tensor]:
    """Return new coefficients, and by how much they change each input's edges on the data.

    The change is looked at over all data and over those inside the old domain alone, so that a sample far outside,
    where a spline may be large, does not hide what happens to the others.
    """
    inside = ((x >= old.breakpoints[:, 0]) & (x <= old.breakpoints[:, -1])).to(x)
    data = _mean_grams(old, new, x, torch.ones_like(x))
    core = _mean_grams(old, new, x, inside)
    # Where the data leave directions free, the old function over the whole new grid decides.
    anchor = _grams(new.sites(), old, new)
    square, mixed = (d + _ANCHOR * a for d, a in zip(data[:2], anchor[:2], strict=True))
    fitted = least_squares(square, mixed @ coefficients)

    def inner(a: Tensor, gram: Tensor, b: Tensor) -> Tensor:
        return torch.einsum("igo,igh,iho->i", a, gram, b)

    changes = []
    for a, b, c in (data, core):
        norm = inner(coefficients, c, coefficients)
        gap = inner(fitted, a, fitted) - 2 * inner(fitted, b, coefficients) + norm
        changes.append((gap.clamp_min(0) / norm.clamp_min(1e-300)).sqrt())
    return fitted, torch.maximum(*changes)


def _mean_grams(
    old: SplineGrid, new: SplineGrid, x: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    chunks = zip(torch.split(x, _CHUNK), torch.split(weights, _CHUNK), strict=True)
    parts = [_grams(chunk, old, new, some) for chunk, some in chunks]
    first, second, third = (
        torch.stack(grams).sum(0) / len(x) for grams in zip(*parts, strict=True)
    )
    return first, second, third


def _grams(
    x: Tensor, old: SplineGrid, new: SplineGrid, weights: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the sums of new x new, new x old and old x old bases over the points ``x``."""
    a, b = new.basis(x), old.basis(x)
    p, q = (a, b) if weights is None else (a * weights.unsqueeze(-1), b * weights.unsqueeze(-1))
    return (
        torch.einsum("nig,nih->igh", p, a),
        torch.einsum("nig,nih->igh", p, b),
        torch.einsum("nig,nih->igh", q, b),
    )
