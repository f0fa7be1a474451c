"""Fourier series at very many points, for preprocessing whole data sets: no gradients, bounded memory.

A filter whose wires hardly meet is a sum of few products of one-input series (the demo filter: one a channel,
``Z3 = f(x1) g(x3)``), and each of those is a cosine or two per input instead of a term for every combination of
harmonics. Everything else takes the steps of :func:`circuits.fourier.evaluate`, the reference, in buffers that are used
again, which is 1.7 times faster.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import inf, pi, prod
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from circuits import FourierSeries
from circuits.nodes import Block
from qkan.layers.series_sum import LARGE

__all__ = ["Factor", "Product", "SeriesKernel", "factorize"]

_TOLERANCE = 1e-14

_SCRATCH_BYTES = 2**23
"""What the buffers may take: larger ones leave the processor's cache, smaller ones cost more calls."""

_MOST_PRODUCTS = 64
"""Longer sums are not even looked for: to find all of them can take seconds."""

# Costs in nanoseconds a point on one thread, measured in float32 against a copy of 0.35; only their ratios matter.
_WAVE, _PASS, _MULTIPLY_ADD = 1.6, 0.2, 0.05
"""A sine or cosine; a sum, product or copy; one term inside a matrix product."""


class SeriesKernel:
    """A prepared evaluation of one series.

    Args:
        series: The series.
        dtype: Of the points and the values.
        device: Of the points and the values.
        form: ``"products"`` or ``"planes"``; by default the cheaper one for each block.
    """

    def __init__(
        self,
        series: FourierSeries,
        *,
        dtype: torch.dtype,
        device: torch.device,
        form: Literal["products", "planes"] | None = None,
    ):
        self._scratch = _Scratch(dtype, device)
        self._scales = series.scales
        self._forms: list[_Products | _Planes] = []
        for block, coefficients in zip(series.plan.blocks, series.coefficients, strict=True):
            scales = [series.scales[k] for k in block.inputs]
            planes = _Planes(block, coefficients.detach().to(device, dtype), scales)
            most = None if form == "products" else _MOST_PRODUCTS
            products = _Products(block, coefficients, scales, most)
            cheaper = "products" if products.cost <= planes.cost else "planes"
            self._forms.append(products if (form or cheaper) == "products" else planes)

    @property
    def chunk(self) -> int:
        """The number of points that are best evaluated together."""
        rows = len(self._scales) + max(form.rows for form in self._forms)
        return max(1, _SCRATCH_BYTES // (rows * self._scratch.dtype.itemsize))

    def __call__(self, points: Sequence[Tensor], out: Sequence[Tensor]) -> None:
        """Write the values at ``points`` into ``out``.

        Args:
            points: One tensor or view an input, all of one shape.
            out: One tensor or view of that shape an observable.
        """
        gathered = self._scratch.get("points", len(points), *points[0].shape)
        for row, point in zip(gathered, points, strict=True):
            row.copy_(point)
        if gathered.dtype == torch.float32 and gathered.numel():
            largest = float(torch.stack(torch.aminmax(gathered)).abs().max())
            for row, scale in zip(gathered, self._scales, strict=True):
                if scale * largest > LARGE:  # float32 would round it
                    row.copy_(torch.remainder(scale * row.double(), 2 * pi) / scale)
        flat = gathered.view(len(points), -1)
        for form in self._forms:
            form(flat, out, self._scratch)


class _Planes:
    """Evaluate a block by one matrix product over the second half of its inputs and a weighted sum over the first.

    Args:
        block: The block.
        coefficients: Its coefficients.
        scales: The scale of each of the block's inputs.
    """

    def __init__(self, block: Block, coefficients: Tensor, scales: Sequence[float]):
        self._block, self._scales, self._sizes = block, scales, coefficients.shape[1:]
        self._first = len(self._sizes) // 2
        rows, columns = prod(self._sizes[: self._first]), prod(self._sizes[self._first :])
        self._matrix = coefficients.reshape(-1, columns)
        sums = len(coefficients) * rows * _PASS if self._first else 0.0
        waves = sum(size - 1 for size in self._sizes) * (_WAVE + _PASS)
        self.cost = waves + (rows + columns) * _PASS + coefficients.numel() * _MULTIPLY_ADD + sums
        self.rows = sum(self._sizes) + rows + columns + len(self._matrix) + 1

    def __call__(self, points: Tensor, out: Sequence[Tensor], scratch: _Scratch) -> None:
        """Write the values at ``points`` (inputs of the circuit, M) into the block's rows of ``out``."""
        bases = []
        phase = scratch.get("phase", points.shape[1])
        for axis, (size, scale) in enumerate(zip(self._sizes, self._scales, strict=True)):
            basis = scratch.get(f"basis {axis}", size, points.shape[1])
            basis[0] = 1.0
            for k in range(1, size // 2 + 1):
                torch.mul(points[self._block.inputs[axis]], k * scale, out=phase)
                torch.cos(phase, out=basis[2 * k - 1])
                torch.sin(phase, out=basis[2 * k])
            bases.append(basis)
        outputs, count = len(self._block.outputs), points.shape[1]
        values = scratch.get("product", len(self._matrix), count)
        right = _outer("right", bases[self._first :], count, scratch)
        torch.mm(self._matrix, right, out=values)
        if self._first:
            left = _outer("left", bases[: self._first], count, scratch)
            weighted = values.view(outputs, len(left), count).mul_(left)
            values = torch.sum(weighted, dim=1, out=scratch.get("sum", outputs, count))
        for row, output in zip(values, self._block.outputs, strict=True):
            out[output].copy_(row.view(out[output].shape))


def _outer(name: str, bases: Sequence[Tensor], count: int, scratch: _Scratch) -> Tensor:
    """Return the products of all combinations of basis functions at each point, ``(combinations, M)``."""
    if not bases:
        return scratch.get(name, 1, count).fill_(1.0)
    result = bases[0]
    for depth, factor in enumerate(bases[1:]):
        buffer = scratch.get(f"{name} {depth}", len(result), len(factor), count)
        result = torch.mul(result[:, None], factor, out=buffer).flatten(0, 1)
    return result


class _Products:
    """Evaluate a block of observables as sums of products.

    Args:
        block: The block.
        coefficients: Its coefficients.
        scales: The scale of each of the block's inputs.
        most: Products an output may have; with more the cost is infinite and nothing is prepared.
    """

    def __init__(
        self,
        block: Block,
        coefficients: Tensor,
        scales: Sequence[float],
        most: int | None = None,
    ):
        self._inputs = block.inputs
        self._scales = scales
        tables = coefficients.detach().double().cpu().numpy()
        self._sums: list[tuple[int, list[Product]]] = []
        self.cost, self.rows = inf, 0
        for output, table in zip(block.outputs, tables, strict=True):
            sums = factorize(table, most)
            if sums is None:
                return
            self._sums.append((output, sums))
        self._absorb_signs()
        products = [product for _, some in self._sums for product in some]
        factors = {factor for product in products for factor in product.factors}
        waves = sum(len(factor.waves(1.0)[1]) for factor in factors)
        passes = sum(1 + len(product.factors) for product in products)
        self.cost = waves * (_WAVE + _PASS) + passes * _PASS
        self.rows = len(factors) + 2

    def __call__(self, points: Tensor, out: Sequence[Tensor], scratch: _Scratch) -> None:
        """Write the values at ``points`` (inputs of the circuit, M) into the block's rows of ``out``."""
        values: dict[Factor, Tensor] = {}
        # Outputs that are a factor themselves come first: the others read it from there.
        for output, products in sorted(self._sums, key=lambda item: not _is_factor(item[1])):
            target = out[output]
            if _is_factor(products) and products[0].factors[0] not in values:
                (factor,) = products[0].factors
                values[factor] = self._evaluate(factor, points, target, scratch)
                continue
            if not products:
                target.zero_()
            for index, product in enumerate(products):
                factors = []
                for factor in product.factors:
                    if factor not in values:
                        total = scratch.get(f"factor {len(values)}", *target.shape)
                        values[factor] = self._evaluate(factor, points, total, scratch)
                    factors.append(values[factor])
                term = scratch.get("term", *target.shape) if index else target
                _multiply(factors, product.amplitude, term)
                if index:
                    target.add_(term)

    def _absorb_signs(self) -> None:
        """Let an output that is minus a factor be a factor: a sign in the phase costs nothing."""
        for _, products in self._sums:
            if len(products) == 1 and len(products[0].factors) == 1 and products[0].amplitude == -1:
                (factor,) = products[0].factors
                self._sums = [(o, [p.with_negated(factor) for p in some]) for o, some in self._sums]

    def _evaluate(self, factor: Factor, points: Tensor, total: Tensor, scratch: _Scratch) -> Tensor:
        """Write the factor's values into ``total`` and return it."""
        x = points[self._inputs[factor.axis]].view(total.shape)
        constant, waves = factor.waves(self._scales[factor.axis])
        for index, (amplitude, frequency, phase) in enumerate(waves):
            wave = scratch.get("wave", *total.shape) if index else total
            torch.add(x.new_tensor(phase), x, alpha=frequency, out=wave).sin_()
            if amplitude != 1.0:
                wave.mul_(amplitude)
            if index:
                total.add_(wave)
        return total.add_(constant) if constant else total


def _is_factor(products: Sequence[Product]) -> bool:
    """Whether a sum of products is one factor, as it is."""
    return len(products) == 1 and len(products[0].factors) == 1 and products[0].amplitude == 1.0


def _multiply(factors: Sequence[Tensor], amplitude: float, target: Tensor) -> None:
    if not factors:
        target.fill_(amplitude)
    elif len(factors) == 1:
        torch.mul(factors[0], amplitude, out=target)
    else:
        first, second, *rest = factors
        torch.mul(first, second, out=target)
        for factor in rest:
            target.mul_(factor)
        if amplitude != 1.0:
            target.mul_(amplitude)


class _Scratch:
    """Named buffers that are used again for every chunk: fresh pages would cost more than the arithmetic.

    Args:
        dtype: Of all buffers.
        device: Of all buffers.
    """

    def __init__(self, dtype: torch.dtype, device: torch.device):
        self.dtype = dtype
        self.device = device
        self._buffers: dict[str, Tensor] = {}

    def get(self, name: str, *shape: int) -> Tensor:
        """Return the buffer ``name`` in this shape, as large as was ever asked for; it holds what was written last."""
        size = prod(shape)
        if name not in self._buffers or self._buffers[name].numel() < size:
            self._buffers[name] = torch.empty(size, dtype=self.dtype, device=self.device)
        return self._buffers[name][:size].view(shape)


@dataclass(frozen=True)
class Factor:
    r"""A series of one input, :math:`c_0 + a_1 \cos(s x) + b_1 \sin(s x) + a_2 \cos(2 s x) + \dots`.

    Attributes:
        axis: Which of the block's inputs it reads.
        coefficients: Over 1, cos, sin, cos 2, ...; the largest harmonic has amplitude 1.
    """

    axis: int
    coefficients: tuple[float, ...]

    def negative(self) -> Factor:
        """Return the same factor with the other sign."""
        return Factor(self.axis, tuple(-c for c in self.coefficients))

    def waves(self, scale: float) -> tuple[float, list[tuple[float, float, float]]]:
        """Return the constant, and (amplitude, frequency, phase) of each A sin(w x + phase)."""
        constant, *rest = self.coefficients
        waves = []
        for k, (a, b) in enumerate(zip(rest[::2], rest[1::2], strict=True), start=1):
            amplitude = float(np.hypot(a, b))
            if amplitude > _TOLERANCE:
                waves.append((_unless_one(amplitude), k * scale, float(np.arctan2(a, b))))
        return constant, waves


@dataclass(frozen=True)
class Product:
    """``amplitude`` times a product of factors; a constant if there are none."""

    amplitude: float
    factors: tuple[Factor, ...]

    def with_negated(self, factor: Factor) -> Product:
        """Return the same product, with ``factor`` written as minus its negative."""
        if factor not in self.factors:
            return self
        others = (f.negative() if f == factor else f for f in self.factors)
        return Product(-self.amplitude, tuple(others))


def factorize(table: np.ndarray, most: int | None = None) -> list[Product] | None:
    """Write a series as a sum of products, by singular values of its unfoldings.

    Exact to rounding; the fewest products where an input splits off with rank one, else not always.

    Args:
        table: The coefficients of one observable, ``(2 d_1 + 1, ..., 2 d_n + 1)``.
        most: Give up beyond so many products; a dense table of n inputs has up to 3^(n - 1).

    Returns:
        The products, or None if there are more than ``most``.

    Example:
        >>> table = np.outer([0.0, 1.0, 1.0], [0.0, 2.0, 0.0])  # (cos x + sin x) 2 cos y
        >>> [len(product.factors) for product in factorize(table)]
        [2]
    """
    size = float(np.abs(table).max(initial=0.0))
    if size == 0.0:
        return []
    found = list(islice(_split(table, size), None if most is None else most + 1))
    if most is not None and len(found) > most:
        return None
    return [_product(vectors, size) for vectors in found]


def _split(table: np.ndarray, size: float) -> Iterator[list[np.ndarray]]:
    if table.ndim < 2:
        yield [table.reshape(-1)]
        return
    left, values, right = np.linalg.svd(table.reshape(table.shape[0], -1), full_matrices=False)
    for index, value in enumerate(values):
        if value > _TOLERANCE * size:
            rest = value * right[index].reshape(table.shape[1:])
            for vectors in _split(rest, size):
                yield [left[:, index], *vectors]


def _product(vectors: Sequence[np.ndarray], size: float) -> Product:
    amplitude = 1.0
    factors = []
    for axis, raw in enumerate(vectors):
        vector = np.where(np.abs(raw) > _TOLERANCE * np.abs(raw).max(), raw, 0.0)
        harmonics = np.hypot(vector[1::2], vector[2::2])
        if not harmonics.any():
            amplitude *= float(vector[0])
            continue
        # One sign and one norm, so that equal factors of different outputs are found to be equal.
        norm = float(harmonics.max()) * (1.0 if vector[np.flatnonzero(vector)[0]] > 0 else -1.0)
        amplitude *= norm
        factors.append(Factor(axis, tuple(np.round(vector / norm, 15).tolist())))
    return Product(_unless_one(amplitude), tuple(factors))


def _unless_one(amplitude: float) -> float:
    """Take off the rounding of 1 and -1, which would cost a pass over all values."""
    return float(np.sign(amplitude)) if abs(abs(amplitude) - 1.0) < _TOLERANCE else amplitude
