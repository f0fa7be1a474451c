r"""The Fourier coefficients of one-wire edges in closed form, without PennyLane; all edges run at once.

The components of a Bloch vector that has seen uploads are Fourier series. A trainable rotation mixes two of them,
harmonic by harmonic; an upload about axis p multiplies :math:`u = v_{p+1} + i v_{p+2}` by :math:`e^{iht}`, which only
moves the harmonics of u. The state v runs forwards, the observable o backwards, and they meet at the upload where that
takes the fewest products: the value there is :math:`o_p v_p + \mathrm{Re}\, \bar o_u u e^{iht}`.

That is written down once, when a layer is made, as sums of products of rows, one number an edge; nothing that is zero,
or known up to a factor, is computed a second time. Then it is run: level by level in plain operations for few edges and
transforms, row by row with a gradient that is written out for many (3 times faster from 10^4 edges on).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from circuits.bloch import BlochProgram, Fixed, Rotation
from qkan.layers.checks import backward_without_autocast, traced
from qkan.layers.series_sum import differentiable_gradient

__all__ = ["ONE", "ClosedForm", "Formula", "Linear", "bloch_series", "plus"]

_FEW = 2**10
"""With no more edges than this, the number of operations counts, with more their memory traffic."""

_CHUNK = 2**15
"""With more edges than this, so many run together, and their rows are computed again for the gradient."""

Linear = Mapping[int, float]
"""A linear combination of rows, by their numbers."""

Term = tuple[float, int, int]
"""A factor, and the numbers of the two rows that it multiplies."""

ONE = 0
"""The number of a row of ones, so that a sum is one of products, too."""


def plus(*parts: tuple[float, Linear]) -> Linear:
    """Return a linear combination of linear combinations."""
    total: dict[int, float] = {}
    for factor, linear in parts:
        for row, value in linear.items():
            total[row] = total.get(row, 0.0) + factor * value
    return {row: value for row, value in total.items() if value}


class Formula:
    """Rows that are sums of products of earlier rows.

    Row 0 holds ones, the rows after it are the inputs, and then comes a row for each of ``sums``. Sums are kept with
    the leading factor 1: those that differ by a factor are one row.

    Args:
        inputs: How many rows are given.
    """

    def __init__(self, inputs: int):
        self.inputs = inputs
        self.sums: list[tuple[Term, ...]] = []
        self.outputs: list[tuple[float, int]] = []
        self._rows: dict[tuple[Term, ...], int] = {}

    @property
    def num_terms(self) -> int:
        """The number of products: what the formula costs."""
        return sum(map(len, self.sums))

    def sum_of_products(self, products: Iterable[tuple[float, Linear, Linear]]) -> Linear:
        """Return a sum of products; a row is made for it if it is not linear in the rows there are."""
        linear: Linear = {}
        terms: dict[tuple[int, int], float] = {}
        for factor, a, b in products:
            if set(a) <= {ONE}:
                linear = plus((1.0, linear), (factor * a.get(ONE, 0.0), b))
            elif set(b) <= {ONE}:
                linear = plus((1.0, linear), (factor * b.get(ONE, 0.0), a))
            else:
                (scale, row), (other_scale, other) = self._one_row(a), self._one_row(b)
                key = (min(row, other), max(row, other))
                terms[key] = terms.get(key, 0.0) + factor * scale * other_scale
        if not any(terms.values()):
            return linear
        factor, row = self._row(terms | {(ONE, row): value for row, value in linear.items()})
        return {row: factor}

    def settled(self, linear: Linear) -> Linear:
        """Return a multiple of one row: for what is used more than once."""
        if not linear:
            return linear
        factor, row = self._one_row(linear)
        return {row: factor}

    def output(self, linear: Linear) -> None:
        """Make this the next output."""
        self.outputs.append(self._one_row(linear) if linear else (0.0, ONE))

    def _one_row(self, linear: Linear) -> tuple[float, int]:
        if len(linear) == 1:
            ((row, factor),) = linear.items()
            return factor, row
        return self._row({(ONE, row): factor for row, factor in linear.items()})

    def _row(self, terms: Mapping[tuple[int, int], float]) -> tuple[float, int]:
        ordered = sorted((pair, factor) for pair, factor in terms.items() if factor)
        leading = ordered[0][1]
        key = tuple((factor / leading, *pair) for pair, factor in ordered)
        if key not in self._rows:
            self._rows[key] = 1 + self.inputs + len(self.sums)
            self.sums.append(key)
        return leading, self._rows[key]


Series = Mapping[int, tuple[Linear, Linear]]
"""A real Fourier series: the coefficients of cos kt and sin kt for each harmonic k >= 0."""

Spectrum = Mapping[int, tuple[Linear, Linear]]
"""A complex Fourier series: real and imaginary part of the coefficient of exp(ikt) for each integer k."""

Products = defaultdict[tuple[int, int], list[tuple[float, Linear, Linear]]]
"""The products whose sum is a coefficient, by harmonic and by cosine (0) or sine (1)."""

_NONE: tuple[Linear, Linear] = ({}, {})


def bloch_series(program: BlochProgram, degree: int) -> Formula:
    """Return the coefficients of 1, cos, sin, cos 2, ..., from the cosines of all angles and then their sines."""
    moves: list[Rotation | Fixed] = []
    for step in program.steps:
        if isinstance(step, Fixed):
            moves.append(step)
            continue
        if step.row is not None:
            moves.append(replace(step, harmonic=0))
        if step.harmonic:
            moves.append(replace(step, row=None))
    meetings = [k for k, move in enumerate(moves) if isinstance(move, Rotation) and move.harmonic]
    formulas = [_meeting_at(place, moves, program, degree) for place in meetings]
    return min(formulas, key=lambda formula: formula.num_terms)


def _meeting_at(
    place: int, moves: Sequence[Rotation | Fixed], program: BlochProgram, degree: int
) -> Formula:
    formula = Formula(2 * len(program.weights))
    v = _run(formula, (0.0, 0.0, 1.0), moves[:place])
    o = _run(formula, program.observable[1:], moves[:place:-1], undone=True)
    upload = moves[place]
    assert isinstance(upload, Rotation)
    p, q, r = ((upload.axis + k) % 3 for k in range(3))
    products: Products = defaultdict(list)
    u = _moved(_spectrum(formula, v[q], v[r]), upload.harmonic)
    _real_part(products, u, _conjugate(_spectrum(formula, o[q], o[r])))
    # The real part of a sum over harmonics of either sign needs one of the factors without the negative ones.
    analytic = {k: (c, _minus(s)) for k, (c, s) in v[p].items()}
    _real_part(products, analytic, _spectrum(formula, o[p], {}))
    products[0, 0].append((program.observable[0], {ONE: 1.0}, {ONE: 1.0}))
    for harmonic in range(degree + 1):
        for part in (0, 1) if harmonic else (0,):
            formula.output(formula.sum_of_products(products[harmonic, part]))
    return formula


def _run(
    formula: Formula,
    start: Sequence[float],
    moves: Iterable[Rotation | Fixed],
    *,
    undone: bool = False,
) -> list[Series]:
    sign = -1 if undone else 1
    vector: list[Series] = [{0: ({ONE: value}, {})} if value else {} for value in start]
    for move in moves:
        if isinstance(move, Fixed):
            vector = _mixed(vector, move.matrix.T if undone else move.matrix)
            continue
        q, r = (move.axis + 1) % 3, (move.axis + 2) % 3
        if move.row is None:
            u = _moved(_spectrum(formula, vector[q], vector[r]), sign * move.harmonic)
            vector[q], vector[r] = _components(u)
        else:
            cos, sin = {1 + move.row: 1.0}, {1 + formula.inputs // 2 + move.row: float(sign)}
            vector[q], vector[r] = (
                _turned(formula, vector[q], cos, vector[r], sin, -1.0),
                _turned(formula, vector[r], cos, vector[q], sin, 1.0),
            )
    return vector


def _turned(
    formula: Formula, a: Series, cos: Linear, b: Series, sin: Linear, sign: float
) -> Series:
    """Return ``a cos + sign b sin``."""
    turned = {}
    for k in sorted({*a, *b}):
        pairs = zip(a.get(k, _NONE), b.get(k, _NONE), strict=True)
        c, s = (formula.sum_of_products([(1.0, x, cos), (sign, y, sin)]) for x, y in pairs)
        turned[k] = (c, s)
    return turned


def _mixed(vector: Sequence[Series], matrix: np.ndarray) -> list[Series]:
    harmonics = sorted({k for series in vector for k in series})

    def mixed(factors: np.ndarray, k: int, part: int) -> Linear:
        return plus(
            *((float(f), v.get(k, _NONE)[part]) for f, v in zip(factors, vector, strict=True))
        )

    return [{k: (mixed(f, k, 0), mixed(f, k, 1)) for k in harmonics} for f in matrix]


def _spectrum(formula: Formula, q: Series, r: Series) -> Spectrum:
    """Return the spectrum of ``q + i r``."""
    spectrum = {}
    for k in sorted({*q, *r}):
        (a, b), (c, d) = q.get(k, _NONE), r.get(k, _NONE)
        if k == 0:
            spectrum[0] = (formula.settled(a), formula.settled(c))
        else:
            for sign in (1.0, -1.0):
                re, im = plus((0.5, a), (sign / 2, d)), plus((0.5, c), (-sign / 2, b))
                spectrum[int(sign) * k] = (formula.settled(re), formula.settled(im))
    return spectrum


def _components(u: Spectrum) -> tuple[Series, Series]:
    """Return the real and the imaginary part of a spectrum as series."""
    q: dict[int, tuple[Linear, Linear]] = {}
    r: dict[int, tuple[Linear, Linear]] = {}
    for k in sorted({abs(k) for k in u}):
        (a, b), (c, d) = u.get(k, _NONE), u.get(-k, _NONE)
        if k == 0:
            q[0], r[0] = (a, {}), (b, {})
        else:
            q[k] = plus((1.0, a), (1.0, c)), plus((1.0, d), (-1.0, b))
            r[k] = plus((1.0, b), (1.0, d)), plus((1.0, a), (-1.0, c))
    return q, r


def _moved(u: Spectrum, harmonic: int) -> Spectrum:
    return {k + harmonic: value for k, value in u.items()}


def _conjugate(u: Spectrum) -> Spectrum:
    return {-k: (re, _minus(im)) for k, (re, im) in u.items()}


def _minus(linear: Linear) -> Linear:
    return plus((-1.0, linear))


def _real_part(products: Products, a: Spectrum, b: Spectrum) -> None:
    """Add the real part of the product of two spectra."""
    for j, (a_re, a_im) in a.items():
        for k, (b_re, b_im) in b.items():
            harmonic = abs(j + k)
            sign = -1.0 if j + k > 0 else 1.0  # Re(g exp(imt)) = Re g cos(mt) - Im g sin(mt)
            products[harmonic, 0] += [(1.0, a_re, b_re), (-1.0, a_im, b_im)]
            products[harmonic, 1] += [(sign, a_re, b_im), (sign, a_im, b_re)]


class ClosedForm:
    """From the weights of many edges to their Fourier coefficients.

    Args:
        program: The gates of the edges' circuit; at least one angle depends on a weight.
        degree: Its Fourier degree, at least 1.
    """

    def __init__(self, program: BlochProgram, degree: int):
        self.formula = bloch_series(program, degree)
        self._exact = _levels(self.formula)
        self._casts: dict[tuple[torch.dtype, torch.device], _Levels] = {}
        matrix, constants = torch.from_numpy(program.weights), torch.from_numpy(program.constants)
        plain = torch.equal(matrix, torch.eye(len(matrix), dtype=torch.float64))
        self._weights = None if plain else matrix
        self._constants = constants.unsqueeze(1) if constants.any() else None

    def __call__(self, weights: Sequence[Tensor]) -> Tensor:
        """Return the coefficients of 1, cos, sin, cos 2, ... of the scaled input.

        Args:
            weights: In the circuit's order.

        Shape:
            - weights: ``(*shape, edges)``
            - result: ``(2 degree + 1, edges)``
        """
        flat = [weight.reshape(-1, weight.shape[-1]) for weight in weights]
        angles = flat[0] if len(flat) == 1 else torch.cat(flat)
        if self._weights is not None:
            angles = self._weights.to(angles) @ angles
        if self._constants is not None:
            angles = angles + self._constants.to(angles)
        if traced() or angles.shape[1] <= _FEW:
            return self.plain(angles)
        result: Tensor = _ByRows.apply(angles, self)
        return result

    def plain(self, angles: Tensor) -> Tensor:
        """Return the coefficients by differentiable operations, as few as there can be."""
        key = angles.dtype, angles.device
        levels = self._casts.get(key) or self._exact.to(angles)
        if not traced():  # casts add up
            self._casts[key] = levels
        inputs = torch.cat([angles.cos(), angles.sin()])
        rows = torch.cat([torch.ones_like(inputs[:1]), inputs])
        for left, right, matrix in levels.steps:
            products = rows.index_select(0, left) * rows.index_select(0, right)
            rows = torch.cat([rows, matrix @ products])
        return rows.index_select(0, levels.rows) * levels.factors


class _Levels(NamedTuple):
    """A formula level by level: the rows of a step are ``matrix`` times products of the rows ``left`` and ``right``."""

    steps: list[tuple[Tensor, Tensor, Tensor]]
    rows: Tensor
    factors: Tensor

    def to(self, like: Tensor) -> _Levels:
        """Return the same with constants of the dtype and on the device of a tensor."""
        place = like.device
        steps = [(left.to(place), right.to(place), m.to(like)) for left, right, m in self.steps]
        return _Levels(steps, self.rows.to(place), self.factors.to(like))


def _levels(formula: Formula) -> _Levels:
    """Group the sums by how many others they need one after the other."""
    first = 1 + formula.inputs
    depth = [0] * first
    for terms in formula.sums:
        depth.append(1 + max(depth[row] for _, a, b in terms for row in (a, b)))
    order = sorted(range(len(depth)), key=lambda row: depth[row])
    place = sorted(range(len(depth)), key=lambda row: order[row])
    steps = []
    for level in range(1, max(depth) + 1):
        sums = [formula.sums[row - first] for row in order if depth[row] == level]
        pairs = sorted({(a, b) for terms in sums for _, a, b in terms})
        matrix = torch.zeros(len(sums), len(pairs), dtype=torch.float64)
        for k, terms in enumerate(sums):
            for factor, a, b in terms:
                matrix[k, pairs.index((a, b))] = factor
        left, right = (
            torch.tensor([place[row] for row in column]) for column in zip(*pairs, strict=True)
        )
        steps.append((left, right, matrix))
    rows = torch.tensor([place[row] for _, row in formula.outputs])
    factors = torch.tensor([[factor] for factor, _ in formula.outputs], dtype=torch.float64)
    return _Levels(steps, rows, factors)


class _ByRows(torch.autograd.Function):
    """The coefficients with the gradient that is written out; its own gradient is autograd's."""

    @staticmethod
    def forward(ctx: Any, angles: Tensor, form: ClosedForm) -> Tensor:
        trig = angles.new_empty(2, *angles.shape)
        torch.cos(angles, out=trig[0])
        torch.sin(angles, out=trig[1])
        result = angles.new_empty(len(form.formula.outputs), angles.shape[1])
        flat = trig.flatten(0, 1)
        made = None
        for part in _parts(angles):
            made = _make_rows(form.formula, flat[:, part], result[:, part])
        ctx.form = form
        ctx.save_for_backward(angles, trig, made if angles.shape[1] <= _CHUNK else None)
        return result

    @staticmethod
    @backward_without_autocast
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        angles, trig, made = ctx.saved_tensors
        formula: Formula = ctx.form.formula
        if torch.is_grad_enabled():
            return *differentiable_gradient(ctx.form.plain, [angles], upstream), None
        result = torch.empty_like(angles)
        flat = trig.flatten(0, 1)
        for part in _parts(angles):
            given, above = flat[:, part], upstream[:, part]
            again = _make_rows(formula, given, torch.empty_like(above)) if made is None else made
            by_cos, by_sin = _gradient(formula, given, again, above).chunk(2)
            cos, sin = trig[:, :, part]
            torch.mul(by_sin, cos, out=result[:, part]).addcmul_(by_cos, sin, value=-1)
        return result, None


def _parts(angles: Tensor) -> list[slice]:
    return [slice(start, start + _CHUNK) for start in range(0, angles.shape[1], _CHUNK)]


def _rows(inputs: Tensor, made: Tensor) -> list[Tensor]:
    return [inputs.new_ones(inputs.shape[1]), *inputs.unbind(), *made.unbind()]


def _make_rows(formula: Formula, inputs: Tensor, out: Tensor) -> Tensor:
    """Write the outputs into ``out``, and return what :func:`_gradient` wants, ``(sums, edges)``."""
    made = inputs.new_empty(len(formula.sums), inputs.shape[1])
    rows = _rows(inputs, made)
    for row, (leading, *rest) in zip(made.unbind(), formula.sums, strict=True):
        torch.mul(rows[leading[1]], rows[leading[2]], out=row)  # the leading factor is 1
        for factor, a, b in rest:
            row.addcmul_(rows[a], rows[b], value=factor)
    for target, (factor, number) in zip(out.unbind(), formula.outputs, strict=True):
        torch.mul(rows[number], factor, out=target)
    return made


def _gradient(formula: Formula, inputs: Tensor, made: Tensor, upstream: Tensor) -> Tensor:
    """Return the gradient with respect to the inputs: the same products, backwards."""
    first = 1 + formula.inputs
    rows = _rows(inputs, made)
    result = torch.zeros_like(inputs)
    gradients: list[Tensor | None] = [None, *result.unbind(), *([None] * len(made))]

    def add(row: int, factor: float, above: Tensor, other: int) -> None:
        there = gradients[row]
        if there is not None:
            there.addcmul_(above, rows[other], value=factor)
        else:
            there = above * factor if other == ONE else above * rows[other]
            gradients[row] = there if other == ONE or factor == 1 else there.mul_(factor)

    for (factor, row), given in zip(formula.outputs, upstream.unbind(), strict=True):
        add(row, factor, given, ONE)
    for row in range(len(rows) - 1, first - 1, -1):
        above = gradients[row]
        if above is None:
            continue
        for factor, a, b in formula.sums[row - first]:
            add(b, factor, above, a)
            if a != ONE:
                add(a, factor, above, b)
        gradients[row] = None  # its memory, still in the cache, is the next row's
    return result
