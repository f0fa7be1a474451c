r"""Sums of Fourier series over the inputs, with nothing of size batch x in x out.

Where all edges of an input see the same angle, the sum over edges and harmonics is one matrix product. Where each edge
scales its input, the product is made for one output after the other, forwards and again backwards.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from qkan.layers.checks import inside_transform

__all__ = ["harmonics", "per_edge_sum", "per_input_sum"]


def per_input_sum(angles: Tensor, coefficients: Tensor) -> Tensor:
    r"""Return :math:`y_{no} = \sum_{ik} C_{kio}\, \phi_k(t_{ni})`, with :math:`\phi` = cos, sin, cos 2, ...

    Shape:
        - angles: ``(N, in)``
        - coefficients: ``(2 degree, in, out)``
        - result: ``(N, out)``
    """
    return _features(angles, coefficients.shape[0] // 2) @ coefficients.flatten(0, 1)


def per_edge_sum(x: Tensor, scale: Tensor, shift: Tensor, coefficients: Tensor) -> Tensor:
    r"""Return :math:`y_{no} = \sum_{ik} C_{kio}\, \phi_k(a_{io} x_{ni} + b_{io})`.

    Shape:
        - x: ``(N, in)``
        - scale, shift: ``(in, out)``
        - coefficients: ``(2 degree, in, out)``
        - result: ``(N, out)``
    """
    if _traced():
        return _per_edge(x, scale, shift, coefficients)
    result: Tensor = _PerEdge.apply(x, scale, shift, coefficients)
    return result


def harmonics(angles: Tensor, degree: int) -> Tensor:
    """Return cos, sin, cos 2, sin 2, ... by differentiable operations; (N, in) -> (N, 2 degree, in)."""
    rows = []
    for k in range(1, degree + 1):
        rows += [torch.cos(k * angles), torch.sin(k * angles)]
    return torch.stack(rows, dim=1)


def _features(angles: Tensor, degree: int) -> Tensor:
    if _traced():
        return harmonics(angles, degree).flatten(1)
    result: Tensor = _Harmonics.apply(angles, degree)
    return result.flatten(1)


def _traced() -> bool:
    """Whether operations are being transformed, so that they must be plain and out of place."""
    return inside_transform() or torch.compiler.is_compiling()


def _fill(angles: Tensor, degree: int, out: Tensor) -> Tensor:
    """Write the harmonics, by the addition theorem; (N, 2 degree, in)."""
    cos, sin = out[:, 0], out[:, 1]
    torch.cos(angles, out=cos)
    torch.sin(angles, out=sin)
    for k in range(2, 2 * degree, 2):
        torch.mul(out[:, k - 2], cos, out=out[:, k]).addcmul_(out[:, k - 1], sin, value=-1)
        torch.mul(out[:, k - 1], cos, out=out[:, k + 1]).addcmul_(out[:, k - 2], sin)
    return out


def _slope(values: Tensor, weights: Tensor) -> Tensor:
    """Return the sum of ``weights`` times the derivatives of the harmonics with these ``values``."""
    total = values[:, 0] * weights[..., 1, :]
    total.addcmul_(values[:, 1], weights[..., 0, :], value=-1)
    for k in range(2, values.shape[1], 2):
        total.addcmul_(values[:, k], weights[..., k + 1, :], value=k // 2 + 1)
        total.addcmul_(values[:, k + 1], weights[..., k, :], value=-(k // 2 + 1))
    return total


class _Harmonics(torch.autograd.Function):
    """The harmonics, two transcendental functions an input; their second derivative is autograd's."""

    @staticmethod
    def forward(ctx: Any, angles: Tensor, degree: int) -> Tensor:
        values = _fill(angles, degree, angles.new_empty(len(angles), 2 * degree, angles.shape[1]))
        ctx.save_for_backward(angles, values)
        return values

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        angles, values = ctx.saved_tensors
        if torch.is_grad_enabled():
            plain = harmonics(angles, values.shape[1] // 2)
            return torch.autograd.grad(plain, angles, upstream, create_graph=True)[0], None
        return _slope(values, upstream), None


def _per_edge(x: Tensor, scale: Tensor, shift: Tensor, coefficients: Tensor) -> Tensor:
    """The sum by differentiable operations, of size N x in x out: for transforms and second derivatives."""
    count, inputs, outputs = len(x), *scale.shape
    angles = (x.unsqueeze(-1) * scale + shift).reshape(count, inputs * outputs)
    values = harmonics(angles, len(coefficients) // 2)
    products = values * coefficients.flatten(1)
    return products.sum(1).reshape(count, inputs, outputs).sum(1)


class _PerEdge(torch.autograd.Function):
    """The sum for one output at a time; backwards the harmonics are made again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, shift: Tensor, coefficients: Tensor) -> Tensor:
        ctx.save_for_backward(x, scale, shift, coefficients)
        columns = coefficients.flatten(0, 1).T.contiguous()
        values = x.new_empty(len(x), len(coefficients), x.shape[1])
        result = x.new_empty(len(x), scale.shape[1])
        for o, (a, b) in enumerate(zip(scale.T.contiguous(), shift.T.contiguous(), strict=True)):
            _fill(torch.addcmul(b, x, a), len(coefficients) // 2, values)
            result[:, o] = values.flatten(1) @ columns[o]
        return result

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors
        if torch.is_grad_enabled():
            wanted = [tensor for tensor in saved if tensor.requires_grad]
            found = iter(
                torch.autograd.grad(_per_edge(*saved), wanted, upstream, create_graph=True)
            )
            return tuple(next(found) if tensor.requires_grad else None for tensor in saved)
        x, scale, shift, coefficients = saved
        outputs = scale.shape[1]
        columns = coefficients.flatten(0, 1).T.contiguous().view(outputs, -1, x.shape[1])
        values = x.new_empty(len(x), len(coefficients), x.shape[1])
        by_x = torch.zeros_like(x)
        by_scale, by_shift = x.new_empty(outputs, x.shape[1]), x.new_empty(outputs, x.shape[1])
        by_coefficients = torch.empty_like(columns)
        for o, (a, b) in enumerate(zip(scale.T.contiguous(), shift.T.contiguous(), strict=True)):
            _fill(torch.addcmul(b, x, a), len(coefficients) // 2, values)
            by_coefficients[o] = (upstream[:, o] @ values.flatten(1)).view(columns[o].shape)
            slope = _slope(values, columns[o]).mul_(upstream[:, o, None])
            by_x.addcmul_(slope, a)
            torch.sum(slope, dim=0, out=by_shift[o])
            torch.sum(slope * x, dim=0, out=by_scale[o])
        back = by_coefficients.flatten(1).T.reshape(coefficients.shape)
        return by_x, by_scale.T, by_shift.T, back
