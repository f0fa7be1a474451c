r"""Formulas for curves: a small library of forms, each fitted with an affine map before and behind.

.. math:: \min_{a, b, c, d} \sum_p \bigl( y_p - c f(a x_p + b) - d \bigr)^2

For given a and b, the best c and d leave the share :math:`1 - r^2` of the variance, with r the correlation of y and
:math:`f(a x + b)`. So all starting values of (a, b) are compared at once, and the best of them refined by SciPy's
``least_squares`` (variable projection: G. Golub, V. Pereyra, SIAM J. Numer. Anal. 10, 413 (1973)).

A form counts as a description only if, fitted to two thirds of the points, it gives the others as well, and if it does
nothing between neighbouring points; a formula is written with as many digits as it takes to give the curve.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

from circuits.errors import UsageError

__all__ = ["FORMS", "Form", "SymbolicFit", "fit_formula", "fit_formulas"]

Array = NDArray[np.float64]
Parameters = tuple[float, float, float, float]

_STARTS = 3
_STEPS = 150
_GOOD = 0.999
_ALIKE = 1.5
_REFUSED = 1e3
"""The residual where a form has no value, of a curve whose spread is 1."""
_LARGE = 50.0
"""An exponential keeps a larger shift: as a factor it would overflow."""
_DIGITS = 4
_ROUNDING = 5e-4
"""What the digits of a formula may add to its error, as a share of the curve's spread."""
_EXACT = 4e-7
"""Residuals below this share of the curve's range are no reason to prefer a form."""


@dataclass(frozen=True, eq=False)
class Form:
    """One function :math:`f` for :math:`y = c f(a x + b) + d`, and where its parameters are looked for.

    Parameters that would only repeat another one are left out: :math:`c e^{a x + b}` needs no b,
    :math:`c (a x + b)^2` no a.

    Attributes:
        name: What it is called.
        text: How it is written, with ``{}`` for its argument.
        function: The function; where it is not defined it returns NaN.
        scales: Starting values of a, for x in [-1, 1]; not fitted where they are 1 and -1 only.
        shifts: Starting values of b; not fitted where it is 0 only.
    """

    name: str
    text: str
    function: Callable[[Array], Array]
    scales: Array
    shifts: Array

    @property
    def free(self) -> tuple[bool, bool]:
        """Whether a and b are fitted."""
        return bool(np.any(np.abs(self.scales) != 1)), bool(np.any(self.shifts != 0))

    def write(self, factor: str, argument: str) -> str:
        """Return the text of ``factor`` times the function of ``argument``."""
        text = self.text.format(argument).replace("(x)^", "x^").replace("/(x)", "/x")
        if text.startswith("1/"):
            return f"{factor}{text[1:]}"
        if self.text == "{}" and argument != "x":
            text = f"({text})"
        return _product(factor, text)

    def __call__(self, t: Array) -> Array:
        """Return the values, NaN where there is none."""
        with np.errstate(all="ignore"):
            return self.function(t)


_SCALES = np.geomspace(0.1, 30, 40)
_BOTH_SCALES = np.concatenate([-_SCALES, _SCALES])
_SHIFTS = np.linspace(-4, 4, 49)
_PHASES = np.linspace(0, np.pi, 8, endpoint=False)
_FREQUENCIES = np.arange(0.2, 60, 0.2)
_ONE, _BOTH, _ZERO = np.ones(1), np.array([1.0, -1.0]), np.zeros(1)

FORMS: tuple[Form, ...] = (
    Form("linear", "{}", lambda t: t, _ONE, _ZERO),
    Form("square", "({})^2", lambda t: t**2, _ONE, _SHIFTS),
    Form("exp", "exp({})", np.exp, _BOTH_SCALES, _ZERO),
    Form("sin", "sin({})", np.sin, _FREQUENCIES, _PHASES),
    Form("log", "log({})", np.log, _BOTH, _SHIFTS),
    Form("sqrt", "sqrt({})", np.sqrt, _BOTH, _SHIFTS),
    Form("abs", "|{}|", np.abs, _ONE, _SHIFTS),
    Form("reciprocal", "1/({})", lambda t: 1 / t, _ONE, _SHIFTS),
    Form("cube", "({})^3", lambda t: t**3, _ONE, _SHIFTS),
    Form("gaussian", "exp(-({})^2)", lambda t: np.exp(-(t**2)), _SCALES, _SHIFTS),
    Form("tanh", "tanh({})", np.tanh, _SCALES, _SHIFTS),
    Form("arctan", "arctan({})", np.arctan, _SCALES, _SHIFTS),
    Form("inverse square", "1/({})^2", lambda t: 1 / t**2, _ONE, _SHIFTS),
    Form("fourth power", "({})^4", lambda t: t**4, _ONE, _SHIFTS),
    Form("SiLU", "SiLU({})", lambda t: t / (1 + np.exp(-t)), _BOTH_SCALES, _SHIFTS),
)
"""In the order in which they are preferred where two describe a curve alike; a new form is a new line."""


@dataclass(frozen=True, eq=False)
class SymbolicFit:
    r"""One form with its parameters, :math:`y \approx c f(a x + b) + d`, and how far it is off.

    Attributes:
        form: The form, or None for a constant, where c is 0.
        parameters: (a, b, c, d).
        r2: The share of the variance that it explains; 1 for a constant curve and a constant.
        max_error: The largest residual.
        rmse: The root of the mean squared residual.
        held_out: The share of the variance that it explains on points that it was not fitted to.
        digits: With how many digits the formula is written, parameter by parameter.
    """

    form: Form | None
    parameters: Parameters
    r2: float
    max_error: float
    rmse: float
    held_out: float
    digits: tuple[int, ...]

    @property
    def good(self) -> bool:
        """Whether it explains 99.9 % of the variance: a description, not only the best of a small library."""
        return min(self.r2, self.held_out) >= _GOOD

    @property
    def formula(self) -> str:
        """The formula, with four digits or as many as it takes."""
        written = zip(self.parameters, self.digits, strict=True)
        a, b, c, d = (f"{number:.{digits}g}" for number, digits in written)
        if self.form is None or float(c) == 0:
            return d
        return _sum(self.form.write(c, _sum(_product(a, "x"), b)), d)

    def __call__(self, x: ArrayLike) -> Array:
        """Return its values; NaN where the form has none."""
        return _values(self.form, self.parameters, np.asarray(x, dtype=np.float64))

    def __str__(self) -> str:
        error = (
            f"1 - R^2 = {1 - min(self.r2, self.held_out):.1e}, largest error {self.max_error:.2g}"
        )
        return f"{self.formula}   ({error}{'' if self.good else '; NOT a description'})"


def fit_formula(x: ArrayLike, y: ArrayLike, forms: Sequence[Form] = FORMS) -> SymbolicFit:
    """Return the first of the forms that describes a curve as well as any of them.

    Args:
        x: Points along one input.
        y: The curve there.
        forms: The library; earlier forms are preferred where the error is within half of the least.

    Raises:
        UsageError: If the points are not two rows of equally many finite numbers, 5 or more, or are all one.

    Example:
        >>> x = np.linspace(0, 2, 50)
        >>> print(fit_formula(x, 3 * np.exp(-1.5 * x) + 1).formula)
        3 exp(-1.5 x) + 1
    """
    fits = fit_formulas(x, y, forms)
    limit = max(_ALIKE * fits[0].rmse, _EXACT * float(np.ptp(np.asarray(y, dtype=np.float64))))
    order: list[Form | None] = [None, *forms]
    return min((fit for fit in fits if fit.rmse <= limit), key=lambda fit: order.index(fit.form))


def fit_formulas(x: ArrayLike, y: ArrayLike, forms: Sequence[Form] = FORMS) -> list[SymbolicFit]:
    """Return the fit of every form that is defined on the points, the closest first.

    Raises:
        UsageError: As :func:`fit_formula`.
    """
    points, values = _checked(x, y)
    if not forms:
        raise UsageError("expected one form or more to fit, got none")
    if np.ptp(values) <= 8 * np.finfo(float).eps * np.abs(values).max():
        return [_measured(None, (1.0, 0.0, 0.0, float(values.mean())), points, values)]
    found = [(form, _parameters(form, points, values)) for form in forms]
    fits = [_measured(form, p, points, values) for form, p in found if p is not None]
    if not fits:
        names = [form.name for form in forms]
        raise UsageError(f"none of the forms {names} is defined on the points")
    return sorted(fits, key=lambda fit: fit.rmse)


def _checked(x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    try:
        if np.iscomplexobj(x) or np.iscomplexobj(y):
            raise UsageError("expected real numbers, complex ones arrived")
        points, values = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"expected two rows of numbers: {error}") from error
    if points.ndim != 1 or points.shape != values.shape or len(points) < 5:
        raise UsageError(
            f"expected x and y in two rows of the same length, 5 or more; shapes {points.shape} and "
            f"{values.shape} arrived"
        )
    if not (np.isfinite(points).all() and np.isfinite(values).all()):
        raise UsageError("x or y holds NaN or infinity")
    if np.ptp(points) == 0:
        raise UsageError(f"all points are x = {points[0]:.6g}: there is no curve")
    return points, values


def _parameters(form: Form, x: Array, y: Array) -> Parameters | None:
    """Return (a, b, c, d), or None if the form is defined at no starting value."""
    middle, half = (x.max() + x.min()) / 2, np.ptp(x) / 2
    size = np.ptp(y)  # before squares, which of tiny numbers are 0
    target = (y - y.mean()) / size
    t, target = (x - middle) / half, target / target.std()
    narrow = np.pi * (len(x) - 1) / 2  # beyond, a wave or a bump fits between two points
    scales = form.scales[np.abs(form.scales) <= narrow]
    a, b = (grid.ravel() for grid in np.meshgrid(scales, form.shifts, indexing="ij"))
    shares = _explained(form(a[:, None] * t + b[:, None]), target)
    starts = [k for k in np.argsort(-shares)[:_STARTS] if np.isfinite(shares[k])]
    if not starts:
        return None
    tried = [_refined(form, np.array([a[k], b[k]]), t, target) for k in starts]
    _, (scale, shift) = min(tried, key=lambda one: one[0])
    scaled, shifted = form.free
    if scaled and abs(scale) > narrow:
        return None
    if scaled:
        scale, shift = scale / half, shift - scale * middle / half
    else:  # the size of a is a factor or an offset, which c and d hold
        shift = shift * half - scale * middle
    if not shifted and (abs(shift) <= _LARGE or not scaled):
        shift = 0.0
    c, d, _ = _line(form(scale * x + shift), y / size)
    c, d = c * size, d * size
    if form.name == "sin":
        phase = shift if c > 0 else shift + np.pi
        shift, c = (phase + np.pi) % (2 * np.pi) - np.pi, abs(c)
    return float(scale), float(shift), float(c), float(d)


def _explained(g: Array, y: Array) -> Array:
    """Return the squared correlation of each row with y; -inf where a row is not finite or constant."""
    with np.errstate(all="ignore"):
        centred = g - g.mean(1, keepdims=True)
        norm = np.square(centred).sum(1)
        share = np.square(centred @ y) / (norm * np.square(y).sum())
    result: Array = np.where(np.isfinite(share) & (norm > 1e-24), share, -np.inf)
    return result


def _line(g: Array, y: Array) -> tuple[float, float, Array]:
    """Return the best c and d in y = c g + d, and the residuals."""
    with np.errstate(all="ignore"):
        centred = g - g.mean()
        norm = centred @ centred
    if not (np.isfinite(norm) and norm > 0):
        return 0.0, 0.0, np.full_like(y, _REFUSED)
    c = float(centred @ y / norm)
    d = float(y.mean() - c * g.mean())
    return c, d, c * g + d - y


def _refined(form: Form, start: Array, t: Array, y: Array) -> tuple[float, Array]:
    """Return the least sum of squares near the start, and (a, b) there."""
    free = np.array(form.free)

    def at(inner: Array) -> Array:
        whole = start.copy()
        whole[free] = inner
        return whole

    def residuals(inner: Array) -> Array:
        a, b = at(inner)
        return _line(form(a * t + b), y)[2]

    inner = start[free]
    if free.any():
        limits = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15}
        inner = least_squares(residuals, inner, method="lm", max_nfev=_STEPS, **limits).x
    left = residuals(inner)
    return float(left @ left), at(inner)


def _values(form: Form | None, parameters: Parameters, x: Array) -> Array:
    a, b, c, d = parameters
    with np.errstate(all="ignore"):
        return np.full_like(x, d) if form is None else c * form(a * x + b) + d


def _measured(form: Form | None, parameters: Parameters, x: Array, y: Array) -> SymbolicFit:
    size = np.ptp(y) or 1.0  # before squares, which of tiny numbers are 0
    variance = float(np.square((y - y.mean()) / size).mean())

    def unexplained(p: Parameters, at: Any = slice(None)) -> float:
        with np.errstate(all="ignore"):
            return float(np.square((_values(form, p, x[at]) - y[at]) / size).mean())

    squares = unexplained(parameters)
    r2 = 1.0 if form is None else 1 - squares / variance
    held_out = r2
    if form is not None and r2 >= _GOOD:
        left = np.arange(len(x)) % 3 == 1
        others = _parameters(form, x[~left], y[~left])
        held_out = -np.inf if others is None else 1 - unexplained(others, left) / variance

    def replaced(place: int, value: float) -> Parameters:
        return tuple(value if k == place else p for k, p in enumerate(parameters))  # type: ignore[return-value]

    for place in (1, 3) if form is not None else ():  # a shift or an offset that rounding has made
        if unexplained(replaced(place, 0.0)) <= (1 + 1e-6) * squares + 1e-12 * variance:
            parameters = replaced(place, 0.0)
    digits = [_DIGITS] * 4
    allowed = 1.1 * squares**0.5 + _ROUNDING * (variance**0.5 if form is not None else 1.0)
    for place, exact in enumerate(parameters):
        while digits[place] < 17:
            if unexplained(replaced(place, float(f"{exact:.{digits[place]}g}"))) ** 0.5 <= allowed:
                break
            digits[place] += 1
    largest = float(np.abs(_values(form, parameters, x) - y).max())
    return SymbolicFit(form, parameters, r2, largest, size * squares**0.5, held_out, tuple(digits))


def _product(factor: str, text: str) -> str:
    """Write a factor in front of a text: ``-x``, ``2.5 x``."""
    return {"1": text, "-1": f"-{text}"}.get(factor, f"{factor} {text}")


def _sum(text: str, number: str) -> str:
    """Write a number behind a text: ``x - 0.5``; nothing where it is 0."""
    if float(number) == 0:
        return text
    return f"{text} - {number[1:]}" if number.startswith("-") else f"{text} + {number}"
