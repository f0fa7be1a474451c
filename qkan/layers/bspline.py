"""KAN layer with B-splines on its edges, in SciPy's conventions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import BSpline
from torch import Tensor

from circuits.errors import UsageError, check_integer, check_real, unknown_name
from qkan.layers.checks import check_domain, check_settings, require_tensor, traced
from qkan.layers.kan_layer import Common, KANLayer
from qkan.layers.splines import (
    MAX_DEGREE,
    SplineGrid,
    cardinal_pieces,
    knot_basis,
    move_grid,
    refine_grid,
    uniform_basis,
)

__all__ = ["BSplineKANLayer"]

_MOST_CELLS = 2000
_EXTRAPOLATIONS = ("linear", "clamp", "zero", "periodic", "error")


class BSplineKANLayer(KANLayer):
    r"""A KAN layer whose edge functions are B-splines.

    .. math::
        y_o = \sum_i \Bigl( \sum_{g} c_{igo} B_g(x_i) + v_{io} \, b(x_i) \Bigr)

    with :math:`\text{grid} + \text{degree}` B-splines :math:`B_g` per input and a fixed base
    :math:`b`. On uniform knots the bases have a closed form, and the whole layer is one matrix
    product. Knots continue beyond the domain with the spacing at its ends; they are not clamped.

    Shape:
        - Input: :math:`(*, \text{in\_features})`.
        - Output: :math:`(*, \text{out\_features})`.

    Args:
        grid: The number of cells of a uniform grid, or the breakpoints themselves: increasing,
            of shape (n,) or, for each input its own, (in_features, n).
        degree: The degree of the pieces, up to 18; 3 gives cubic splines.
        domain: The range of a uniform grid; (-1, 1) by default.
        extrapolation: What the spline does outside the domain: ``"linear"`` continues value and
            slope, ``"clamp"`` the value, ``"zero"`` vanishes, ``"periodic"`` repeats (smoothly,
            with ``grid`` coefficients), ``"error"`` refuses (it looks at the values, so it works
            neither in ``vmap`` nor in ``torch.compile``).
        in_features, out_features, base, bias, ...: As every :class:`qkan.layers.KANLayer`; constants are in the
            span of the splines.

    Raises:
        UsageError: If an argument is out of range, or an input has the wrong shape or dtype.

    Example:
        >>> layer = BSplineKANLayer(2, 3, grid=5, generator=torch.Generator().manual_seed(0))
        >>> layer(torch.zeros(7, 2)).shape
        torch.Size([7, 3])
        >>> edge = layer.to_scipy()[1, 2]  # the spline from input 1 to output 2
        >>> edge.k, len(edge.c)
        (3, 8)

    Source: Liu et al., KAN: Kolmogorov-Arnold Networks, arXiv:2404.19756, eq. 2.10 to 2.12. Ours
    departs from it in the extrapolation, the initial weights and in having one weight per
    coefficient (no further factor per spline).
    """

    feature_axes = KANLayer.feature_axes | {"breakpoints": (0, None)}

    breakpoints: Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        grid: int | Sequence[float] | ArrayLike = 5,
        degree: int = 3,
        domain: tuple[float, float] | None = None,
        base: str | None = "silu",
        extrapolation: str = "linear",
        *,
        bias: bool = False,
        **common: Unpack[Common],
    ) -> None:
        check_settings(common.get("dtype"), None)
        if extrapolation not in _EXTRAPOLATIONS:
            raise unknown_name("extrapolation", str(extrapolation), _EXTRAPOLATIONS)
        self.degree = degree = check_integer("degree", degree, 0)
        if degree > MAX_DEGREE:
            raise UsageError(
                f"degree must be at most {MAX_DEGREE}, got {degree}; to bend more, take a finer grid"
            )
        self.extrapolation = extrapolation
        self.uniform = np.ndim(grid) == 0
        size = check_integer("in_features", in_features)
        if self.uniform:
            self.cells = check_integer("grid", grid)
            given = [check_domain((-1.0, 1.0) if domain is None else domain)]
            ends = torch.tensor(given, dtype=torch.float64).repeat(size, 1)
        else:
            ends = _breakpoints(size, grid, domain, common.get("dtype"))
            self.cells = ends.shape[1] - 1
        if self.periodic and self.cells <= degree:
            raise UsageError(
                f"a periodic spline needs grid > degree, got {self.cells} and {degree}"
            )
        super().__init__(
            in_features,
            out_features,
            self.cells + (0 if self.periodic else degree),
            (ends[:, 0].min().item(), ends[:, -1].max().item()),
            base,
            bias=bias,
            **common,
        )
        self.register_buffer("breakpoints", ends.to(self._like))
        self._pieces = cardinal_pieces(degree)  # constants, and no buffer: they survive to_empty()
        self.reset_parameters(common.get("generator"))

    @property
    def periodic(self) -> bool:
        """Whether the edge functions repeat outside the domain."""
        return self.extrapolation == "periodic"

    @property
    def domain(self) -> tuple[float, float]:
        """The range that holds the domains of all inputs."""
        return self.breakpoints[:, 0].min().item(), self.breakpoints[:, -1].max().item()

    @property
    def grid(self) -> int | list[list[float]]:
        """The number of cells of a uniform grid, or the breakpoints of every input."""
        return self.cells if self.uniform else self.breakpoints.tolist()

    def splines(self) -> SplineGrid:
        """Return where the splines live, in float64."""
        return SplineGrid(
            self.breakpoints.double(), self.cells, self.degree, self.extrapolation, self.uniform
        )

    def basis(self, x: Tensor) -> Tensor:
        """Return the B-splines at ``x``, (N, in_features) -> (N, in_features, num_basis)."""
        if self.uniform:
            return self._uniform_basis(x).view(-1, self.in_features, self.num_basis)
        return knot_basis(x, self.breakpoints, self.degree, self.extrapolation)

    def features(self, x: Tensor) -> Tensor:
        """Return what ``weight`` multiplies; of data, which need no gradient, without a copy."""
        if not self.uniform or self.base is None or x.requires_grad or traced():
            return super().features(x)
        return self._uniform_basis(x, self.base_function(x))

    def _uniform_basis(self, x: Tensor, last: Tensor | None = None) -> Tensor:
        return uniform_basis(
            x, self.breakpoints, self.cells, self._pieces.to(x), self.extrapolation, last
        )

    def mapped(self, input: Tensor) -> Tensor:
        """Check the input, also for the domain if asked to, flatten its leading dimensions and map it."""
        x = super().mapped(input)
        if self.extrapolation != "error":
            return x
        inside = (x >= self.breakpoints[:, 0]) & (x <= self.breakpoints[:, -1])
        if not bool(inside.all()):
            raise UsageError(
                f"{int((~inside).sum())} of {x.numel()} inputs lie outside the domain, the first "
                f"is {x[~inside][0].item():g}; widen the domain, or choose another extrapolation"
            )
        return x

    def knots(self) -> Tensor:
        """Return the knots of every input, (in_features, cells + 1 + 2 degree), in float64."""
        return self.splines().knots()

    @torch.no_grad()
    def refine(self, grid: int, tolerance: float = 0.01) -> BSplineKANLayer:
        """Change the number of cells in place, keep the functions, and return the layer.

        If ``grid`` is a multiple of the present one, the functions stay exactly the same (up to rounding); otherwise
        they are fitted by least squares over the domain. Coefficients have another shape afterwards: make the
        optimiser anew.

        Args:
            grid: The new number of cells.
            tolerance: How much an edge may change over the domain, relative to its norm.

        Raises:
            UsageError: If an edge would change by more.
        """
        grid = check_integer("grid", grid, self.degree + 1 if self.periodic else 1)
        check_real("tolerance", tolerance, least=0)
        if grid > _MOST_CELLS:
            raise UsageError(f"refine takes up to {_MOST_CELLS:,} cells, got {grid:,}")
        new, fitted, change = refine_grid(self.splines(), grid, self.coefficients().double())
        if grid % self.cells and not change <= tolerance:
            raise UsageError(
                f"with {grid} cells instead of {self.cells}, edges would change by up to {change:.1%} of their norm; "
                f"take a multiple of {self.cells}, which changes nothing, or a larger tolerance"
            )
        self._replace(new, fitted)
        return self

    @torch.no_grad()
    def update_grid(self, x: Tensor, tolerance: float = 0.01) -> Tensor:
        """Move the grid towards the data in place, and keep the functions.

        A uniform grid is stretched to the range of each input; breakpoints of their own move halfway to the data's
        quantiles. The coefficients are fitted anew by least squares. Where that would change an edge by more than
        ``tolerance``, the input's grid goes only a part of the way: half, a quarter, ... or not at all. The
        breakpoints of each input differ afterwards.

        If samples still lie outside, cells are added, up to 32 times as many, and an optimiser must be made anew. Only
        if that does not keep the functions either do samples stay outside; the result is then below 1.

        Args:
            x: Inputs of this layer, (..., in_features), before its normalisation.
            tolerance: How much an edge may change on the data, relative to its norm there.

        Returns:
            For each input the part of the way that its grid went, from 0 to 1.

        Raises:
            UsageError: If ``x`` is empty, not finite or of another shape or dtype.
        """
        check_real("tolerance", tolerance, least=0)
        require_tensor(x, type(self).__name__)
        if not x.numel() or not bool(x.isfinite().all()):
            raise UsageError("update_grid needs data: at least one sample, every value finite")
        points = super().mapped(x).double()
        new, fitted, part = move_grid(
            self.splines(), points, self.coefficients().double(), tolerance
        )
        self._replace(new, fitted)
        return part.to(self.dtype)

    def _replace(self, new: SplineGrid, fitted: Tensor) -> None:
        """Take a grid and the coefficients on it; the parameter stays the same object, so no optimiser loses it."""
        assert self.edge_weight is not None  # it holds the coefficients
        rest = self.edge_weight[self.in_features * self.num_basis :]
        weight = torch.cat([fitted.flatten(0, 1).to(rest), rest])
        if weight.shape != self.edge_weight.shape:
            self.edge_weight.grad = None
        self.edge_weight.data = weight
        self.cells, self.breakpoints = new.cells, new.breakpoints.to(rest)

    def to_scipy(self) -> NDArray[Any]:
        """Return the splines of the edges, without base and bias; those of pruned ones are 0.

        Returns:
            An array of ``scipy.interpolate.BSpline`` of shape (in_features, out_features), in
            float64. They agree with the layer on the domain; outside, SciPy's periodic splines
            repeat and the others give NaN, for SciPy knows none of our other extrapolations.
        """
        knots = self.knots().cpu().numpy()
        kept = self.coefficients() * self.kept_edges.unsqueeze(1)
        coefficients = kept.detach().double().cpu().numpy()
        if self.periodic:
            coefficients = np.concatenate([coefficients, coefficients[:, : self.degree]], axis=1)
        outside = "periodic" if self.periodic else False
        splines = np.empty((self.in_features, self.out_features), dtype=object)
        for i, o in np.ndindex(splines.shape):
            splines[i, o] = BSpline(
                knots[i], coefficients[i, :, o].copy(), self.degree, extrapolate=outside
            )
        return splines

    @classmethod
    def from_scipy(cls, splines: ArrayLike, **options: Any) -> BSplineKANLayer:
        """Return a layer whose edges are the given splines.

        Args:
            splines: ``scipy.interpolate.BSpline`` objects of one degree and one number of knots,
                (in_features, out_features); the splines of one input share their knots. Clamped
                ends are re-expressed in our knots, exactly.
            options: Further arguments of the layer; its base is None unless it is given.

        Raises:
            UsageError: If the splines do not fit together.

        Example:
            >>> from scipy.interpolate import make_interp_spline
            >>> x = np.linspace(0, 1, 20)
            >>> layer = BSplineKANLayer.from_scipy([[make_interp_spline(x, np.exp(x))]])
            >>> layer(torch.tensor([0.5]))
            tensor([1.6487], grad_fn=...)
        """
        array = np.asarray(splines, dtype=object)
        degree, breakpoints = _common_knots(array)
        in_features, out_features = array.shape
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
                coefficients = _coefficients(array[i], knots[i], breakpoints[i])
                first, again = coefficients[:degree], coefficients[layer.num_basis :]
                if not np.allclose(first[: len(again)], again, 1e-9, 1e-9 * np.ptp(coefficients)):
                    raise UsageError(
                        "a spline is not periodic, so it cannot be extrapolated as one"
                    )
                layer.coefficients()[i] = torch.from_numpy(coefficients[: layer.num_basis])
            for weight in (layer.base_weight, layer.bias):
                if weight is not None:
                    weight.zero_()
        return layer

    def options(self) -> dict[str, Any]:
        """Return the arguments that make a layer of this kind and shape; breakpoints take the domain's place."""
        return super().options() | ({} if self.uniform else {"domain": None})


def _breakpoints(size: int, grid: Any, domain: Any, dtype: torch.dtype | None) -> Tensor:
    """Return the breakpoints, (in, n), in float64."""
    if domain is not None:
        raise UsageError("give either a number of cells and a domain, or breakpoints, not both")
    try:
        points = torch.as_tensor(np.array(grid, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise UsageError(f"the breakpoints of a grid must be numbers, got {grid!r}") from error
    if points.ndim not in (1, 2) or points.shape[-1] < 2:
        raise UsageError(
            "grid must be an integer, or at least two breakpoints of shape (n,) or "
            f"({size}, n), got shape {tuple(points.shape)}"
        )
    if points.ndim == 2 and points.shape[0] != size:
        raise UsageError(f"grid has breakpoints for {points.shape[0]} of {size} inputs")
    rounding = 16 * torch.finfo(dtype or torch.get_default_dtype()).eps * points.abs().max()
    if not bool(points.isfinite().all()) or not bool((points.diff(dim=-1) > rounding).all()):
        raise UsageError(
            "the breakpoints of a grid must be finite and increasing, by more than rounding"
        )
    return points.expand(size, -1).clone()


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
