"""Exchange of B-spline layers with SciPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import BSpline

from circuits.errors import UsageError

if TYPE_CHECKING:
    from qkan.layers.bspline import BSplineKANLayer

__all__ = ["from_scipy", "to_scipy"]

L = TypeVar("L", bound="BSplineKANLayer")


def to_scipy(layer: BSplineKANLayer) -> NDArray[Any]:
    """Return one ``BSpline`` per edge; see :meth:`BSplineKANLayer.to_scipy`."""
    knots = layer.knots().cpu().numpy()
    coefficients = layer.coefficients().detach().double().cpu().numpy()
    if layer.periodic:
        coefficients = np.concatenate([coefficients, coefficients[:, : layer.degree]], axis=1)
    splines = np.empty((layer.in_features, layer.out_features), dtype=object)
    for i, o in np.ndindex(splines.shape):
        splines[i, o] = BSpline(
            knots[i],
            coefficients[i, :, o].copy(),
            layer.degree,
            extrapolate="periodic" if layer.periodic else False,
        )
    return splines


def from_scipy(cls: type[L], splines: NDArray[Any], **options: Any) -> L:
    """Return a layer with the given edges; see :meth:`BSplineKANLayer.from_scipy`."""
    degree, breakpoints = _common_knots(splines)
    in_features, out_features = splines.shape
    spacing = np.diff(breakpoints, axis=1)
    uniform = np.allclose(spacing, spacing.mean(axis=1, keepdims=True), rtol=1e-9, atol=0)
    layer = cls(
        in_features,
        out_features,
        grid=spacing.shape[1] if uniform else breakpoints,
        degree=degree,
        **{"base": None, **options},
    )
    ends = breakpoints[:, [0, -1]] if uniform else breakpoints
    with torch.no_grad():
        layer.breakpoints.copy_(torch.from_numpy(ends))
        knots = layer.knots().cpu().numpy()
        for i in range(in_features):
            coefficients = _coefficients(splines[i], knots[i], breakpoints[i])
            layer.coefficients()[i] = torch.from_numpy(coefficients[: layer.num_basis])
        for weight in (layer.base_weight, layer.bias):
            if weight is not None:
                weight.zero_()
    return layer


def _common_knots(splines: NDArray[Any]) -> tuple[int, NDArray[np.float64]]:
    """Return the degree and the breakpoints of every input, (in, n)."""
    if splines.ndim != 2 or not splines.size:
        raise UsageError(
            f"expected splines of shape (in_features, out_features), got shape {splines.shape}"
        )
    if not all(isinstance(spline, BSpline) and spline.c.ndim == 1 for spline in splines.flat):
        raise UsageError("every entry must be a scipy.interpolate.BSpline with values in R")
    if len({(spline.k, len(spline.t)) for spline in splines.flat}) > 1:
        raise UsageError("all splines must have the same degree and the same number of knots")
    if any(not np.array_equal(row[0].t, other.t) for row in splines for other in row):
        raise UsageError("the splines of one input must share their knots")
    degree = splines[0, 0].k
    breakpoints = np.array([row[0].t[degree : len(row[0].t) - degree] for row in splines])
    if not (np.diff(breakpoints, axis=1) > 0).all():
        raise UsageError("repeated knots inside the domain are not supported")
    return degree, breakpoints


def _coefficients(
    splines: NDArray[Any], knots: NDArray[np.float64], breakpoints: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the coefficients of ``splines`` over ``knots``, (number of bases, out_features)."""
    first: BSpline = splines[0]
    if np.allclose(first.t, knots, rtol=1e-12, atol=1e-14):
        return np.stack([spline.c[: len(knots) - first.k - 1] for spline in splines], axis=1)
    # The same space of functions with other knots beyond its ends: an exact change of basis.
    parts = np.linspace(0, 1, first.k + 2)
    sites = np.unique(breakpoints[:-1, None] + np.diff(breakpoints)[:, None] * parts)
    sites = sites.clip(breakpoints[0], breakpoints[-1])
    design = BSpline.design_matrix(sites, knots, first.k).toarray()
    values = np.stack([spline(sites) for spline in splines], axis=1)
    return np.asarray(np.linalg.lstsq(design, values, rcond=None)[0])
