r"""Sums of Fourier series over the inputs, with nothing of size batch x in x out.

Where all edges of an input see the same angle, the sum over edges and harmonics is one matrix product. Where each edge
scales its input, the product is made for one output after the other, forwards and again backwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from qkan.layers.checks import inside_transform

__all__ = ["harmonics", "per_edge_sum", "per_input_sum", "traced"]


def per_input_sum(
    angles: Tensor, coefficients: Tensor, weight: Tensor | None, bias: Tensor | None
) -> Tensor:
    r"""Return :math:`y_{no} = \sum_i w_{io} \bigl( \sum_k C_{kio}\, \phi_k(t_{ni}) + c_{io} \bigr)`.

    Shape:
        - angles: ``(N, in)``, already scaled
        - coefficients: ``(2 degree + 1, in, out)`` of :math:`\phi` = 1, cos, sin, cos 2, ...
        - weight, bias: ``(in, out)``, or None for 1 and 0
        - result: ``(N, out)``
    """
    if traced():
        return _per_input(angles, coefficients, weight, bias)
    result: Tensor = _PerInput.apply(angles, coefficients, weight, bias)
    return result


def per_edge_sum(x: Tensor, scale: Tensor, shift: Tensor, coefficients: Tensor) -> Tensor:
    r"""Return :math:`y_{no} = \sum_{ik} C_{kio}\, \phi_k(a_{io} x_{ni} + b_{io})`.

    Shape:
        - x: ``(N, in)``
        - scale, shift: ``(in, out)``
        - coefficients: ``(2 degree, in, out)``
        - result: ``(N, out)``
    """
    if traced():
        return _per_edge(x, scale, shift, coefficients)
    result: Tensor = _PerEdge.apply(x, scale, shift, coefficients)
    return result


def harmonics(angles: Tensor, degree: int) -> Tensor:
    """Return cos, sin, cos 2, sin 2, ... by differentiable operations; (...) -> (2 degree, ...)."""
    rows = []
    for k in range(1, degree + 1):
        rows += [torch.cos(k * angles), torch.sin(k * angles)]
    return torch.stack(rows)


def traced() -> bool:
    """Whether operations are being transformed, so that they must be plain and out of place."""
    return inside_transform() or torch.compiler.is_compiling()


def _fill(angles: Tensor, out: Tensor) -> Tensor:
    """Write the harmonics of ``angles``, (...), into ``out``, (2 degree, ...), by the addition theorem."""
    cos, sin, *higher = out.unbind()
    torch.cos(angles, out=cos)
    torch.sin(angles, out=sin)
    a, b = cos, sin
    for c, d in zip(higher[::2], higher[1::2], strict=True):
        torch.mul(a, cos, out=c).addcmul_(b, sin, value=-1)
        torch.mul(b, cos, out=d).addcmul_(a, sin)
        a, b = c, d
    return out


def _slope(values: Tensor, weights: Tensor) -> Tensor:
    """Return the sum of ``weights`` times the derivatives of the harmonics with these ``values``."""
    rows, factors = values.unbind(), weights.unbind()
    total = rows[0] * factors[1]
    total.addcmul_(rows[1], factors[0], value=-1)
    for k in range(2, len(rows), 2):
        total.addcmul_(rows[k], factors[k + 1], value=k // 2 + 1)
        total.addcmul_(rows[k + 1], factors[k], value=-(k // 2 + 1))
    return total


def _per_input(
    angles: Tensor, coefficients: Tensor, weight: Tensor | None, bias: Tensor | None
) -> Tensor:
    """The sum by differentiable operations: for transforms and second derivatives."""
    first = torch.zeros_like(coefficients[:1]) if bias is None else bias.unsqueeze(0)
    shifted = torch.cat([coefficients[:1] + first, coefficients[1:]])
    weighted = shifted if weight is None else shifted * weight
    values = harmonics(angles.T, len(coefficients) // 2).flatten(0, 1)
    return torch.addmm(weighted[0].sum(0), values.T, weighted[1:].flatten(0, 1))


class _PerInput(torch.autograd.Function):
    """The sum with a gradient that is written out; its own gradient is autograd's."""

    @staticmethod
    def forward(
        ctx: Any,
        angles: Tensor,
        coefficients: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
    ) -> Tensor:
        count, inputs = angles.shape
        values = _fill(angles.T, angles.new_empty(len(coefficients) - 1, inputs, count))
        weighted = coefficients if weight is None else coefficients * weight
        constant = weighted[0].sum(0)
        if bias is not None:
            constant += (bias if weight is None else bias * weight).sum(0)
        ctx.save_for_backward(angles, values, coefficients, weight, bias)
        return torch.addmm(constant, values.flatten(0, 1).T, weighted[1:].flatten(0, 1))

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        angles, values, coefficients, weight, bias = ctx.saved_tensors
        inputs = (angles, coefficients, weight, bias)
        if torch.is_grad_enabled():
            return _differentiable(_per_input, inputs, upstream)
        total = upstream.sum(0)
        by_weighted = coefficients.new_empty(coefficients.shape)
        by_weighted[0] = total
        torch.mm(values.flatten(0, 1), upstream, out=by_weighted[1:].flatten(0, 1))
        by_weight = by_bias = by_angles = None
        if weight is not None:
            by_weight = (by_weighted * coefficients).sum(0)
            if bias is not None:
                by_weight.addcmul_(bias, total)
            by_coefficients = by_weighted.mul_(weight)
        else:
            by_coefficients = by_weighted
        if bias is not None:
            by_bias = by_coefficients[0].clone()
        if ctx.needs_input_grad[0]:
            weighted = coefficients[1:] if weight is None else coefficients[1:] * weight
            by_values = weighted.flatten(0, 1) @ upstream.T
            by_angles = _slope(values, by_values.view_as(values)).T
        return by_angles, by_coefficients, by_weight, by_bias


def _differentiable(
    plain: Callable[..., Tensor], inputs: Sequence[Tensor | None], upstream: Tensor
) -> tuple[Tensor | None, ...]:
    """Return the gradient by autograd through the plain form, so that it has a gradient itself."""
    wanted = [x for x in inputs if x is not None and x.requires_grad]
    found = iter(torch.autograd.grad(plain(*inputs), wanted, upstream, create_graph=True))
    return tuple(next(found) if x is not None and x.requires_grad else None for x in inputs)


def _per_edge(x: Tensor, scale: Tensor, shift: Tensor, coefficients: Tensor) -> Tensor:
    """The sum by differentiable operations, of size N x in x out: for transforms and second derivatives."""
    values = harmonics(x.unsqueeze(-1) * scale + shift, len(coefficients) // 2)
    return torch.einsum("knio,kio->no", values, coefficients)


class _PerEdge(torch.autograd.Function):
    """The sum for one output at a time; backwards the harmonics are made again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, shift: Tensor, coefficients: Tensor) -> Tensor:
        ctx.save_for_backward(x, scale, shift, coefficients)
        values = x.new_empty(len(coefficients), *x.T.shape)
        result = x.new_empty(scale.shape[1], len(x))
        for o, (angles, weights) in enumerate(
            _outputs(x.T.contiguous(), scale, shift, coefficients)
        ):
            _fill(angles, values)
            torch.mv(values.flatten(0, 1).T, weights.flatten(), out=result[o])
        return result.T

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors
        if torch.is_grad_enabled():
            return _differentiable(_per_edge, saved, upstream)
        x, scale, shift, coefficients = saved
        columns, factors = x.T.contiguous(), scale.T.contiguous()
        values = x.new_empty(len(coefficients), *columns.shape)
        by_x = torch.zeros_like(columns)
        by_scale, by_shift = torch.empty_like(factors), torch.empty_like(factors)
        by_coefficients = x.new_empty(len(factors), *coefficients.shape[:2])
        for o, (angles, weights) in enumerate(_outputs(columns, scale, shift, coefficients)):
            _fill(angles, values)
            by_y = upstream[:, o].contiguous()
            torch.mv(values.flatten(0, 1), by_y, out=by_coefficients[o].flatten())
            slope = _slope(values, weights).mul_(by_y)
            by_x.addcmul_(slope, factors[o, :, None])
            torch.sum(slope, dim=1, out=by_shift[o])
            torch.sum(slope.mul_(columns), dim=1, out=by_scale[o])
        return by_x.T, by_scale.T, by_shift.T, by_coefficients.permute(1, 2, 0)


def _outputs(
    columns: Tensor, scale: Tensor, shift: Tensor, coefficients: Tensor
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield for each output the angles, (in, N), and the coefficients, (2 degree, in, 1)."""
    weights = coefficients.permute(2, 0, 1).contiguous().unsqueeze(-1)
    pairs = zip(scale.T.contiguous(), shift.T.contiguous(), strict=True)
    for o, (a, b) in enumerate(pairs):
        yield torch.addcmul(b.unsqueeze(1), columns, a.unsqueeze(1)), weights[o]
