"""The fit of quantum edges: derivatives, floors, and what is shared."""

import math

import pytest
import torch

from circuits.edges import edge
from qkan.layers.qkan.edge_coefficients import EdgeCoefficients
from qkan.layers.qkan.edge_fit import Curves, fit_edges
from qkan.layers.qkan.levenberg import Fit, Problem, minimise

DOUBLE = {"dtype": torch.float64}


def seeded(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **DOUBLE)


def problem(name="pz(depth=2)", groups=2, edges=3, points=20, base=True, weighted=True):
    tau = torch.linspace(-1, 1, points, **DOUBLE).expand(groups, -1)
    return Problem(
        EdgeCoefficients(edge(name), groups * edges),
        tau,
        seeded(groups, edges, points),
        torch.tanh(tau) if base else None,
        torch.ones(groups, edges, dtype=torch.bool),
        edge(name).scales[0],
        weighted,
    )


@pytest.mark.parametrize("name", ["pz(depth=2)", "rpz", "entangled"])
@pytest.mark.parametrize(("base", "weighted"), [(True, True), (False, True), (True, False)])
def test_derivatives_are_finite_differences(name, base, weighted):
    task = problem(name, base=base, weighted=weighted)
    size = task.form.num_weights + 1 + base + weighted
    fit = Fit(seeded(2, 3, size, seed=1), seeded(2, 2, seed=2))
    residuals, local, affine = task.linearised(fit)
    torch.testing.assert_close(residuals, task.residuals(fit))
    step = 1e-6
    for k in range(size):
        moved = fit.local.clone()
        moved[..., k] += step
        slope = (task.residuals(Fit(moved, fit.affine)) - residuals) / step
        torch.testing.assert_close(local[..., k], slope, rtol=0, atol=2e-5)
    for k in range(2):
        moved = fit.affine.clone()
        moved[:, k] += step
        slope = (task.residuals(Fit(fit.local, moved)) - residuals) / step
        torch.testing.assert_close(affine[..., k], slope, rtol=0, atol=1e-4)


def test_a_reduced_problem_has_the_same_cost():
    task = problem()
    affine = torch.tensor([[1.0, 0.2], [2.0, -0.1]], **DOUBLE)
    fit = Fit(seeded(2, 3, 9, seed=1), affine)
    reduced = task.reduced(affine)
    whole = task.residuals(fit).square().sum(-1)
    torch.testing.assert_close(reduced.residuals(fit).square().sum(-1) + reduced.floor, whole)


@pytest.mark.parametrize("shared", [False, True])
def test_costs_only_fall_and_pruned_edges_stay(shared):
    task = problem()
    task.keep[0, 1] = False
    start = Fit(seeded(2, 3, 9, seed=1), torch.tensor([[1.0, 0.2], [2.0, -0.1]], **DOUBLE))
    first = task.residuals(start).square().sum(-1)
    fit = minimise(task, start, 20, shared=shared)
    assert bool((fit.cost.sum(1) < first.sum(1)).all())
    torch.testing.assert_close(fit.cost, task.residuals(fit).square().sum(-1))
    assert torch.equal(fit.affine, start.affine) is not shared
    assert fit.cost[0, 1] == 0


def test_phase_edges_reach_what_free_coefficients_reach():
    """With a factor in front, an edge of degree d is any trigonometric polynomial of degree d."""
    s = torch.linspace(-math.pi, math.pi, 41, **DOUBLE).expand(3, -1)
    curves = torch.stack([torch.exp(s), s.abs(), torch.tanh(4 * s)], dim=-1)
    found = fit_edges(
        edge("pz"),
        Curves(s, curves, None, torch.ones(3, 3, dtype=torch.bool), None),
        scaled=False,
        weighted=True,
        starts=3,
        iterations=60,
        generator=torch.Generator().manual_seed(0),
    )
    basis = torch.stack(
        [torch.ones_like(s[0]), *(f(k * s[0]) for k in (1, 2, 3) for f in (torch.cos, torch.sin))]
    ).T
    floor = curves[0] - basis @ torch.linalg.lstsq(basis, curves[0]).solution
    torch.testing.assert_close(
        found.residuals.square().sum(-1)[0], floor.square().sum(0), rtol=1e-3, atol=1e-9
    )
