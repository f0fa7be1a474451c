"""What a filter is, as a function: read off its Fourier coefficients and put into words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuits.series import FourierSeries

__all__ = ["Form", "describe", "form_of", "forms_of"]

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class Form:
    """The shape of one output's Fourier series.

    Attributes:
        inputs: The pixels that it depends on.
        degree: The highest frequency, in units of the input's scale.
        terms: How many coefficients are not zero.
        is_product: Whether it is a product of functions of one pixel each.
    """

    inputs: tuple[int, ...]
    degree: int
    terms: int
    is_product: bool

    def in_words(self, number: int = 1) -> str:
        """Return what the output is, in the plural if there are several of its kind."""
        s = "" if number == 1 else "s"
        if not self.inputs:
            return f"constant{s}"
        if len(self.inputs) == 1:
            return self._wave(s)
        pixels = _count(len(self.inputs))
        if self.is_product:
            return f"product{s} of {pixels} {self._wave('s')}"
        return f"sum{s} of {self.terms} Fourier terms in {pixels} pixels"

    def _wave(self, s: str) -> str:
        if self.degree == 1:
            return f"one-pixel sinusoid{s}"
        return f"one-pixel trigonometric polynomial{s} of degree {self.degree}"


def forms_of(series: FourierSeries) -> list[Form]:
    """Return the form of every output of a circuit.

    Example:
        >>> from circuits import quanvolutional_filter, series_from_values
        >>> from circuits.backends import backend
        >>> demo = quanvolutional_filter("demo")
        >>> values = backend("default.qubit").run(demo, demo.plan.inputs)
        >>> print(describe(forms_of(series_from_values(demo, values))))
        three one-pixel sinusoids and one product of two one-pixel sinusoids
    """
    found = {
        output: form_of(np.asarray(table), block.inputs)
        for block, tables in zip(series.plan.blocks, series.coefficients, strict=True)
        for output, table in zip(block.outputs, tables, strict=True)
    }
    return [found[output] for output in sorted(found)]


def form_of(
    coefficients: NDArray[np.float64], inputs: Sequence[int], tolerance: float = 1e-10
) -> Form:
    """Return the form of the series with these coefficients of 1, cos, sin, cos 2, ...

    Args:
        coefficients: One axis an input, of length 2 degree + 1.
        inputs: Which pixel each axis belongs to.
        tolerance: Below this a coefficient counts as zero.
    """
    present = np.abs(coefficients) > tolerance
    where = np.argwhere(present)
    axes = [axis for axis in range(present.ndim) if (where[:, axis] > 0).any()]
    singular = (
        np.linalg.svd(np.moveaxis(coefficients, axis, 0).reshape(size, -1), compute_uv=False)
        for axis, size in enumerate(coefficients.shape)
    )
    return Form(
        inputs=tuple(inputs[axis] for axis in axes),
        degree=int((where.max(initial=0) + 1) // 2),
        terms=len(where),
        # A tensor is an outer product of vectors if every unfolding has rank one.
        is_product=all((s[1:] <= tolerance).all() for s in singular),
    )


def describe(forms: Sequence[Form]) -> str:
    """Return the forms as a list in words.

    Example:
        >>> wave = Form(inputs=(0,), degree=1, terms=1, is_product=True)
        >>> describe([wave, wave, wave])
        'three one-pixel sinusoids'
    """
    kinds: dict[str, list[Form]] = {}
    for form in forms:
        kinds.setdefault(form.in_words(), []).append(form)
    parts = [f"{_count(len(alike))} {alike[0].in_words(len(alike))}" for alike in kinds.values()]
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def _count(number: int) -> str:
    return _NUMBERS[number] if number < len(_NUMBERS) else str(number)
