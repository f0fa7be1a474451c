r"""Trigonometric polynomials on a grid of nodes: coefficients, values and derivatives.

A real trigonometric polynomial of degree :math:`d_k` and scale :math:`s_k` in each of n inputs,

.. math:: f(x) = \sum_{j_1 \dots j_n} C_{j_1 \dots j_n} \prod_k \phi_{j_k}(s_k x_k), \qquad
          \phi = (1, \cos t, \sin t, \cos 2t, \sin 2t, \dots),

is fixed by its values on the :math:`\prod_k (2 d_k + 1)` equispaced nodes (Schreiber, Eisert, Meyer, Phys. Rev.
Lett. 131, 100803 (2023), arXiv:2206.11740). One implementation serves NumPy and torch, through the array API
standard; gradients flow through torch tensors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

__all__ = ["basis", "coefficients", "differentiate", "evaluate", "nodes"]

Array = Any
"""A NumPy array or a torch tensor."""

_CHUNK_BYTES = 2**25


def nodes(degrees: Sequence[int], scales: Sequence[float]) -> np.ndarray:
    r"""Return the nodes :math:`x_k = 2 \pi j / ((2 d_k + 1) s_k)` in row-major order.

    Args:
        degrees: The degree of each input.
        scales: The scale of each input, in 1/input.

    Shape:
        Result: ``(prod(2 d_k + 1), n)``.

    Example:
        >>> nodes([1], [2.0]).ravel() / np.pi
        array([0.        , 0.33333333, 0.66666667])
    """
    axes = [
        2 * math.pi * np.arange(2 * d + 1) / ((2 * d + 1) * s)
        for d, s in zip(degrees, scales, strict=True)
    ]
    if not axes:
        return np.zeros((1, 0))
    return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=-1)


def _analysis(degree: int) -> np.ndarray:
    """The matrix that takes values on the 2d + 1 nodes to coefficients of 1, cos, sin, cos 2, ..."""
    count = 2 * degree + 1
    phase = 2 * math.pi * np.arange(count) / count
    matrix = np.ones((count, count))
    for k in range(1, degree + 1):
        matrix[2 * k - 1] = 2 * np.cos(k * phase)
        matrix[2 * k] = 2 * np.sin(k * phase)
    return matrix / count


def coefficients(values: Array, degrees: Sequence[int]) -> Array:
    """Return the coefficients of the polynomials with these values on the nodes.

    Args:
        values: The values on the nodes of :func:`nodes`, in the same order.
        degrees: The degree of each input.

    Shape:
        - values: ``(..., prod(2 d_k + 1), m)``
        - result: ``(..., m, 2 d_1 + 1, ..., 2 d_n + 1)``

    Example:
        >>> grid = nodes([1], [1.0])
        >>> coefficients(3 + 2 * np.sin(grid), [1]).round(12) + 0.0
        array([[3., 0., 2.]])
    """
    xp = array_namespace(values)
    sizes = [2 * degree + 1 for degree in degrees]
    leading = values.shape[:-2]
    result = xp.reshape(xp.matrix_transpose(values), (*leading, values.shape[-1], *sizes))
    for degree in degrees:
        matrix = xp.asarray(_analysis(degree), dtype=values.dtype, device=device(values))
        # Each pass takes the first grid axis away and puts its coefficients last.
        result = xp.matmul(_move(result, len(leading) + 1, result.ndim - 1), matrix.T)
    return result


def basis(x: Array, degree: int, scale: float) -> Array:
    """Return 1, cos, sin, cos 2, sin 2, ... of ``scale * x``, stacked on a new first axis.

    Shape:
        - x: ``(...)``
        - result: ``(2 degree + 1, ...)``
    """
    xp = array_namespace(x)
    phase = scale * x
    if x.dtype == xp.float32:  # far from zero, a phase in float32 has no digits left
        exact = xp.remainder(scale * xp.astype(x, xp.float64), 2 * math.pi)
        phase = xp.astype(exact, x.dtype)
    rows = [xp.ones_like(x)]
    for k in range(1, degree + 1):
        rows += [xp.cos(k * phase), xp.sin(k * phase)]
    return xp.stack(rows)


def evaluate(coeffs: Array, x: Array, scales: Sequence[float]) -> Array:
    """Evaluate m polynomials of n inputs at M points, in bounded extra memory.

    The inputs are split into two groups. One matrix product contracts the second group's basis, one
    weighted sum the first's ("planes"): a 4-input polynomial of degree 1 is a product with a 9-column matrix.

    Args:
        coeffs: The coefficients of :func:`coefficients`.
        x: The points, one row an input.
        scales: The scale of each input.

    Shape:
        - coeffs: ``(m, 2 d_1 + 1, ..., 2 d_n + 1)``
        - x: ``(n, M)``
        - result: ``(m, M)``
    """
    xp = array_namespace(coeffs, x)
    outputs, *sizes = coeffs.shape
    first = len(sizes) // 2
    rows, columns = math.prod(sizes[:first]), math.prod(sizes[first:])
    matrix = xp.reshape(coeffs, (outputs * rows, columns))
    step = max(1, _CHUNK_BYTES // (8 * ((outputs + 1) * rows + columns)))
    parts = []
    for start in range(0, max(x.shape[1], 1), step):
        part = x[:, start : start + step]
        bases = [basis(part[k], (size - 1) // 2, scales[k]) for k, size in enumerate(sizes)]
        product = xp.matmul(matrix, _outer(bases[first:], part))
        if first:
            weighted = xp.reshape(product, (outputs, rows, -1)) * _outer(bases[:first], part)
            product = xp.sum(weighted, axis=1)
        parts.append(product)
    return parts[0] if len(parts) == 1 else xp.concat(parts, axis=1)


def _outer(bases: Sequence[Array], x: Array) -> Array:
    """Products of all combinations of basis functions at each point, shape ``(prod(sizes), M)``."""
    xp = array_namespace(x)
    if not bases:
        return xp.ones((1, x.shape[1]), dtype=x.dtype, device=device(x))
    result = bases[0]
    for factor in bases[1:]:
        result = xp.reshape(result[:, None, :] * factor[None, :, :], (-1, x.shape[1]))
    return result


def differentiate(coeffs: Array, axis: int, scale: float) -> Array:
    """Return the coefficients of the partial derivative with respect to input ``axis``.

    Example:
        >>> differentiate(np.array([[3.0, 0.0, 2.0]]), axis=0, scale=5.0)  # 3 + 2 sin 5x
        array([[ 0., 10.,  0.]])
    """
    xp = array_namespace(coeffs)
    size = coeffs.shape[axis + 1]
    matrix = np.zeros((size, size))
    for k in range(1, size // 2 + 1):
        matrix[2 * k - 1, 2 * k] = k * scale
        matrix[2 * k, 2 * k - 1] = -k * scale
    operator = xp.asarray(matrix, dtype=coeffs.dtype, device=device(coeffs))
    last = coeffs.ndim - 1
    return _move(xp.matmul(_move(coeffs, axis + 1, last), operator.T), last, axis + 1)


def _move(array: Array, source: int, target: int) -> Array:
    """Move an axis. A permutation, since torch cannot vmap its ``moveaxis``."""
    order = [axis for axis in range(array.ndim) if axis != source]
    order.insert(target, source)
    return array_namespace(array).permute_dims(array, order)
