"""Formulas for curves: a small library of forms, fitted with an affine map before and behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

from circuits.errors import UsageError

__all__ = ["FORMS", "Form", "SymbolicFit", "fit_formula", "fit_formulas", "product", "total"]


def product(factor: float, text: str) -> str:
    """Write a factor in front of a text, with four digits.

    Example:
        >>> product(-1.0, "x"), product(2.5, "x")
        ('-x', '2.5 x')
    """
    number = f"{factor:.4g}"
    return {"1": text, "-1": f"-{text}"}.get(number, f"{number} {text}")


def total(text: str, number: float) -> str:
    """Write a number behind a text, with four digits; nothing where it is 0.

    Example:
        >>> total("x", -0.5), total("x", 0.0)
        ('x - 0.5', 'x')
    """
    if abs(number) < 1e-12:
        return text
    return f"{text} {'-' if number < 0 else '+'} {abs(number):.4g}"


Array = NDArray[np.float64]

_SCALES = np.geomspace(0.1, 30, 40)
_SHIFTS = np.linspace(-4, 4, 49)
_PHASES = np.linspace(0, np.pi, 8, endpoint=False)
_FREQUENCIES = np.arange(0.2, 60, 0.2)
_ONE, _BOTH, _ZERO = np.ones(1), np.array([1.0, -1.0]), np.zeros(1)


@dataclass(frozen=True, eq=False)
class Form:
    """One function and where its parameters are looked for.

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

    def write(self, factor: float, argument: str) -> str:
        """Return the text of ``factor`` times the function of ``argument``."""
        text = self.text.format(argument).replace("(x)^", "x^").replace("/(x)", "/x")
        if text.startswith("1/"):
            return f"{factor:.4g}{text[1:]}"
        if self.text == "{}" and argument != "x":
            text = f"({text})"
        return product(factor, text)

    def __call__(self, t: Array) -> Array:
        """Return the values, NaN where there is none."""
        with np.errstate(all="ignore"):
            return self.function(t)


def _power(exponent: int) -> Callable[[Array], Array]:
    return lambda t: t**exponent


FORMS: tuple[Form, ...] = (
    Form("linear", "{}", lambda t: t, _ONE, _ZERO),
    Form("square", "({})^2", _power(2), _ONE, _SHIFTS),
    Form("exp", "exp({})", np.exp, np.concatenate([-_SCALES, _SCALES]), _ZERO),
    Form("sin", "sin({})", np.sin, _FREQUENCIES, _PHASES),
    Form("log", "log({})", np.log, _BOTH, _SHIFTS),
    Form("sqrt", "sqrt({})", np.sqrt, _BOTH, _SHIFTS),
    Form("abs", "|{}|", np.abs, _ONE, _SHIFTS),
    Form("reciprocal", "1/({})", lambda t: 1 / t, _ONE, _SHIFTS),
    Form("cube", "({})^3", _power(3), _ONE, _SHIFTS),
    Form("gaussian", "exp(-({})^2)", lambda t: np.exp(-(t**2)), _SCALES, _SHIFTS),
    Form("tanh", "tanh({})", np.tanh, _SCALES, _SHIFTS),
    Form("arctan", "arctan({})", np.arctan, _SCALES, _SHIFTS),
    Form("inverse square", "1/({})^2", lambda t: 1 / t**2, _ONE, _SHIFTS),
    Form("fourth power", "({})^4", _power(4), _ONE, _SHIFTS),
    Form("SiLU", "SiLU({})", lambda t: t / (1 + np.exp(-t)), np.r_[-_SCALES, _SCALES], _SHIFTS),
)
"""In the order in which they are preferred where two describe a curve alike."""


Array = NDArray[np.float64]

_STARTS = 3
_STEPS = 150
_GOOD = 0.999
_ALIKE = 1.5
_REFUSED = 1e3
"""The residual where a form has no value, of a curve whose spread is 1."""
_LARGE = 50.0
_EXACT = 1e-6
"""Residuals below this share of the curve's spread are no reason to prefer a form."""


@dataclass(frozen=True, eq=False)
class SymbolicFit:
    r"""One form with its parameters, :math:`y \approx c f(a x + b) + d`, and how far it is off.

    Attributes:
        form: The form, or None for a constant, where c is 0.
        parameters: (a, b, c, d).
        r2: The share of the variance that it explains; 1 for a constant curve and a constant.
        max_error: The largest residual.
        rmse: The root of the mean squared residual.
    """

    form: Form | None
    parameters: tuple[float, float, float, float]
    r2: float
    max_error: float
    rmse: float

    @property
    def good(self) -> bool:
        """Whether it explains 99.9 % of the variance: a description, not only the best of a small library."""
        return self.r2 >= _GOOD

    @property
    def formula(self) -> str:
        """The formula, with four digits."""
        a, b, c, d = self.parameters
        if self.form is None or c == 0:
            return f"{d:.4g}"
        return total(self.form.write(c, total(product(a, "x"), b)), d)

    def __call__(self, x: ArrayLike) -> Array:
        """Return its values; NaN where the form has none."""
        a, b, c, d = self.parameters
        t = np.asarray(x, dtype=np.float64)
        return np.full_like(t, d) if self.form is None else c * self.form(a * t + b) + d

    def __str__(self) -> str:
        error = f"1 - R^2 = {1 - self.r2:.1e}, largest error {self.max_error:.2g}"
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
    spread = float(np.std(np.asarray(y, dtype=np.float64)))
    limit = max(_ALIKE * fits[0].rmse, _EXACT * spread)
    order = {form.name: rank for rank, form in enumerate(forms)}
    alike = [fit for fit in fits if fit.rmse <= limit]
    return min(alike, key=lambda fit: order[fit.form.name] if fit.form else -1)


def fit_formulas(x: ArrayLike, y: ArrayLike, forms: Sequence[Form] = FORMS) -> list[SymbolicFit]:
    """Return the fit of every form that is defined on the points, the closest first.

    Raises:
        UsageError: As :func:`fit_formula`.
    """
    points, values = _checked(x, y)
    if not forms:
        raise UsageError("expected one form or more to fit, got none")
    if np.ptp(values) <= 1e-12 * np.abs(values).max():
        return [_measured(None, (1.0, 0.0, 0.0, float(values.mean())), points, values)]
    middle, half = (points.max() + points.min()) / 2, np.ptp(points) / 2
    offset, spread = values.mean(), values.std()
    fits = []
    for form in forms:
        inner = _fit(form, (points - middle) / half, (values - offset) / spread)
        if inner is not None:
            a, b, c, d = inner
            outside = (a / half, b - a * middle / half, c * spread, d * spread + offset)
            outer = _settled(form, outside)
            fits.append(_measured(form, outer, points, values))
    if not fits:
        raise UsageError(
            f"none of the forms {[form.name for form in forms]} is defined on the points"
        )
    return sorted(fits, key=lambda fit: fit.rmse)


def _checked(x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    points, values = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
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


def _fit(form: Form, t: Array, y: Array) -> tuple[float, float, float, float] | None:
    """Return (a, b, c, d) for points in [-1, 1], or None if the form is defined at no starting value."""
    a, b = (grid.ravel() for grid in np.meshgrid(form.scales, form.shifts, indexing="ij"))
    shares = _explained(form(a[:, None] * t + b[:, None]), y)
    starts = [k for k in np.argsort(-shares)[:_STARTS] if np.isfinite(shares[k])]
    best: tuple[float, tuple[float, float, float, float]] | None = None
    for k in starts:
        found = _refined(form, float(a[k]), float(b[k]), t, y)
        if best is None or found[0] < best[0]:
            best = found
    return None if best is None else best[1]


def _explained(g: Array, y: Array) -> Array:
    """Return the squared correlation of each row with y; -inf where a row is not finite or constant."""
    with np.errstate(all="ignore"):
        centred = g - g.mean(1, keepdims=True)
        norm = np.square(centred).sum(1)
        target = y - y.mean()
        share = np.square(centred @ target) / (norm * np.square(target).sum())
    usable = np.isfinite(share) & (norm > 1e-24)
    result: Array = np.where(usable, share, -np.inf)
    return result


def _refined(
    form: Form, a: float, b: float, t: Array, y: Array
) -> tuple[float, tuple[float, float, float, float]]:
    free = [k for k, wanted in enumerate(form.free) if wanted]
    start = np.array([a, b])

    def outside(inner: Array) -> tuple[float, float, Array]:
        """Return the best c and d, and what they leave."""
        at = start.copy()
        at[free] = inner
        g = form(at[0] * t + at[1])
        centred = g - g.mean()
        norm = centred @ centred
        if not (np.isfinite(norm) and norm > 0):
            return 0.0, 0.0, np.full_like(y, _REFUSED)
        c = float(centred @ y / norm)
        d = float(y.mean() - c * g.mean())
        return c, d, c * g + d - y

    inner = start[free]
    if free:
        found = least_squares(
            lambda p: outside(p)[2],
            inner,
            method="lm",
            xtol=1e-15,
            ftol=1e-15,
            gtol=1e-15,
            max_nfev=_STEPS,
        )
        inner = found.x
    c, d, residual = outside(inner)
    start[free] = inner
    return float(residual @ residual), (float(start[0]), float(start[1]), c, d)


def _settled(
    form: Form, parameters: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    """Undo the map to [-1, 1] where the form has no a or no b of its own."""
    a, b, c, d = parameters
    scaled, shifted = form.free
    if form.name == "sin":
        phase = b if c > 0 else b + np.pi
        return a, float((phase + np.pi) % (2 * np.pi) - np.pi), abs(c), d
    if scaled and shifted:
        return parameters
    if scaled:  # exp: a shift is a factor, unless it is out of all proportion
        return (a, b, c, d) if abs(b) > _LARGE else (a, 0.0, c * float(np.exp(b)), d)
    if form.name == "linear":
        return 1.0, 0.0, c * a, d + c * b
    if form.name == "log":  # |a| is an offset
        return float(np.sign(a)), b / abs(a), c, d + c * float(np.log(abs(a)))
    # Powers: |a| is a factor.
    factor = float(form(np.array([abs(a)]))[0])
    return float(np.sign(a)), b / abs(a), c * factor, d


def _measured(
    form: Form | None, parameters: tuple[float, float, float, float], x: Array, y: Array
) -> SymbolicFit:
    found = SymbolicFit(form, parameters, 1.0, 0.0, 0.0)
    residual = found(x) - y
    variance = float(y.var())
    r2 = 1.0 if form is None else 1 - float(np.square(residual).mean()) / variance
    largest, rmse = float(np.abs(residual).max()), float(np.sqrt(np.square(residual).mean()))
    return SymbolicFit(form, parameters, r2, largest, rmse)
