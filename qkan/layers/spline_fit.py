"""Changing the grid of a B-spline layer while its edge functions stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from qkan.layers import spline_basis

if TYPE_CHECKING:
    from qkan.layers.bspline import BSplineKANLayer

__all__ = ["refine", "update_grid"]

_CHUNK = 4096
_ANCHOR = 1e-3
_HALVINGS = 8


@torch.no_grad()
def refine(layer: BSplineKANLayer, grid: int) -> None:
    """Give every edge ``grid`` cells; see :meth:`BSplineKANLayer.refine`."""
    old = layer.breakpoints.double()
    new = old if layer.uniform else _resample(old, grid)
    sites = _sites(old, (layer.degree + 2) * max(grid, layer.grid))
    fitted = _solve(*_grams(layer, sites, old, new, grid)[:2], layer.coefficients().double())
    like = layer.weight
    rest = like[layer.in_features * layer.num_basis :]
    weight = torch.cat([fitted.flatten(0, 1).to(like), rest])
    layer.grid = grid
    layer.breakpoints = new.to(like)
    layer.weight = nn.Parameter(weight, requires_grad=like.requires_grad)


@torch.no_grad()
def update_grid(layer: BSplineKANLayer, x: Tensor, tolerance: float) -> Tensor:
    """Move the grid towards the data ``x``, (N, in); see :meth:`BSplineKANLayer.update_grid`."""
    x = x.double()
    old, coefficients = layer.breakpoints.double(), layer.coefficients().double()
    target = _target(layer, x, old)
    part = torch.ones_like(old[:, 0])
    for _ in range(_HALVINGS):
        new = torch.lerp(old, target, part[:, None])
        fitted, change = _fit(layer, x, old, new, coefficients)
        refused = change > tolerance
        if not bool(refused.any()):
            break
        part[refused] /= 2
    part[refused] = 0
    kept = part == 0
    layer.breakpoints.copy_(torch.where(kept[:, None], old, new))
    layer.coefficients().copy_(torch.where(kept[:, None, None], coefficients, fitted))
    return part


def _target(layer: BSplineKANLayer, x: Tensor, old: Tensor) -> Tensor:
    """Return where the data would have the breakpoints: of the shape of ``old``."""
    ends = torch.stack([x.amin(0), x.amax(0)], dim=1)
    if layer.periodic:  # the domain is the period, a property of the function
        ends = old[:, [0, -1]]
    if layer.uniform:
        target = ends
    else:
        parts = torch.linspace(0, 1, layer.grid + 1).to(x)
        quantiles = torch.quantile(x[:: len(x) // _CHUNK + 1], parts, dim=0).T
        even = torch.lerp(ends[:, :1], ends[:, 1:], parts)
        target = torch.lerp(even, quantiles, 0.5)
        target[:, [0, -1]] = ends
    spread = ends[:, 1] - ends[:, 0] > 1e-6 * (old[:, -1] - old[:, 0])
    return torch.where(spread[:, None], target, old)


def _fit(
    layer: BSplineKANLayer, x: Tensor, old: Tensor, new: Tensor, coefficients: Tensor
) -> tuple[Tensor, Tensor]:
    """Return new coefficients, and by how much they change each input's edges on the data."""
    grid = layer.grid
    chunks = (x[start : start + _CHUNK] for start in range(0, len(x), _CHUNK))
    parts = [_grams(layer, chunk, old, new, grid) for chunk in chunks]
    data = [torch.stack(grams).sum(0) / len(x) for grams in zip(*parts, strict=True)]
    # Where the data leave directions free, the old function over the whole new grid decides.
    anchor = _grams(layer, _sites(new, (layer.degree + 2) * grid), old, new, grid)
    square, mixed = (d + _ANCHOR * a for d, a in zip(data[:2], anchor[:2], strict=True))
    fitted = _solve(square, mixed, coefficients)

    def inner(a: Tensor, gram: Tensor, b: Tensor) -> Tensor:
        return torch.einsum("igo,igh,iho->i", a, gram, b)

    norm = inner(coefficients, data[2], coefficients)
    gap = inner(fitted, data[0], fitted) - 2 * inner(fitted, data[1], coefficients) + norm
    return fitted, (gap.clamp_min(0) / norm.clamp_min(1e-300)).sqrt()


def _grams(
    layer: BSplineKANLayer, x: Tensor, old: Tensor, new: Tensor, grid: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the means of new x new, new x old and old x old bases over the points ``x``."""
    a, b = _basis(layer, x, new, grid), _basis(layer, x, old, layer.grid)
    return tuple(  # type: ignore[return-value]
        torch.einsum("nig,nih->igh", p, q) for p, q in ((a, a), (a, b), (b, b))
    )


def _basis(layer: BSplineKANLayer, x: Tensor, breakpoints: Tensor, grid: int) -> Tensor:
    if layer.uniform:
        basis = spline_basis.uniform_basis(
            x, breakpoints, grid, layer.pieces.to(x), layer.extrapolation
        )
        return basis.view(*x.shape, -1)
    return spline_basis.knot_basis(x, breakpoints, layer.degree, layer.extrapolation)


def _solve(square: Tensor, mixed: Tensor, coefficients: Tensor) -> Tensor:
    ridge = 1e-14 * square.diagonal(dim1=1, dim2=2).mean(1).clamp_min(1e-300)
    eye = torch.eye(square.shape[1]).to(square)
    solution: Tensor = torch.linalg.solve(square + ridge[:, None, None] * eye, mixed @ coefficients)
    return solution


def _sites(breakpoints: Tensor, count: int) -> Tensor:
    """Return points spread evenly over each input's domain, (count, in)."""
    parts = (torch.arange(count).to(breakpoints) + 0.5) / count
    return torch.lerp(breakpoints[:, 0], breakpoints[:, -1], parts[:, None])


def _resample(breakpoints: Tensor, grid: int) -> Tensor:
    """Return ``grid + 1`` breakpoints per input; a multiple keeps the old ones among them."""
    place = torch.linspace(0, breakpoints.shape[1] - 1, grid + 1).to(breakpoints)
    cell = place.floor().long().clamp_max(breakpoints.shape[1] - 2)
    return torch.lerp(breakpoints[:, cell], breakpoints[:, cell + 1], place - cell)
