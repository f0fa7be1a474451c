r"""The library of forms: functions :math:`f` for :math:`y = c f(a x + b) + d`. A new form is a new line.

Parameters that would only repeat another one are left out: :math:`c e^{a x + b}` needs no b, :math:`c (a x + b)^2`
no a.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qkan.analysis.symbolic.text import product

__all__ = ["FORMS", "Form"]

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
