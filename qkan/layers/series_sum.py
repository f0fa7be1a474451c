r"""Sums of Fourier series over the inputs, with nothing of size batch x in x out.

Where all edges of an input see the same angle, the sum over edges and harmonics is one matrix product. Where each edge
scales its input, the product is made for one output after the other, forwards and again backwards. Both have a gradient
that is written out (it is half of a training step), whose own gradient is autograd's through the plain form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from qkan.layers.checks import backward_without_autocast, traced

__all__ = ["SharedSum", "differentiable_gradient", "harmonics", "per_edge_sum"]


def harmonics(angles: Tensor, degree: int, dim: int = 0) -> Tensor:
    """Return cos, sin, cos 2, sin 2, ... by differentiable operations, stacked on a new axis ``dim``.

    Example:
        >>> harmonics(torch.zeros(3), 2, dim=1)[0]
        tensor([1., 0., 1., 0.])
    """
    shape = [degree] + [1] * (angles.ndim - dim)
    order = torch.arange(1, degree + 1, dtype=angles.dtype, device=angles.device).view(shape)
    multiples = angles.unsqueeze(dim) * order
    return torch.stack([multiples.cos(), multiples.sin()], dim + 1).flatten(dim, dim + 1)


class SharedSum(NamedTuple):
    r"""What a layer adds up whose edges share the angles of an input.

    .. math::
        y_{no} = \sum_i w_{io} \Bigl( \sum_k C_{kio}\, \phi_k(a_i x_{ni} + b_i) + c_{io} \Bigr) + v_{io} B_{ni}

    Attributes:
        x: The inputs, ``(N, in)``.
        scale: a, ``(in,)``; None for 1.
        shift: b, ``(in,)``; None for 0, together with ``scale``.
        coefficients: C of :math:`\phi` = 1, cos, sin, cos 2, ..., ``(2 degree + 1, in, out)``.
        factor: w, ``(in, out)``; None for 1.
        constant: c, ``(in, out)``; None for 0.
        base: B, ``(N, in)``, or None.
        base_weight: v, ``(in, out)``, together with ``base``.
    """

    x: Tensor
    scale: Tensor | None
    shift: Tensor | None
    coefficients: Tensor
    factor: Tensor | None = None
    constant: Tensor | None = None
    base: Tensor | None = None
    base_weight: Tensor | None = None

    def __call__(self) -> Tensor:
        """Return the outputs, ``(N, out)``."""
        result: Tensor = self.plain() if traced() else _SharedSum.apply(*self)
        return result

    def plain(self) -> Tensor:
        """Return the outputs by differentiable operations: for transforms and second derivatives."""
        C = self.coefficients
        angles = self.x
        if self.scale is not None and self.shift is not None:
            angles = torch.addcmul(self.shift, self.x, self.scale)
        if self.constant is not None:
            C = torch.cat([C[:1] + self.constant, C[1:]])
        C = C if self.factor is None else C * self.factor
        values = harmonics(angles.T, len(C) // 2).flatten(0, 1)
        y = torch.addmm(C[0].sum(0), values.T, C[1:].flatten(0, 1))
        if self.base is None or self.base_weight is None:
            return y
        return torch.addmm(y, self.base, self.base_weight)


class _SharedSum(torch.autograd.Function):
    """The sum with its gradient.

    The features of a sample are the harmonics of its inputs, behind the base functions if there are any: their weights
    take the place of the constant coefficients, so that one product does for both.
    """

    @staticmethod
    def forward(ctx: Any, *tensors: Tensor) -> Tensor:
        s = SharedSum(*tensors)
        start = 1 if s.base is None else 0
        # Samples in a row: sums over them, and the harmonics, then run over contiguous memory.
        features = s.x.new_empty(len(s.coefficients) - start, *s.x.T.shape)
        if s.base is not None:
            features[0] = s.base.T
        angles = s.x.T
        if s.scale is not None and s.shift is not None:
            a, b = s.scale.unsqueeze(1), s.shift.unsqueeze(1)
            angles = torch.addcmul(b, angles, a, out=torch.empty_like(features[0]))
        _fill(angles, features[1 - start :])
        weighted = s.coefficients * (1 if s.factor is None else s.factor)
        constant = weighted[0].sum(0)
        if s.constant is not None:
            constant += (s.constant if s.factor is None else s.constant * s.factor).sum(0)
        if s.base_weight is not None:
            weighted[0] = s.base_weight
        ctx.save_for_backward(*tensors, features)
        return torch.addmm(constant, features.flatten(0, 1).T, weighted[start:].flatten(0, 1))

    @staticmethod
    @backward_without_autocast
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        *tensors, features = ctx.saved_tensors
        if torch.is_grad_enabled():
            return differentiable_gradient(lambda *t: SharedSum(*t).plain(), tensors, upstream)
        s, wanted = SharedSum(*tensors), SharedSum(*ctx.needs_input_grad)
        total = upstream.sum(0)
        by_C = torch.empty_like(s.coefficients, memory_format=torch.contiguous_format)
        by_features = by_C[len(by_C) - len(features) :]
        torch.mm(features.flatten(0, 1), upstream, out=by_features.flatten(0, 1))
        found: dict[str, Tensor | None] = dict.fromkeys(SharedSum._fields)
        if s.base_weight is not None:
            found["base_weight"] = by_C[0].clone()
            found["base"] = upstream @ s.base_weight.T if wanted.base else None
        by_C[0] = total
        if s.factor is not None:
            by_factor = (by_C * s.coefficients).sum(0)
            found["factor"] = (
                by_factor if s.constant is None else by_factor.addcmul_(s.constant, total)
            )
            by_C.mul_(s.factor)
        if s.constant is not None:
            found["constant"] = by_C[0].clone()
        found["coefficients"] = by_C
        if wanted.x or wanted.scale or wanted.shift:
            weighted = s.coefficients[1:] if s.factor is None else s.coefficients[1:] * s.factor
            waves = features[len(features) % 2 :]
            by_waves = weighted.flatten(0, 1) @ upstream.T
            slope = _slope(waves, by_waves.view_as(waves))
            if s.scale is not None:
                found["shift"], found["scale"] = slope.sum(1), (slope * s.x.T).sum(1)
                slope = slope.mul_(s.scale.unsqueeze(1))
            found["x"] = slope.T
        return tuple(found.values())


def per_edge_sum(x: Tensor, scale: Tensor, shift: Tensor, coefficients: Tensor) -> Tensor:
    r"""Return :math:`y_{no} = \sum_{ik} C_{kio}\, \phi_k(a_{io} x_{ni} + b_{io})`, without a constant.

    Shape:
        - x: ``(N, in)``
        - scale, shift: ``(in, out)``
        - coefficients: ``(2 degree, in, out)``
        - result: ``(N, out)``
    """
    if traced():
        return _per_edge(x, scale, shift, coefficients)
    result: Tensor = _PerEdgeSum.apply(x, scale, shift, coefficients)
    return result


def _per_edge(x: Tensor, scale: Tensor, shift: Tensor, coefficients: Tensor) -> Tensor:
    """The sum by differentiable operations, of size N x in x out."""
    values = harmonics(x.unsqueeze(-1) * scale + shift, len(coefficients) // 2)
    return torch.einsum("knio,kio->no", values, coefficients)


class _PerEdgeSum(torch.autograd.Function):
    """The sum for one output at a time; backwards the harmonics are made again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, shift: Tensor, coefficients: Tensor) -> Tensor:
        ctx.save_for_backward(x, scale, shift, coefficients)
        values = x.new_empty(len(coefficients), *x.T.shape)
        result = x.new_empty(scale.shape[1], len(x))
        outputs = _outputs(x.T.contiguous(), scale, shift, coefficients)
        for o, (angles, weights) in enumerate(outputs):
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


def differentiable_gradient(
    plain: Callable[..., Tensor],
    inputs: tuple[Tensor | None, ...] | list[Tensor | None],
    up: Tensor,
) -> tuple[Tensor | None, ...]:
    """Return the gradient by autograd through the plain form, so that it has a gradient itself."""
    # Views, for an input may be a function of another one: its own gradient must not be counted there.
    views = [None if x is None else x.view_as(x) for x in inputs]
    wanted = [x for x in views if x is not None and x.requires_grad]
    found = iter(torch.autograd.grad(plain(*views), wanted, up, create_graph=True))
    return tuple(next(found) if x is not None and x.requires_grad else None for x in inputs)


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


def _outputs(
    columns: Tensor, scale: Tensor, shift: Tensor, coefficients: Tensor
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield for each output the angles, (in, N), and the coefficients, (2 degree, in, 1)."""
    weights = coefficients.permute(2, 0, 1).contiguous().unsqueeze(-1)
    pairs = zip(scale.T.contiguous(), shift.T.contiguous(), strict=True)
    for o, (a, b) in enumerate(pairs):
        yield torch.addcmul(b.unsqueeze(1), columns, a.unsqueeze(1)), weights[o]
