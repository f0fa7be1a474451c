r"""Sums of Fourier series over the inputs, with nothing of size batch x in x out.

Where all edges of an input see the same angle, the sum over edges and harmonics is one matrix product. Where each edge
scales its input, the product is made for a few outputs after the other, forwards and again backwards. Both have a
gradient that is written out (it is half of a training step), whose own gradient is autograd's through the plain form.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from qkan.layers.checks import backward_without_autocast, traced

__all__ = ["LARGE", "differentiable_gradient", "harmonics", "phases", "series_sum"]

LARGE = 8.0
"""Where angles may be beyond this, they are reduced before float32 rounds them."""

_BLOCK = 2**17
"""Harmonics that are made at a time where edges share none: as many as stay in the processor's cache."""


def phases(
    x: Tensor, rate: Tensor | None = None, shift: Tensor | None = None, scale: float = 1.0
) -> Tensor:
    r"""Return the angles :math:`s (a x + b)`; in float32, large ones up to whole turns, made in float64.

    Args:
        x: The inputs.
        rate: a, broadcastable to the inputs; None for 1.
        shift: b, likewise; None for 0.
        scale: s.

    Example:
        >>> x = torch.tensor([1e6])
        >>> torch.allclose(phases(x, scale=5.0).cos(), (5 * x.double()).cos().float())
        True
    """
    return _angles(x, rate, shift, scale, exact=_large(x, rate, shift, scale))


def _angles(
    x: Tensor, rate: Tensor | None, shift: Tensor | None, scale: float, *, exact: bool
) -> Tensor:
    if exact:
        a, b = (None if t is None else t.double() for t in (rate, shift))
        angles = _angles(x.double(), a, b, scale, exact=False)
        turns = torch.round(angles.detach() / (2 * math.pi))
        return (angles - 2 * math.pi * turns).to(x.dtype)
    if rate is not None:
        x = x * rate if shift is None else torch.addcmul(shift, x, rate)
    return x if scale == 1 else scale * x


def _large(x: Tensor, rate: Tensor | None, shift: Tensor | None, scale: float) -> bool:
    """Whether float32 may round the angles by too much."""
    if x.dtype != torch.float32 or x.numel() == 0:
        return False
    if traced():  # there, no value can be looked at
        return True
    largest, a, b = (
        default if t is None else float(t.detach().abs().max())
        for t, default in ((x, 0.0), (rate, 1.0), (shift, 0.0))
    )
    return scale * (largest * a + b) > LARGE


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


def series_sum(
    x: Tensor, rate: Tensor | None, shift: Tensor | None, waves: Tensor, scale: float = 1.0
) -> Tensor:
    r"""Return :math:`y_{no} = \sum_{ik} C_{kio}\, \phi_k(s (a_{io} x_{ni} + b_{io}))` over cos, sin, cos 2, ....

    Args:
        x: The inputs.
        rate: a; None for 1.
        shift: b; None for 0.
        waves: C.
        scale: s.

    Shape:
        - x: ``(N, in)``
        - rate, shift: ``(in,)``, or ``(in, out)`` where edges have angles of their own
        - waves: ``(2 degree, in, out)``
        - result: ``(N, out)``
    """
    if traced():
        return _plain(x, rate, shift, waves, scale)
    kind = _PerEdge if rate is not None and rate.ndim == 2 else _Shared
    result: Tensor = kind.apply(x, rate, shift, waves, scale)
    return result


def _plain(
    x: Tensor, rate: Tensor | None, shift: Tensor | None, waves: Tensor, scale: float
) -> Tensor:
    """The sum by differentiable operations: for transforms and second derivatives."""
    if rate is None or rate.ndim == 1:
        values = harmonics(phases(x, rate, shift, scale).T, len(waves) // 2)
        return values.flatten(0, 1).T @ waves.flatten(0, 1)
    values = harmonics(phases(x.unsqueeze(-1), rate, shift, scale), len(waves) // 2)
    return torch.einsum("knio,kio->no", values, waves)


class _Shared(torch.autograd.Function):
    """The sum where all edges of an input share its angle."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *tensors: Any) -> Tensor:
        rate, shift, waves, ctx.scale = tensors
        # Samples in a row: sums over them, and the harmonics, then run over contiguous memory.
        columns = x.T.contiguous()
        a, b = (None if t is None else t.unsqueeze(1) for t in (rate, shift))
        angles = phases(columns, a, b, ctx.scale)
        values = _fill(angles, x.new_empty(len(waves), *columns.shape))
        ctx.save_for_backward(x, rate, shift, waves, values)
        return values.flatten(0, 1).mT.mm(waves.flatten(0, 1))

    @staticmethod
    @backward_without_autocast
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        *tensors, values = ctx.saved_tensors
        if torch.is_grad_enabled():
            return _second(tensors, ctx.scale, upstream)
        x, rate, shift, waves = tensors
        by_waves = (values.flatten(0, 1) @ upstream).view(waves.shape)
        if not any(ctx.needs_input_grad[:3]):
            return None, None, None, by_waves, None
        slope = _slope(values, (waves.flatten(0, 1) @ upstream.T).view_as(values))
        slope = slope if ctx.scale == 1 else slope.mul_(ctx.scale)
        by_shift = None if shift is None else slope.sum(1)
        by_rate = None if rate is None else (slope * x.T).sum(1)
        slope = slope if rate is None else slope.mul_(rate.unsqueeze(1))
        return slope.T, by_rate, by_shift, by_waves, None


class _PerEdge(torch.autograd.Function):
    """The sum where edges have angles of their own; backwards the harmonics are made again."""

    @staticmethod
    def forward(ctx: Any, *tensors: Any) -> Tensor:
        *saved, ctx.scale = tensors
        ctx.save_for_backward(*saved)
        x: Tensor = saved[0]
        result = x.new_empty(saved[-1].shape[-1], len(x))
        for some, values, weights in _blocks(saved, ctx.scale):
            rows = weights.flatten(1).unsqueeze(1)
            torch.bmm(rows, values.flatten(1, 2), out=result[some].unsqueeze(1))
        return result.T

    @staticmethod
    @backward_without_autocast
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            return _second(ctx.saved_tensors, ctx.scale, upstream)
        x, rate, shift, waves = ctx.saved_tensors
        columns, factors = x.T.contiguous(), rate.T.unsqueeze(-1)
        by_x, by_rate, by_shift = (torch.zeros_like(t) for t in (columns, rate.T, rate.T))
        by_waves = x.new_empty(rate.shape[1], *waves.shape[:2])
        for some, values, weights in _blocks(ctx.saved_tensors, ctx.scale):
            by_y = upstream.T[some].unsqueeze(1).contiguous()
            torch.bmm(values.flatten(1, 2), by_y.mT, out=by_waves[some].flatten(1).unsqueeze(-1))
            slope = _slope(values.transpose(0, 1), weights.transpose(0, 1).unsqueeze(-1))
            slope.mul_(by_y if ctx.scale == 1 else ctx.scale * by_y)
            for along, factor in zip(slope, factors[some], strict=True):
                by_x.addcmul_(along, factor)
            torch.sum(slope, dim=2, out=by_shift[some])
            torch.sum(slope.mul_(columns), dim=2, out=by_rate[some])
        found = by_rate.T, None if shift is None else by_shift.T, by_waves.permute(1, 2, 0)
        return by_x.T, *found, None


def _blocks(tensors: Sequence[Tensor], scale: float) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Yield some outputs, their harmonics, (outputs, 2 degree, in, N), and their coefficients."""
    x, rate, shift, waves = tensors
    columns, waves = x.T.contiguous(), waves.permute(2, 0, 1).contiguous()
    a, b = (None if t is None else t.T.unsqueeze(-1) for t in (rate, shift))
    exact = _large(x, rate, shift, scale)
    step = max(1, _BLOCK // max(1, waves[0].numel() * len(x)))
    values = x.new_empty(step, waves.shape[1], *columns.shape)
    for first in range(0, len(waves), step):
        some = slice(first, min(first + step, len(waves)))
        made = values[: some.stop - first]
        own = a[some], None if b is None else b[some]
        angles = _angles(columns, *own, scale, exact=exact)
        _fill(angles, made.transpose(0, 1))
        yield some, made, waves[some]


def _second(
    tensors: Sequence[Tensor | None], scale: float, upstream: Tensor
) -> tuple[Tensor | None, ...]:
    """Return the gradient of a sum with a gradient of its own."""
    return *differentiable_gradient(partial(_plain, scale=scale), tensors, upstream), None


def differentiable_gradient(
    plain: Callable[..., Tensor], inputs: Sequence[Tensor | None], up: Tensor
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
