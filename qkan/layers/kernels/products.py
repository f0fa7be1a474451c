"""Outputs as sums of products of one-input waves; equal factors are evaluated once."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import torch
from torch import Tensor

from circuits.products import Factor, Product, factorize
from circuits.series import Block
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
        self._absorb_signs()
        products = [product for _, some in self._sums for product in some]
        factors = {factor for product in products for factor in product.factors}
        waves = sum(len(factor.waves(1.0)[1]) for factor in factors)
        passes = sum(1 + len(product.factors) for product in products)
        self.cost = waves * (WAVE + PASS) + passes * PASS
        self.rows = len(factors) + 2

    def __call__(self, points: Tensor, out: Sequence[Tensor], scratch: Scratch) -> None:
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

    def _evaluate(self, factor: Factor, points: Tensor, total: Tensor, scratch: Scratch) -> Tensor:
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
