"""Outputs by one matrix product over the second half of the inputs, and a weighted sum over the first."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from circuits.series import Block
from qkan.layers.kernels.costs import MULTIPLY_ADD, PASS, WAVE, WEIGHTED_SUM
from qkan.layers.kernels.scratch import Scratch

__all__ = ["PlanesKernel"]


class PlanesKernel:
    """Evaluate a block of observables over all combinations of harmonics.

    The same steps as :func:`circuits.fourier.evaluate`, in place.

    Args:
        block: The block.
        coefficients: Its coefficients.
        scales: The scale of each of the block's inputs.
        scratch: Gives dtype and device.
    """

    def __init__(
        self, block: Block, coefficients: Tensor, scales: Sequence[float], scratch: Scratch
    ):
        self._block = block
        self._scales = scales
        sizes = coefficients.shape[1:]
        self._sizes = tuple(int(size) for size in sizes)
        self._first = len(sizes) // 2
        self._rows = prod(sizes[: self._first])
        self._columns = prod(sizes[self._first :])
        matrix = coefficients.detach().reshape(-1, self._columns)
        self._matrix = matrix.to(dtype=scratch.dtype, device=scratch.device)
        self.cost = (
            sum(size - 1 for size in sizes) * (WAVE + PASS)
            + (self._rows + self._columns) * PASS
            + matrix.numel() * MULTIPLY_ADD
            + (len(block.outputs) * self._rows * WEIGHTED_SUM if self._first else 0)
        )

        self.rows = sum(self._sizes) + self._rows + self._columns + len(matrix) + 1

    def __call__(self, points: Tensor, out: Sequence[Tensor], scratch: Scratch) -> None:
        """Write the values at ``points`` (inputs of the circuit, M) into the block's rows of ``out``."""
        count = points.shape[1]
        outputs = len(self._block.outputs)
        bases = self._bases(points, scratch)
        product = scratch.get("product", outputs * self._rows, count)
        right = _outer("right", bases[self._first :], count, scratch)
        torch.mm(self._matrix, right, out=product)
        if self._first:
            left = _outer("left", bases[: self._first], count, scratch)
            weighted = product.view(outputs, self._rows, count).mul_(left)
            product = torch.sum(weighted, dim=1, out=scratch.get("sum", outputs, count))
        for row, output in zip(product, self._block.outputs, strict=True):
            out[output].copy_(row.view(out[output].shape))

    def _bases(self, points: Tensor, scratch: Scratch) -> list[Tensor]:
        count = points.shape[1]
        bases = []
        for axis, (size, scale) in enumerate(zip(self._sizes, self._scales, strict=True)):
            basis = scratch.get(f"basis {axis}", size, count)
            basis[0] = 1.0
            phase = scratch.get("phase", count)
            for k in range(1, size // 2 + 1):
                torch.mul(points[self._block.inputs[axis]], k * scale, out=phase)
                torch.cos(phase, out=basis[2 * k - 1])
                torch.sin(phase, out=basis[2 * k])
            bases.append(basis)
        return bases


def _outer(name: str, bases: Sequence[Tensor], count: int, scratch: Scratch) -> Tensor:
    """Products of all combinations of basis functions at each point, shape ``(prod(sizes), M)``."""
    if not bases:
        return scratch.get(name, 1, count).fill_(1.0)
    result = bases[0]
    for depth, factor in enumerate(bases[1:]):
        shape = (result.shape[0], factor.shape[0], count)
        buffer = scratch.get(f"{name} {depth}", *shape)
        result = torch.mul(result[:, None], factor, out=buffer).view(-1, count)
    return result
