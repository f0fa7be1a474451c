"""Fourier series at very many points: no gradients, no temporaries larger than a chunk.

For preprocessing a whole data set. Each block of observables takes the cheaper of two forms: a sum of products of
one-input waves, or a matrix product over all combinations of harmonics ("planes"). The generic evaluation of
``circuits.fourier`` is the reference, and what gradients go through.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from circuits import FourierSeries
from circuits.products import Factor, Product, factorize

__all__ = ["SeriesKernel"]

# Nanoseconds a point and thread, measured on one class of machine; only their ratios matter here.
_WAVE = 2.0
_PASS = 0.5
_MULTIPLY_ADD = 0.05
_WEIGHTED_SUM = 0.3


class SeriesKernel:
    """A prepared evaluation of one series.

    Args:
        series: The series.
        dtype: Of the points and the values.
        device: Of the points and the values.
        form: ``"products"`` or ``"planes"`` to force one; by default the cheaper for each block.
    """

    def __init__(
        self,
        series: FourierSeries,
        *,
        dtype: torch.dtype,
        device: torch.device,
        form: str | None = None,
    ):
        self._blocks: list[_Products | _Planes] = []
        for block, coefficients in zip(series.plan.blocks, series.coefficients, strict=True):
            scales = [series.scales[k] for k in block.inputs]
            planes = _Planes(block.inputs, block.outputs, coefficients, scales, dtype, device)
            products = _Products(block.inputs, block.outputs, coefficients, scales)
            cheaper = "products" if products.cost <= planes.cost else "planes"
            self._blocks.append(products if (form or cheaper) == "products" else planes)

    def __call__(self, points: Sequence[Tensor], out: Sequence[Tensor]) -> None:
        """Write the values at ``points`` into ``out``.

        Args:
            points: One tensor (or strided view) an input, all of one shape.
            out: One tensor (or view) of that shape an observable.
        """
        for block in self._blocks:
            block(points, out)


class _Products:
    """Outputs as sums of products of one-input waves; equal factors are evaluated once."""

    def __init__(
        self,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
        coefficients: Tensor,
        scales: Sequence[float],
    ):
        self._inputs = inputs
        self._scales = scales
        tables = coefficients.detach().double().cpu().numpy()
        self._sums: list[tuple[int, list[Product]]] = [
            (output, factorize(table)) for output, table in zip(outputs, tables, strict=True)
        ]
        products = [product for _, some in self._sums for product in some]
        factors = {factor for product in products for factor in product.factors}
        waves = sum(len(factor.waves(1.0)[1]) for factor in factors)
        passes = sum(1 + len(product.factors) for product in products)
        self.cost = waves * (_WAVE + _PASS) + passes * _PASS

    def __call__(self, points: Sequence[Tensor], out: Sequence[Tensor]) -> None:
        values: dict[Factor, Tensor] = {}
        for output, products in self._sums:
            target = out[output]
            for index, product in enumerate(products):
                factors = [self._value(factor, points, values) for factor in product.factors]
                if index == 0:
                    self._multiply(factors, product.amplitude, target)
                else:
                    term = torch.empty_like(target, memory_format=torch.contiguous_format)
                    self._multiply(factors, product.amplitude, term)
                    target.add_(term)
            if not products:
                target.zero_()

    def _value(
        self, factor: Factor, points: Sequence[Tensor], values: dict[Factor, Tensor]
    ) -> Tensor:
        if factor in values:
            return values[factor]
        x = points[self._inputs[factor.axis]]
        constant, waves = factor.waves(self._scales[factor.axis])
        total: Tensor | None = None
        for amplitude, frequency, phase in waves:
            wave = torch.add(x.new_tensor(-phase), x, alpha=frequency).cos_()
            if amplitude != 1.0:
                wave.mul_(amplitude)
            total = wave if total is None else total.add_(wave)
        if total is None:
            total = torch.zeros_like(x, memory_format=torch.contiguous_format)
        if constant:
            total.add_(constant)
        values[factor] = total
        return total

    @staticmethod
    def _multiply(factors: Sequence[Tensor], amplitude: float, target: Tensor) -> None:
        if not factors:
            target.fill_(amplitude)
            return
        first, *rest = factors
        torch.mul(first, amplitude, out=target)
        for factor in rest:
            target.mul_(factor)


class _Planes:
    """Outputs by one matrix product over the second half of the inputs, and a weighted sum."""

    def __init__(
        self,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
        coefficients: Tensor,
        scales: Sequence[float],
        dtype: torch.dtype,
        device: torch.device,
    ):
        self._inputs = inputs
        self._outputs = outputs
        self._scales = scales
        self._sizes = tuple(coefficients.shape[1:])
        self._first = len(inputs) // 2
        rows, columns = prod(self._sizes[: self._first]), prod(self._sizes[self._first :])
        matrix = coefficients.detach().reshape(len(outputs) * rows, columns)
        self._matrix = matrix.to(dtype=dtype, device=device)
        waves = sum(size - 1 for size in self._sizes)
        self.cost = (
            waves * (_WAVE + _PASS)
            + (rows + columns) * _PASS
            + matrix.numel() * _MULTIPLY_ADD
            + len(outputs) * rows * _WEIGHTED_SUM
        )

    def __call__(self, points: Sequence[Tensor], out: Sequence[Tensor]) -> None:
        count = points[0].numel()
        bases = [
            self._basis(points[k], size, scale)
            for k, size, scale in zip(self._inputs, self._sizes, self._scales, strict=True)
        ]
        product = self._matrix @ self._outer(bases[self._first :], count, self._matrix)
        if self._first:
            weights = self._outer(bases[: self._first], count, self._matrix)
            product = product.view(len(self._outputs), -1, count).mul_(weights).sum(dim=1)
        for row, output in zip(product, self._outputs, strict=True):
            out[output].copy_(row.view(out[output].shape))

    @staticmethod
    def _basis(x: Tensor, size: int, scale: float) -> Tensor:
        rows = x.new_empty((size, *x.shape))
        rows[0] = 1.0
        for k in range(1, size // 2 + 1):
            phase = torch.mul(x, k * scale)
            torch.cos(phase, out=rows[2 * k - 1])
            torch.sin(phase, out=rows[2 * k])
        return rows.view(size, -1)

    @staticmethod
    def _outer(bases: Sequence[Tensor], count: int, like: Tensor) -> Tensor:
        if not bases:
            return like.new_ones((1, count))
        result = bases[0]
        for factor in bases[1:]:
            result = (result[:, None] * factor).view(-1, count)
        return result
