"""Levenberg and Marquardt's method for many small curve fits at once, in groups that share a scale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from circuits import Circuit, fourier
from qkan.layers.qkan.edge_coefficients import EdgeCoefficients

__all__ = ["Fit", "Problem", "minimise"]

_SMALL = 1e-12

_IDLE, _PATIENCE = 1e-4, 4
"""The end: so many steps in a row with a mean relative gain below."""


@dataclass(frozen=True)
class Fit:
    """A point in the search.

    Attributes:
        local: The parameters of the edges, (groups, edges, parameters): the circuits' weights, w, u, v.
        affine: The scale and the shift of the groups, (groups, 2).
        cost: The sums of squared residuals, (groups, edges), once they are known.
    """

    local: Tensor
    affine: Tensor
    cost: Tensor | None = None


@dataclass(frozen=True)
class Problem:
    """Curves, and the edges that are to follow them.

    Attributes:
        form: Gives the coefficients of the edges.
        tau: The points, (groups, points).
        values: The curves, (groups, edges, points).
        base: The base function at the points, (groups, points), or None.
        keep: Which edges count, (groups, edges).
        rate: The scale of the circuit's input.
        weighted: Whether there are factors w.
        floor: What of the cost no parameter can change, (groups, edges).
        design: Harmonics at fixed scales, (groups, rows, 2 degree + 1), in place of the points.
    """

    form: EdgeCoefficients
    tau: Tensor
    values: Tensor
    base: Tensor | None
    keep: Tensor
    rate: float
    weighted: bool
    floor: Tensor | None = None
    design: Tensor | None = None

    def harmonics(self, affine: Tensor) -> tuple[Tensor, Tensor]:
        """Return the harmonics at the points, and their derivatives by the angle, (groups, points, 2 degree + 1)."""
        if self.design is not None:
            return self.design, torch.zeros_like(self.design)
        angle = torch.addcmul(affine[:, 1:], self.tau, affine[:, :1])
        values = fourier.basis(angle, self.form.degree, self.rate).movedim(0, -1)
        slopes = torch.zeros_like(values)
        order = self.rate * torch.arange(1, self.form.degree + 1).to(values)
        slopes[..., 1::2], slopes[..., 2::2] = -order * values[..., 2::2], order * values[..., 1::2]
        return values, slopes

    def reduced(self, affine: Tensor) -> Problem:
        """Return the problem at fixed scales, its rows rotated such that there are as few as functions."""
        values, _ = self.harmonics(affine)
        columns = values if self.base is None else torch.cat([values, self.base[..., None]], -1)
        rotation, triangle = torch.linalg.qr(columns)
        projected = self.values @ rotation
        floor = (self.values.square().sum(-1) - projected.square().sum(-1)).clamp_min(0)
        size = values.shape[-1]
        return replace(
            self,
            values=projected,
            base=None if self.base is None else triangle[..., -1],
            floor=floor,
            design=triangle[..., :size],
        )

    def repeated(self, times: int, circuit: Circuit) -> Problem:
        """Return the problem several times over, as further groups."""
        return Problem(
            EdgeCoefficients(circuit, times * self.keep.numel()),
            self.tau.repeat(times, 1),
            self.values.repeat(times, 1, 1),
            None if self.base is None else self.base.repeat(times, 1),
            self.keep.repeat(times, 1),
            self.rate,
            self.weighted,
            None if self.floor is None else self.floor.repeat(times, 1),
            None if self.design is None else self.design.repeat(times, 1, 1),
        )

    def starts(self, drawn: Tensor, pool: Tensor, count: int) -> Iterator[Tensor]:
        """Yield parameters that begin with the circuits of a pool that fit best, once their factors are set."""
        assert self.design is not None  # starts are looked for at fixed scales
        shapes = self.design @ pool
        free = self.design[..., :1]
        if self.base is not None:
            free = torch.cat([free, self.base.unsqueeze(-1)], dim=-1)
        basis = torch.linalg.qr(free)[0]
        shapes = shapes - basis @ (basis.mT @ shapes)
        curves = self.values.mT - basis @ (basis.mT @ self.values.mT)
        overlap = curves.mT @ shapes
        size = shapes.square().sum(1, keepdim=True).clamp_min(_SMALL)
        score = overlap.square() / size if self.weighted else 2 * overlap - size
        for index in score.topk(count, dim=-1).indices.unbind(-1):
            factor = (overlap / size).gather(-1, index.unsqueeze(-1))
            linear = [factor] if self.weighted else []
            linear += [torch.zeros_like(factor)] * (2 - (self.base is None))
            yield torch.cat([drawn.T[index], *linear], dim=-1)

    def named(self, local: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the circuits' weights, (weights, groups, edges), and w, u and v of the edges."""
        weights = local[..., : self.form.num_weights].movedim(-1, 0)
        rest = list(local[..., self.form.num_weights :].unbind(-1))
        factor = rest.pop(0) if self.weighted else torch.ones_like(rest[0])
        return weights, factor, rest[0], rest[1] if len(rest) > 1 else torch.zeros_like(rest[0])

    def residuals(self, fit: Fit) -> Tensor:
        """Return edges minus curves, (groups, edges, points); 0 for edges that do not count."""
        weights, factor, constant, slope = self.named(fit.local)
        coefficients = self.form(weights.flatten(1)).reshape(-1, *self.keep.shape)
        values, _ = self.harmonics(fit.affine)
        return self._residuals(values, coefficients, factor, constant, slope)

    def _residuals(
        self, values: Tensor, coefficients: Tensor, factor: Tensor, constant: Tensor, slope: Tensor
    ) -> Tensor:
        weighted = coefficients * factor
        weighted[0] += constant
        result = weighted.movedim(0, -1) @ values.mT - self.values
        if self.base is not None:
            result = result + slope.unsqueeze(-1) * self.base.unsqueeze(1)
        return result * self.keep.unsqueeze(-1)

    def linearised(self, fit: Fit) -> tuple[Tensor, Tensor, Tensor]:
        """Return residuals and their derivatives by the edges' and by the groups' parameters."""
        weights, factor, constant, slope = self.named(fit.local)
        flat, derivative = self.form.with_jacobian(weights.flatten(1))
        coefficients = flat.reshape(-1, *self.keep.shape)
        values, slopes = self.harmonics(fit.affine)
        residuals = self._residuals(values, coefficients, factor, constant, slope)
        by_weights = derivative.reshape(*derivative.shape[:2], *self.keep.shape).permute(2, 3, 0, 1)
        shape = coefficients.movedim(0, -1) @ values.mT
        columns = [factor[..., None, None] * (values.unsqueeze(1) @ by_weights)]
        if self.weighted:
            columns.append(shape.unsqueeze(-1))
        columns.append(values[:, None, :, :1].expand(-1, shape.shape[1], -1, -1))
        if self.base is not None:
            columns.append(self.base[:, None, :, None].expand(-1, shape.shape[1], -1, -1))
        by_angle = (coefficients * factor).movedim(0, -1) @ slopes.mT
        by_affine = torch.stack([by_angle, by_angle], dim=-1)
        if self.design is None:
            by_affine[..., 0] *= self.tau.unsqueeze(1)
        kept = self.keep[..., None, None]
        return residuals, torch.cat(columns, dim=-1) * kept, by_affine * kept


def minimise(problem: Problem, start: Fit, iterations: int, *, shared: bool) -> Fit:
    """Return the end of a descent from ``start``; with ``shared``, scales and shifts move, too.

    Each edge has its own damping, or each group if its edges share parameters.
    """
    fit, cost = start, _cost(problem, start, shared)
    damping = torch.full_like(cost, 1e-3)
    idle = 0
    for _ in range(iterations):
        residuals, local, affine = problem.linearised(fit)
        step, affine_step = _step(residuals, local, affine, damping, shared)
        trial = Fit(fit.local + step, fit.affine + affine_step)
        after = _cost(problem, trial, shared)
        less = after < cost
        gain = torch.where(less, 1 - after / cost, 0)
        damping = torch.where(less, damping / 4, damping * 5).clamp(1e-12, 1e12)
        fit = Fit(
            torch.where(less.unsqueeze(-1), trial.local, fit.local),
            torch.where(less[:, :1], trial.affine, fit.affine) if shared else fit.affine,
        )
        cost = torch.where(less, after, cost)
        idle = idle + 1 if float(gain.mean()) < _IDLE else 0
        if idle == _PATIENCE:
            break
    return replace(fit, cost=_cost(problem, fit, shared=False))


def _cost(problem: Problem, fit: Fit, shared: bool) -> Tensor:
    cost = problem.residuals(fit).square().sum(-1)
    cost = cost if problem.floor is None else cost + problem.floor * problem.keep
    cost = cost.sum(1, keepdim=True) if shared else cost
    return torch.where(cost.isfinite(), cost, torch.inf)


def _step(
    residuals: Tensor, local: Tensor, affine: Tensor, damping: Tensor, shared: bool
) -> tuple[Tensor, Tensor]:
    """Solve the damped normal equations; what a group shares is eliminated last."""
    matrix = local.mT @ local
    diagonal = matrix.diagonal(dim1=-2, dim2=-1)
    floor = 1e-9 * diagonal.amax(-1, keepdim=True) + _SMALL
    damped = matrix + torch.diag_embed(damping.unsqueeze(-1) * diagonal + floor)
    gradient = local.mT @ residuals.unsqueeze(-1)
    if not shared:
        return -torch.linalg.solve(damped, gradient).squeeze(-1), torch.zeros_like(affine[:, 0, 0])
    mixed = local.mT @ affine
    solved = torch.linalg.solve(damped, torch.cat([mixed, gradient], dim=-1))
    outer = (affine.mT @ affine).sum(1)
    outer = outer + torch.diag_embed(damping * outer.diagonal(dim1=-2, dim2=-1) + _SMALL)
    small = outer - (mixed.mT @ solved[..., :2]).sum(1)
    right = (affine.mT @ residuals.unsqueeze(-1)).sum(1) - (mixed.mT @ solved[..., 2:]).sum(1)
    affine_step = -torch.linalg.solve(small, right)
    step = -solved[..., 2:] - solved[..., :2] @ affine_step.unsqueeze(1)
    return step.squeeze(-1), affine_step.squeeze(-1)
