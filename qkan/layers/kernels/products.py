"""Outputs as sums of products of one-input waves; equal factors are evaluated once."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import torch
from torch import Tensor

from circuits.plan import Block
from circuits.products import Factor, Product, factorize
from qkan.layers.kernels.costs import PASS, WAVE
from qkan.layers.kernels.scratch import Scratch

__all__ = ["ProductsKernel"]


class ProductsKernel:
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
        products = [product for _, some in self._sums for product in some]
        factors = {factor for product in products for factor in product.factors}
        waves = sum(len(factor.waves(1.0)[1]) for factor in factors)
        passes = sum(1 + len(product.factors) for product in products)
        self.cost = waves * (WAVE + PASS) + passes * PASS
        self.rows = len(factors) + 2

    def __call__(self, points: Tensor, out: Sequence[Tensor], scratch: Scratch) -> None:
        """Write the values at ``points`` (inputs of the circuit, M) into the block's rows of ``out``."""
        values: dict[Factor, Tensor] = {}
        for output, products in self._sums:
            target = out[output]
            if not products:
                target.zero_()
            for index, product in enumerate(products):
                factors = [self._value(f, points, values, scratch) for f in product.factors]
                if index == 0:
                    _multiply(factors, product.amplitude, target)
                else:
                    term = scratch.get("term", *target.shape)
                    _multiply(factors, product.amplitude, term)
                    target.add_(term)

    def _value(
        self, factor: Factor, points: Tensor, values: dict[Factor, Tensor], scratch: Scratch
    ) -> Tensor:
        if factor in values:
            return values[factor]
        x = points[self._inputs[factor.axis]]
        constant, waves = factor.waves(self._scales[factor.axis])
        total = scratch.get(f"factor {len(values)}", *x.shape)
        for index, (amplitude, frequency, phase) in enumerate(waves):
            wave = scratch.get("wave", *x.shape) if index else total
            torch.add(x.new_tensor(-phase), x, alpha=frequency, out=wave).cos_()
            if amplitude != 1.0:
                wave.mul_(amplitude)
            if index:
                total.add_(wave)
        if constant:
            total.add_(constant)
        values[factor] = total
        return total


def _multiply(factors: Sequence[Tensor], amplitude: float, target: Tensor) -> None:
    if not factors:
        target.fill_(amplitude)
        return
    first, *rest = (factor.view(target.shape) for factor in factors)
    if amplitude == 1.0:
        target.copy_(first)
    else:
        torch.mul(first, amplitude, out=target)
    for factor in rest:
        target.mul_(factor)
