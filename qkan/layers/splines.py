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
    "move_grid",
    "refine_grid",
    "uniform_basis",
]

_CHUNK = 4096
_ANCHOR = 1e-3
"""Where the data leave directions free, the old function over the whole grid decides, with this weight."""
_HALVINGS = 8
_SPLITS = (1, 2, 4)
_GROWTH = 32
"""The number of cells grows by this factor at most, to reach data outside of the domain."""

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
    rows = stacked.new_zeros(*cell.shape, num_basis)
    return rows.scatter(-1, column.movedim(0, -1), stacked.movedim(0, -1))


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

    def edges(self, cells: int | None = None) -> Tensor:
        """Return all breakpoints, (in, cells + 1); of another number of cells, between them in proportion."""
        count = self.breakpoints.shape[1] - 1
        cells = self.cells if cells is None else cells
        place = torch.arange(cells + 1).to(self.breakpoints) * count / cells  # old ones exactly
        cell = place.floor().long().clamp_max(count - 1)
        ends = self.breakpoints[:, cell], self.breakpoints[:, cell + 1]
        return torch.lerp(*ends, place - cell)

    def knots(self) -> Tensor:
        """Return the knots, (in, cells + 1 + 2 degree)."""
        return knot_vector(self.edges(), self.degree, periodic=self.extrapolation == "periodic")

    def moved(self, edges: Tensor) -> SplineGrid:
        """Return the grid of the same kind with these breakpoints, of any number."""
        points = edges[:, [0, -1]] if self.uniform else edges
        return replace(self, breakpoints=points, cells=edges.shape[1] - 1)

    def sites(self) -> Tensor:
        """Return points spread evenly over every cell, more than a piece has coefficients, (count, in)."""
        each, edges = self.degree + 2, self.edges()
        parts = (torch.arange(each).to(edges) + 0.5) / each
        return torch.lerp(edges[:, :-1, None], edges[:, 1:, None], parts).flatten(1).T.contiguous()


def refine_grid(
    old: SplineGrid, cells: int, coefficients: Tensor
) -> tuple[SplineGrid, Tensor, float]:
    """Return a grid of so many cells, the coefficients on it, (in, num_basis, out), and how far edges change.

    Not at all, up to rounding, if the number of cells is a multiple of the old one; else by least squares.
    """
    new = old.moved(old.edges(cells))
    fitted, change = _fit(old, new, coefficients)
    return new, fitted, float(change.max())


def move_grid(
    old: SplineGrid, x: Tensor, coefficients: Tensor, tolerance: float
) -> tuple[SplineGrid, Tensor, Tensor]:
    """Return a grid that went towards the data, the coefficients on it, and how much of the way each input's went.

    Args:
        old: The grid.
        x: The data, (N, in).
        coefficients: Those on the old grid, (in, num_basis, out).
        tolerance: How much an edge may change on the data, relative to its norm.
    """
    start, target = old.edges(), _target(old, x)
    part = torch.ones_like(start[:, 0])
    for _ in range(_HALVINGS):
        new = old.moved(torch.lerp(start, target, part[:, None]))
        fitted, change = _fit(old, new, coefficients, x)
        refused = ~(change <= tolerance)
        if not bool(refused.any()):
            break
        part[refused] /= 2
    part[refused] = 0
    kept = (part == 0)[:, None]
    new = replace(old, breakpoints=torch.where(kept, old.breakpoints, new.breakpoints))
    outside = (x < new.breakpoints[:, 0]) | (x > new.breakpoints[:, -1])
    if old.extrapolation != "periodic" and bool(outside.any()):
        wider = _extended(old, x)
        for split in _SPLITS if wider is not None else ():
            assert wider is not None
            if (cells := split * wider.cells) > _GROWTH * old.cells:
                break
            grown = wider.moved(wider.edges(cells))
            values, change = _fit(old, grown, coefficients, x)
            if bool((change <= tolerance).all()):
                return grown, values, torch.ones_like(part)
    return new, torch.where(kept[..., None], coefficients, fitted), part


def _target(old: SplineGrid, x: Tensor) -> Tensor:
    """Return where the data would have the breakpoints."""
    start = old.edges()
    ends = torch.stack([x.amin(0), x.amax(0)], dim=1)
    if old.extrapolation == "periodic":  # the domain is the period, a property of the function
        ends = start[:, [0, -1]]
    parts = torch.linspace(0, 1, old.cells + 1, dtype=x.dtype, device=x.device)
    target = torch.lerp(ends[:, :1], ends[:, 1:], parts)
    if not old.uniform:
        quantiles = torch.quantile(x[:: len(x) // _CHUNK + 1], parts, dim=0).T
        target = torch.lerp(target, quantiles, 0.5)
        target[:, [0, -1]] = ends
    spread = ends[:, 1] - ends[:, 0] > 1e-6 * (start[:, -1] - start[:, 0])
    return torch.where(spread[:, None], target, start)


def _extended(old: SplineGrid, x: Tensor) -> SplineGrid | None:
    """Return the grid with more cells of the same size at its ends, so that the data lie inside; None if too many."""
    edges = old.edges()
    steps = edges.diff(dim=1)[:, [0, -1]]
    over = torch.stack([edges[:, 0] - x.amin(0), x.amax(0) - edges[:, -1]], dim=1)
    more = torch.where(over > 0, (over / steps).floor() + 1, 0.0)
    most = float(more.sum(1).max())
    if not most < _GROWTH * old.cells:
        return None
    # All inputs have as many cells, so some go further than they must.
    below = more[:, :1] + ((most - more.sum(1, keepdim=True)) / 2).floor()
    place = torch.arange(old.cells + int(most) + 1).to(x) - below
    inner = edges.gather(1, place.clamp(0, old.cells).long())
    beyond = (place - old.cells).clamp_min(0) * steps[:, 1:]
    return old.moved(inner + place.clamp_max(0) * steps[:, :1] + beyond)


def _fit(
    old: SplineGrid, new: SplineGrid, coefficients: Tensor, x: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return coefficients by least squares, and by how much at most they change an edge of each input.

    The change is relative to the edge's norm: on the data, and on data that count the less the further outside they
    are, so that a sample at which a spline is large does not hide what happens to the others. Without data it is that
    over the domain.
    """
    sites = (new if new.cells >= old.cells else old).sites()
    anchor = _grams(old, new, sites)
    measures = [anchor]
    if x is not None:
        low, high = old.breakpoints[:, 0], old.breakpoints[:, -1]
        far = (2 * x - low - high).abs() / (high - low)
        measures = [_grams(old, new, x, far.clamp_min(1) ** -2), _grams(old, new, x)]
    square, mixed, _ = anchor
    if x is not None:
        square = measures[0][0] + _ANCHOR * square
        mixed = measures[0][1] + _ANCHOR * mixed
    ridge = 1e-14 * square.diagonal(dim1=1, dim2=2).mean(1).clamp_min(
        1e-300
    )  # only rounding sees it
    eye = torch.eye(square.shape[1]).to(square)
    fitted: Tensor = torch.linalg.solve(square + ridge[:, None, None] * eye, mixed @ coefficients)

    def inner(a: Tensor, gram: Tensor, b: Tensor) -> Tensor:
        return torch.einsum("igo,igh,iho->io", a, gram, b)

    changes = []
    for a, b, c in measures:
        norm = inner(coefficients, c, coefficients)
        gap = inner(fitted, a, fitted) - 2 * inner(fitted, b, coefficients) + norm
        least = (1e-20 * norm.amax(1, keepdim=True)).clamp_min(1e-300)
        changes.append((gap.clamp_min(0) / norm.clamp_min(least)).sqrt().amax(1))
    return fitted, torch.stack(changes).amax(0)


def _grams(
    old: SplineGrid, new: SplineGrid, x: Tensor, weights: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the means of new x new, new x old and old x old bases over the points ``x``."""
    total = [torch.zeros(())] * 3
    weights = torch.ones_like(x) if weights is None else weights
    for points, some in zip(torch.split(x, _CHUNK), torch.split(weights, _CHUNK), strict=True):
        a, b, w = new.basis(points), old.basis(points), some.unsqueeze(-1) / len(x)
        pairs = ((a, a), (a, b), (b, b))
        total = [
            t + torch.einsum("nig,nih->igh", w * p, q)
            for t, (p, q) in zip(total, pairs, strict=True)
        ]
    first, second, third = total
    return first, second, third
