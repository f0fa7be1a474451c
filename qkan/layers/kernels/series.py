"""The evaluation of a whole series: for each block of observables the cheaper of two forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from circuits import FourierSeries
from qkan.layers.kernels.planes import PlanesKernel
from qkan.layers.kernels.products import ProductsKernel
from qkan.layers.kernels.scratch import Scratch

__all__ = ["SeriesKernel"]

_SCRATCH_BYTES = 2**23
"""What the buffers may take: larger ones leave the processor's cache, smaller ones cost more calls."""

_MOST_PRODUCTS = 64
"""Longer sums are not even looked for: to find all of them can take seconds."""


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
        self._scratch = Scratch(dtype, device)
        self._inputs = len(series.scales)
        self._kernels: list[ProductsKernel | PlanesKernel] = []
        for block, coefficients in zip(series.plan.blocks, series.coefficients, strict=True):
            scales = [series.scales[k] for k in block.inputs]
            planes = PlanesKernel(block, coefficients, scales, self._scratch)
            most = None if form == "products" else _MOST_PRODUCTS
            products = ProductsKernel(block, coefficients, scales, most)
            cheaper = "products" if products.cost <= planes.cost else "planes"
            self._kernels.append(products if (form or cheaper) == "products" else planes)

    @property
    def chunk(self) -> int:
        """The number of points that are best evaluated together."""
        rows = self._inputs + max(kernel.rows for kernel in self._kernels)
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
        flat = gathered.view(len(points), -1)
        for kernel in self._kernels:
            kernel(flat, out, self._scratch)
