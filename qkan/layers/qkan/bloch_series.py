r"""The Fourier series of a one-wire circuit as a formula in the cosines and sines of its angles.

The components of a Bloch vector that has seen uploads are Fourier series. A trainable rotation mixes two of them,
harmonic by harmonic; an upload about axis p multiplies :math:`u = v_{p+1} + i v_{p+2}` by :math:`e^{iht}`, which only
moves the harmonics of u. The state v runs forwards, the observable o backwards, and they meet at the upload where that
takes the fewest products: the value there is :math:`o_p v_p + \mathrm{Re}\, \bar o_u u e^{iht}`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from circuits.bloch import BlochProgram, Fixed, Rotation
from qkan.layers.qkan.formula import ONE, Formula, Linear, plus

__all__ = ["bloch_series"]

Series = Mapping[int, tuple[Linear, Linear]]
"""A real Fourier series: the coefficients of cos kt and sin kt for each harmonic k >= 0."""

Spectrum = Mapping[int, tuple[Linear, Linear]]
"""A complex Fourier series: real and imaginary part of the coefficient of exp(ikt) for each integer k."""

Products = defaultdict[tuple[int, int], list[tuple[float, Linear, Linear]]]
"""The products whose sum is a coefficient, by harmonic and by cosine (0) or sine (1)."""

_NONE: tuple[Linear, Linear] = ({}, {})


@dataclass(frozen=True)
class Turn:
    """A rotation about ``axis`` by the trainable angle in ``row``; ``sign`` is -1 where it is undone."""

    axis: int
    row: int
    sign: int


@dataclass(frozen=True)
class Upload:
    """A rotation about ``axis`` by ``harmonic`` times the scaled input."""

    axis: int
    harmonic: int


Move = Turn | Upload | Fixed


def bloch_series(program: BlochProgram, degree: int) -> Formula:
    """Return the coefficients of 1, cos, sin, cos 2, ..., from the cosines of all angles and then their sines."""
    moves = list(_moves(program.steps))
    meetings = [place for place, move in enumerate(moves) if isinstance(move, Upload)]
    formulas = [_meeting_at(place, moves, program, degree) for place in meetings]
    return min(formulas, key=lambda formula: formula.num_terms)


def _moves(steps: Iterable[Rotation | Fixed]) -> Iterator[Move]:
    for step in steps:
        if isinstance(step, Fixed):
            yield step
            continue
        if step.row is not None:
            yield Turn(step.axis, step.row, 1)
        if step.harmonic:
            yield Upload(step.axis, step.harmonic)


def _undone(move: Move) -> Move:
    match move:
        case Turn(axis, row, sign):
            return Turn(axis, row, -sign)
        case Upload(axis, harmonic):
            return Upload(axis, -harmonic)
        case Fixed(matrix):
            return Fixed(matrix.T)


def _meeting_at(place: int, moves: Sequence[Move], program: BlochProgram, degree: int) -> Formula:
    formula = Formula(2 * len(program.weights))
    v = _run(formula, (0.0, 0.0, 1.0), moves[:place])
    o = _run(formula, program.observable[1:], [_undone(m) for m in reversed(moves[place + 1 :])])
    upload = moves[place]
    assert isinstance(upload, Upload)
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


def _run(formula: Formula, start: Sequence[float], moves: Iterable[Move]) -> list[Series]:
    vector: list[Series] = [{0: ({ONE: value}, {})} if value else {} for value in start]
    for move in moves:
        match move:
            case Fixed(matrix):
                vector = _mixed(vector, matrix)
            case Turn(axis, row, sign):
                q, r = (axis + 1) % 3, (axis + 2) % 3
                cos, sin = {1 + row: 1.0}, {1 + formula.inputs // 2 + row: float(sign)}
                vector[q], vector[r] = (
                    _turned(formula, vector[q], cos, vector[r], sin, -1.0),
                    _turned(formula, vector[r], cos, vector[q], sin, 1.0),
                )
            case Upload(axis, harmonic):
                q, r = (axis + 1) % 3, (axis + 2) % 3
                u = _moved(_spectrum(formula, vector[q], vector[r]), harmonic)
                vector[q], vector[r] = _components(u)
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
