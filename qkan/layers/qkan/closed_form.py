r"""The Fourier coefficients of one-wire edges in closed form, without PennyLane; all edges run at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from circuits.bloch import BlochProgram
from qkan.layers.precision import backward_without_autocast
from qkan.layers.qkan.bloch_series import bloch_series
from qkan.layers.qkan.row_program import RowProgram
from qkan.layers.written_gradient import differentiable_gradient, traced

__all__ = ["ClosedForm"]

_CHUNK = 2**15
"""With more edges than this, so many run together, and their rows are computed again for the gradient."""


class ClosedForm:
    """From the weights of many edges to their Fourier coefficients.

    Args:
        program: The gates of the edges' circuit; at least one angle depends on a weight.
        degree: Its Fourier degree, at least 1.
    """

    def __init__(self, program: BlochProgram, degree: int):
        self._rows = RowProgram(bloch_series(program, degree))
        self._casts: dict[tuple[torch.dtype, torch.device], RowProgram] = {}
        matrix, constants = torch.from_numpy(program.weights), torch.from_numpy(program.constants)
        plain = torch.equal(matrix, torch.eye(len(matrix), dtype=torch.float64))
        self._weights = None if plain else matrix
        self._constants = constants.unsqueeze(1) if constants.any() else None

    def __call__(self, weights: Sequence[Tensor]) -> Tensor:
        """Return the coefficients of 1, cos, sin, cos 2, ... of the scaled input.

        Args:
            weights: In the circuit's order.

        Shape:
            - weights: ``(*shape, edges)``
            - result: ``(2 degree + 1, edges)``
        """
        flat = [weight.reshape(-1, weight.shape[-1]) for weight in weights]
        angles = flat[0] if len(flat) == 1 else torch.cat(flat)
        if self._weights is not None:
            angles = self._weights.to(angles) @ angles
        if self._constants is not None:
            angles = angles + self._constants.to(angles)
        if traced():
            return _plain(self._rows.to(angles.dtype, angles.device), angles)
        result: Tensor = _Coefficients.apply(angles, self._cast(angles.dtype, angles.device))
        return result

    def _cast(self, dtype: torch.dtype, device: torch.device) -> RowProgram:
        """Return the rows with their constants in a dtype and on a device; kept, for casts add up."""
        if (dtype, device) not in self._casts:
            self._casts[dtype, device] = self._rows.to(dtype, device)
        return self._casts[dtype, device]


def _plain(rows: RowProgram, angles: Tensor) -> Tensor:
    return rows.plain(torch.cat([angles.cos(), angles.sin()]))


class _Coefficients(torch.autograd.Function):
    """The coefficients with the gradient that is written out; its own gradient is autograd's."""

    @staticmethod
    def forward(ctx: Any, angles: Tensor, rows: RowProgram) -> Tensor:
        trig = angles.new_empty(2, *angles.shape)
        torch.cos(angles, out=trig[0])
        torch.sin(angles, out=trig[1])
        result = angles.new_empty(rows.num_outputs, angles.shape[1])
        flat = trig.flatten(0, 1)
        made = None
        for part in _parts(angles):
            made = rows.run(flat[:, part], result[:, part])
        ctx.rows = rows
        ctx.save_for_backward(angles, trig, made if angles.shape[1] <= _CHUNK else None)
        return result

    @staticmethod
    @backward_without_autocast
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        angles, trig, made = ctx.saved_tensors
        rows: RowProgram = ctx.rows
        if torch.is_grad_enabled():
            return *differentiable_gradient(partial(_plain, rows), [angles], upstream), None
        result = torch.empty_like(angles)
        flat = trig.flatten(0, 1)
        for part in _parts(angles):
            given, above = flat[:, part], upstream[:, part]
            again = rows.run(given, torch.empty_like(above)) if made is None else made
            by_cos, by_sin = rows.gradient(given, again, above).chunk(2)
            cos, sin = trig[:, :, part]
            torch.mul(by_sin, cos, out=result[:, part]).addcmul_(by_cos, sin, value=-1)
        return result, None


def _parts(angles: Tensor) -> list[slice]:
    return [slice(start, start + _CHUNK) for start in range(0, angles.shape[1], _CHUNK)]
