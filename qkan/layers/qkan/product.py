r"""Sums of Fourier series over the inputs, with nothing of size batch x in x out.

Where all edges of an input see the same angle, the sum over edges and harmonics is one matrix product. Where each edge
scales its input, the product is made for one output after the other, forwards and again backwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from qkan.layers.precision import backward_without_autocast
from qkan.layers.written_gradient import differentiable_gradient, traced

__all__ = ["harmonics", "per_edge_sum", "per_input_sum"]


def per_input_sum(
    x: Tensor,
    scale: Tensor | None,
    shift: Tensor | None,
    coefficients: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    base: Tensor | None,
    base_weight: Tensor | None,
) -> Tensor:
    r"""Return the outputs of a layer whose edges share the angles of an input.

    .. math::
        y_{no} = \sum_i w_{io} \Bigl( \sum_k C_{kio}\, \phi_k(a_i x_{ni} + b_i) + c_{io} \Bigr) + v_{io} B_{ni}

    Shape:
        - x: ``(N, in)``
        - scale, shift: ``(in,)``, or both None for 1 and 0
        - coefficients: ``(2 degree + 1, in, out)`` of :math:`\phi` = 1, cos, sin, cos 2, ...
        - weight, bias: ``(in, out)``, or None for 1 and 0
        - base, base_weight: ``(N, in)`` and ``(in, out)``, or both None
        - result: ``(N, out)``
    """
    arguments = (x, scale, shift, coefficients, weight, bias, base, base_weight)
    if traced():
        return _per_input(*arguments)
    result: Tensor = _PerInput.apply(*arguments)
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
    x: Tensor,
    scale: Tensor | None,
    shift: Tensor | None,
    coefficients: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    base: Tensor | None,
    base_weight: Tensor | None,
) -> Tensor:
    """The sum by differentiable operations: for transforms and second derivatives."""
    angles = x if scale is None or shift is None else torch.addcmul(shift, x, scale)
    first = torch.zeros_like(coefficients[:1]) if bias is None else bias.unsqueeze(0)
    shifted = torch.cat([coefficients[:1] + first, coefficients[1:]])
    weighted = shifted if weight is None else shifted * weight
    values = harmonics(angles.T, len(coefficients) // 2).flatten(0, 1)
    y = torch.addmm(weighted[0].sum(0), values.T, weighted[1:].flatten(0, 1))
    return y if base is None or base_weight is None else torch.addmm(y, base, base_weight)


class _PerInput(torch.autograd.Function):
    """The sum with a gradient that is written out; its own gradient is autograd's.

    The features of a sample are the harmonics of its inputs, behind the base functions if there are any: their weights
    take the place of the constant coefficients, so that one product does for both.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        scale: Tensor | None,
        shift: Tensor | None,
        coefficients: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        base: Tensor | None,
        base_weight: Tensor | None,
    ) -> Tensor:
        start = 1 if base is None else 0
        # Samples in a row: sums over them, and the harmonics, then run over contiguous memory.
        features = x.new_empty(len(coefficients) - start, *x.T.shape)
        if base is not None:
            features[0] = base.T
        angles = x.T
        if scale is not None and shift is not None:
            angles = torch.addcmul(
                shift.unsqueeze(1), angles, scale.unsqueeze(1), out=torch.empty_like(features[0])
            )
        _fill(angles, features[1 - start :])
        weighted = coefficients * (1 if weight is None else weight)
        constant = weighted[0].sum(0)
        if bias is not None:
            constant += (bias if weight is None else bias * weight).sum(0)
        if base_weight is not None:
            weighted[0] = base_weight
        ctx.save_for_backward(
            x, scale, shift, coefficients, weight, bias, base, base_weight, features
        )
        return torch.addmm(constant, features.flatten(0, 1).T, weighted[start:].flatten(0, 1))

    @staticmethod
    @backward_without_autocast
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        *inputs, features = ctx.saved_tensors
        if torch.is_grad_enabled():
            return differentiable_gradient(_per_input, inputs, upstream)
        x, scale, _, coefficients, weight, bias, _, base_weight = inputs
        waves = features[len(features) % 2 :]
        total = upstream.sum(0)
        by_x = by_scale = by_shift = by_weight = by_bias = by_base = by_base_weight = None
        by_coefficients = coefficients.new_empty(
            coefficients.shape
        )  # contiguous, to be written flat
        by_features = by_coefficients[len(coefficients) - len(features) :]
        torch.mm(features.flatten(0, 1), upstream, out=by_features.flatten(0, 1))
        if base_weight is not None:
            by_base_weight = by_coefficients[0].clone()
            by_base = upstream @ base_weight.T if ctx.needs_input_grad[6] else None
        by_coefficients[0] = total
        if weight is not None:
            by_weight = (by_coefficients * coefficients).sum(0)
            if bias is not None:
                by_weight.addcmul_(bias, total)
            by_coefficients.mul_(weight)
        if bias is not None:
            by_bias = by_coefficients[0].clone()
        if any(ctx.needs_input_grad[:3]):
            weighted = coefficients[1:] if weight is None else coefficients[1:] * weight
            by_waves = weighted.flatten(0, 1) @ upstream.T
            slope = _slope(waves, by_waves.view_as(waves))
            if scale is not None:
                by_shift, by_scale = slope.sum(1), (slope * x.T).sum(1)
                slope = slope.mul_(scale.unsqueeze(1))
            by_x = slope.T
        return (
            by_x,
            by_scale,
            by_shift,
            by_coefficients,
            by_weight,
            by_bias,
            by_base,
            by_base_weight,
        )


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
    @backward_without_autocast
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors
        if torch.is_grad_enabled():
            return differentiable_gradient(_per_edge, saved, upstream)
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
