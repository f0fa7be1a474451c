r"""Quantum edges fitted to curves, all edges of a layer at once.

An edge is :math:`w \phi_\theta(\alpha \tau + \beta) + u + v B(s)` with :math:`\phi_\theta` a Fourier series whose
coefficients :math:`C(\theta)` are exact, so curve, residual and Jacobian are small matrix products. First, at a few
fixed :math:`\alpha`, curves are reduced to their projections on the harmonics (a QR decomposition, no sample is
left), the best of a pool of random circuits are taken as starts, and each is optimised by Levenberg and Marquardt's
method; then all parameters are, together with the scales. What edges share, :math:`\alpha` and :math:`\beta` of an
input, is eliminated last, by Schur's complement.

Source: K. Levenberg, Quart. Appl. Math. 2 (1944) 164; D. Marquardt, SIAM J. Appl. Math. 11 (1963) 431.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from circuits import Circuit
from qkan.layers.qkan.edge_coefficients import EdgeCoefficients
from qkan.layers.qkan.levenberg import Fit, Problem, minimise

__all__ = ["Curves", "EdgeParameters", "fit_edges"]

_POOL = 512
_WINDOWS = (0.4, 0.75, 1.0)
"""The parts of a period that the range of the inputs is mapped to at first."""

_ELEMENTS = 2**23
"""So many numbers of the Jacobian are held at once."""


@dataclass(frozen=True)
class Curves:
    """What the edges are to be.

    Attributes:
        s: The points, where the edges take them, (inputs, points).
        values: The curves there, (inputs, points, outputs).
        base: The base function there, (inputs, points), or None.
        keep: Which edges there are, (inputs, outputs).
        rates: A guess of the rate of each input's angle, (inputs,), or None.
    """

    s: Tensor
    values: Tensor
    base: Tensor | None
    keep: Tensor
    rates: Tensor | None


@dataclass(frozen=True)
class EdgeParameters:
    """What was found, in the layer's own terms: all (inputs, outputs), scale and shift (inputs,).

    Attributes:
        weights: The circuits' weights, flattened, (number of weights, inputs, outputs).
        scale: a of each input.
        shift: b of each input.
        weight: w of each edge.
        constant: u = w c of each edge.
        base_weight: v of each edge.
        residuals: What is left of the curves, (inputs, outputs, points).
    """

    weights: Tensor
    scale: Tensor
    shift: Tensor
    weight: Tensor
    constant: Tensor
    base_weight: Tensor
    residuals: Tensor


def fit_edges(
    circuit: Circuit,
    curves: Curves,
    *,
    scaled: bool,
    weighted: bool,
    starts: int,
    iterations: int,
    generator: torch.Generator,
) -> EdgeParameters:
    """Fit circuits to curves.

    Args:
        circuit: The circuit of every edge.
        curves: The curves.
        scaled: Whether there are trainable scales and shifts; else a = 1 and b = 0.
        weighted: Whether edges have factors w; else they are 1.
        starts: How many circuits are tried for each edge and each first scale.
        iterations: Steps of the last optimisation; the first ones take a third.
        generator: Draws the pool of circuits.
    """
    pool = EdgeCoefficients(circuit, _POOL)
    drawn = pool.random(generator)
    coefficients = pool(drawn)
    parts = [
        _fit_part(circuit, part, drawn, coefficients, scaled, weighted, starts, iterations)
        for part in _parts(curves, len(drawn) + 5)
    ]
    return EdgeParameters(
        torch.cat([p.weights for p in parts], dim=1),
        *(
            torch.cat([getattr(p, name) for p in parts])
            for name in ("scale", "shift", "weight", "constant", "base_weight", "residuals")
        ),
    )


def _parts(curves: Curves, parameters: int) -> Iterator[Curves]:
    """Split the inputs, so that a Jacobian fits in memory."""
    inputs, points, outputs = curves.values.shape
    step = max(1, _ELEMENTS // (2 * points * outputs * parameters))
    for start in range(0, inputs, step):
        part = slice(start, start + step)
        yield Curves(
            curves.s[part],
            curves.values[part],
            None if curves.base is None else curves.base[part],
            curves.keep[part],
            None if curves.rates is None else curves.rates[part],
        )


def _fit_part(
    circuit: Circuit,
    curves: Curves,
    drawn: Tensor,
    pool: Tensor,
    scaled: bool,
    weighted: bool,
    starts: int,
    iterations: int,
) -> EdgeParameters:
    inputs, _, outputs = curves.values.shape
    form = EdgeCoefficients(circuit, inputs * outputs)
    lower, upper = curves.s.amin(1), curves.s.amax(1)
    middle, half = (lower + upper) / 2, ((upper - lower) / 2).clamp_min(1e-12)
    rate = circuit.scales[0]
    if scaled:
        tau = (curves.s - middle.unsqueeze(1)) / half.unsqueeze(1)
        windows = [torch.full_like(half, math.pi * part / rate) for part in _WINDOWS]
        if curves.rates is not None:
            windows.append(curves.rates * half / rate)
    else:
        tau, windows = curves.s, [torch.ones_like(half)]
    problem = Problem(
        form, tau, curves.values.transpose(1, 2), curves.base, curves.keep, rate, weighted
    )
    fit = _first(circuit, problem, torch.stack(windows), drawn, pool, starts, iterations // 3)
    fit = minimise(problem.reduced(fit.affine), fit, iterations, shared=False)
    if scaled:
        fit = minimise(problem, fit, iterations, shared=True)
        fit = minimise(problem.reduced(fit.affine), fit, iterations, shared=False)
    weights, weight, constant, base_weight = problem.named(fit.local)
    alpha, beta = fit.affine.unbind(-1)
    return EdgeParameters(
        weights,
        alpha / half if scaled else alpha,
        beta - alpha * middle / half if scaled else beta,
        weight,
        constant,
        base_weight,
        problem.residuals(fit),
    )


def _first(
    circuit: Circuit,
    problem: Problem,
    windows: Tensor,
    drawn: Tensor,
    pool: Tensor,
    starts: int,
    iterations: int,
) -> Fit:
    """Try several circuits of the pool at several scales, (windows, groups), all together; return the best."""
    groups, edges = problem.keep.shape
    affine = torch.stack([windows.flatten(), torch.zeros_like(windows.flatten())], dim=-1)
    reduced = problem.repeated(len(windows), circuit).reduced(affine)
    begin = torch.cat(list(reduced.starts(drawn, pool, starts)))
    task = reduced.repeated(starts, circuit)
    found = minimise(task, Fit(begin, affine.repeat(starts, 1)), iterations, shared=False)
    assert found.cost is not None  # the end of a descent has one
    cost = found.cost.reshape(starts, len(windows), groups, edges)
    local = found.local.reshape(*cost.shape, -1)
    lowest = cost.min(0)
    window = lowest.values.sum(-1).argmin(0)
    every = torch.arange(groups, device=window.device)
    start = lowest.indices[window, every]
    chosen = local[start, window.unsqueeze(1), every.unsqueeze(1), torch.arange(edges)]
    return Fit(chosen, affine.reshape(len(windows), groups, 2)[window, every])
