"""Symbols: what a quantum function is called with in place of numbers, so that its angles tell what they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Form", "Symbols", "UnreadableError", "as_symbols", "has_forms"]


class UnreadableError(Exception):
    """A symbol was asked for what only a number has."""


@dataclass(frozen=True)
class Form:
    """A number as a function of variables, of which 0, 1, ... are the inputs and the next ones the weights.

    Attributes:
        rates: The factor of each variable that enters linearly.
        constant: What is added.
        size: The sizes of all constants that were added up.
        bent: The variables that enter in another way.
        reason: In which way.
    """

    rates: Mapping[int, Any] = field(default_factory=dict)
    constant: Any = 0.0
    size: float = 0.0
    bent: frozenset[int] = frozenset()
    reason: str = ""

    @property
    def variables(self) -> frozenset[int]:
        """All variables that enter."""
        return self.bent.union(self.rates)

    @property
    def real(self) -> bool:
        """Whether all its numbers are real."""
        return not any(
            isinstance(value, complex) for value in (*self.rates.values(), self.constant)
        )

    @classmethod
    def of(cls, value: Any) -> Form:
        """Return a number as a form without variables."""
        if isinstance(value, Form):
            return value
        number = complex(value) if np.iscomplexobj(value) else float(value)
        return cls({}, number, abs(number))

    def bend(self, reason: str, *others: Any) -> Form:
        """Return what a function that is not linear makes of it, and of others."""
        forms = [self, *(Form.of(other) for other in others)]
        first = next((form.reason for form in forms if form.reason), reason)
        return Form({}, 0.0, 0.0, frozenset().union(*(form.variables for form in forms)), first)

    def __add__(self, other: Any) -> Form:
        if isinstance(other, np.ndarray):
            return NotImplemented
        second = Form.of(other)
        rates = dict(self.rates)
        for variable, rate in second.rates.items():
            rates[variable] = rates.get(variable, 0.0) + rate
        return Form(
            {variable: rate for variable, rate in rates.items() if rate},
            self.constant + second.constant,
            self.size + second.size,
            self.bent | second.bent,
            self.reason or second.reason,
        )

    def __mul__(self, other: Any) -> Form:
        if isinstance(other, np.ndarray):
            return NotImplemented
        second = Form.of(other)
        if second.variables and self.variables:
            return self.bend("a product", second)
        form, factor = (second, self.constant) if second.variables else (self, second.constant)
        if not factor:
            return Form()
        return Form(
            {variable: factor * rate for variable, rate in form.rates.items()},
            factor * form.constant,
            abs(factor) * form.size,
            form.bent,
            form.reason,
        )

    def __truediv__(self, other: Any) -> Form:
        if isinstance(other, np.ndarray):
            return NotImplemented
        second = Form.of(other)
        if second.variables:
            return self.bend("a quotient", second)
        return self.__mul__(
            1 / second.constant
        )  # rounded as the function rounds it, but for one digit

    def __rtruediv__(self, other: Any) -> Form:
        return Form.of(other) / self

    def __neg__(self) -> Form:
        return self * -1.0

    def __pos__(self) -> Form:
        return self

    def __sub__(self, other: Any) -> Form:
        return NotImplemented if isinstance(other, np.ndarray) else self + Form.of(other) * -1.0

    def __rsub__(self, other: Any) -> Form:
        return Form.of(other) - self

    __radd__, __rmul__ = __add__, __mul__

    def _number(self) -> Any:
        raise UnreadableError("it turns inputs or weights into plain numbers")

    __float__ = __int__ = __bool__ = __index__ = __complex__ = _number

    def _compared(self, *_: Any) -> Any:
        raise UnreadableError("it compares inputs or weights")

    __lt__ = __le__ = __gt__ = __ge__ = _compared

    def _bent(self, *others: Any) -> Form:
        return self.bend("a power or a remainder", *others)

    __pow__ = __rpow__ = __mod__ = __rmod__ = __floordiv__ = __rfloordiv__ = __abs__ = _bent


class Symbols(np.ndarray[Any, Any]):
    """An array of symbols that stays one: single elements are arrays, too, and so are results.

    The symbols are :class:`Form` s, or Qiskit's expressions. PennyLane's functions know neither; NumPy computes with
    arrays of them by their own methods.
    """

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **options: Any) -> Any:
        """Compute element by element, and return an array whatever the shape."""
        plain = [a.view(np.ndarray) if isinstance(a, Symbols) else a for a in args]
        if method == "__call__" and ufunc.__name__ not in _LINEAR and has_forms(plain):
            if ufunc.__name__ in _COMPARISONS:
                raise UnreadableError(f"it compares inputs or weights ({ufunc.__name__})")
            name = ufunc.__name__

            def bend(*values: Any) -> Form:
                return Form().bend(name, *values)

            return as_symbols(np.frompyfunc(bend, len(plain), 1)(*plain))
        result = getattr(ufunc, method)(*plain, **options)
        return result if np.asarray(result).dtype.kind == "b" else as_symbols(result)

    def __getitem__(self, key: Any) -> Symbols:
        """Return a part, of shape () if it is one element."""
        return as_symbols(self.view(np.ndarray)[key])

    def __iter__(self) -> Any:
        """Yield the parts along the first axis."""
        return (self[index] for index in range(len(self)))

    def item(self, *_: Any) -> Any:
        """Refuse: torch tensors have these methods too, and pass no gradient through them."""
        raise UnreadableError("it turns inputs or weights into plain numbers")

    detach = numpy = tolist = item


_LINEAR = frozenset({"add", "subtract", "multiply", "divide", "negative", "positive", "matmul"})
_COMPARISONS = frozenset(
    {"less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "isnan", "isfinite"}
)


def as_symbols(values: Any) -> Symbols:
    """Return an array of symbols."""
    return np.asarray(values, dtype=object).view(Symbols)


def has_forms(arrays: Iterable[Any]) -> bool:
    """Whether a form is among the elements of these arrays or numbers."""
    return any(
        isinstance(value, Form)
        for array in arrays
        for value in np.asarray(array, dtype=object).ravel()
    )
