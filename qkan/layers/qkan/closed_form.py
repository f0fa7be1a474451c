r"""The Fourier coefficients of one-wire edges in closed form, without PennyLane.

With :math:`v(x)` the Bloch vector of an edge's state and :math:`o(x)` the observable, pulled back to where the two
meet, the edge is :math:`\phi(x) = o_0 + o(x) \cdot v(x)`; its coefficients are the discrete Fourier transform of its
values at 2d + 1 nodes. All edges run at once.

The gradient is written out, and computes the vectors again instead of remembering them: the gradient of the angle of a
rotation about axis p is :math:`\sum_j G_j \cdot (e_p \times v_j)`, with v the vector behind it and G its gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from circuits import fourier
from circuits.bloch import BlochProgram
from qkan.layers.checks import inside_transform
from qkan.layers.qkan.bloch_steps import Chain, Mix, Turn, chains

__all__ = ["ClosedForm"]

Vector = tuple[Tensor, ...]
"""The components x, y, z, each ``(nodes, edges or 1)``."""

_CHUNK = 8192
"""Edges that are computed together: their vectors at all nodes then stay in the processor's cache."""


class ClosedForm:
    """From the weights of many edges to their Fourier coefficients.

    Args:
        program: The gates of the edges' circuit; at least one angle depends on a weight.
        degree: Its Fourier degree, at least 1.
    """

    def __init__(self, program: BlochProgram, degree: int):
        self._chains = chains(program, degree)
        self._offset = program.observable[0]
        self._analysis = fourier.coefficients(np.eye(2 * degree + 1), [degree]).T.copy()
        matrix = program.weights
        self._weights = None if np.array_equal(matrix, np.eye(len(matrix))) else matrix
        self._constants = program.constants[:, None] if program.constants.any() else None

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
            angles = constant(self._weights, angles) @ angles
        if self._constants is not None:
            angles = angles + constant(self._constants, angles)
        if inside_transform() or torch.compiler.is_compiling():
            return self.coefficients(angles.cos(), angles.sin())
        result: Tensor = _Coefficients.apply(angles, self)
        return result

    def coefficients(self, cos: Tensor, sin: Tensor) -> Tensor:
        """Return the coefficients from the cosines and sines of the angles, by differentiable operations."""
        rows = cos.unbind(), sin.unbind()
        (state, _), (observable, _) = (_run(chain, *rows) for chain in self._chains)
        values = state[0] * observable[0]
        for a, b in zip(state[1:], observable[1:], strict=True):
            values = torch.addcmul(values, a, b)
        if self._offset:
            values = values + self._offset
        return constant(self._analysis, values) @ values

    def gradient(self, cos: Tensor, sin: Tensor, upstream: Tensor, out: Tensor) -> None:
        """Write the gradient with respect to the angles into ``out``."""
        rows = cos.unbind(), sin.unbind()
        (state, state_trail), (observable, observable_trail) = (
            _run(chain, *rows) for chain in self._chains
        )
        at_nodes = constant(self._analysis.T, upstream) @ upstream
        toward_state = tuple(at_nodes * part for part in observable)
        toward_observable = tuple(at_nodes * part for part in state)
        by_angle: dict[int, Tensor] = {}
        _pull_back(self._chains[0], toward_state, state_trail, *rows, by_angle)
        _pull_back(self._chains[1], toward_observable, observable_trail, *rows, by_angle)
        torch.stack([by_angle[row] for row in range(len(cos))], out=out)


def constant(array: np.ndarray, like: Tensor) -> Tensor:
    """Return a constant of the dtype and on the device of a tensor."""
    return torch.from_numpy(array).to(like)


def _run(
    chain: Chain, cos: Sequence[Tensor], sin: Sequence[Tensor]
) -> tuple[Vector, list[Vector]]:
    """Return the vector at the end, and the one behind each rotation."""
    vector = constant(chain.start, cos[0]).view(3, -1, 1).unbind()
    trail = []
    for step in chain.steps:
        if isinstance(step, Turn):
            vector = _turn(vector, step.axis, cos[step.row], sin[step.row], step.sign)
            trail.append(vector)
        else:
            vector = _mix(step.matrix, vector)
    return vector, trail


def _pull_back(
    chain: Chain,
    gradient: Vector,
    trail: list[Vector],
    cos: Sequence[Tensor],
    sin: Sequence[Tensor],
    by_angle: dict[int, Tensor],
) -> None:
    """Put the gradient of each of the chain's angles into ``by_angle``."""
    for step in reversed(chain.steps):
        if isinstance(step, Mix):
            gradient = _mix(step.matrix.T, gradient)
            continue
        vector = trail.pop()
        first, second = (step.axis + 1) % 3, (step.axis + 2) % 3
        if step.sign < 0:
            first, second = second, first
        slope = gradient[second] * vector[first]
        slope = torch.addcmul(slope, gradient[first], vector[second], value=-1)
        by_angle[step.row] = slope.sum(0) if len(slope) > 1 else slope[0]
        gradient = _turn(gradient, step.axis, cos[step.row], sin[step.row], -step.sign)


def _turn(vector: Vector, axis: int, cos: Tensor, sin: Tensor, sign: float) -> Vector:
    """Rotate about an axis by the angles with these cosines and sines; undo it if the sign is -1."""
    first, second = (axis + 1) % 3, (axis + 2) % 3
    q, r = vector[first], vector[second]
    turned = list(vector)
    turned[first] = torch.addcmul(q * cos, r, sin, value=-sign)
    turned[second] = torch.addcmul(r * cos, q, sin, value=sign)
    return tuple(turned)


def _mix(matrix: np.ndarray, vector: Vector) -> Vector:
    """Apply a constant matrix to the components at all nodes."""
    if len({part.shape for part in vector}) > 1:
        vector = torch.broadcast_tensors(*vector)
    mixed = constant(matrix, vector[0]) @ torch.cat(vector)
    return mixed.view(3, -1, mixed.shape[-1]).unbind()


class _Coefficients(torch.autograd.Function):
    """The coefficients with the gradient that is written out; its own gradient is autograd's."""

    @staticmethod
    def forward(ctx: Any, angles: Tensor, form: ClosedForm) -> Tensor:
        cos, sin = angles.cos(), angles.sin()
        ctx.form = form
        ctx.save_for_backward(angles, cos, sin)
        pairs = zip(cos.split(_CHUNK, dim=1), sin.split(_CHUNK, dim=1), strict=True)
        parts = [form.coefficients(*pair) for pair in pairs]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        angles, cos, sin = ctx.saved_tensors
        if torch.is_grad_enabled():
            plain = ctx.form.coefficients(angles.cos(), angles.sin())
            return torch.autograd.grad(plain, angles, upstream, create_graph=True)[0], None
        result = torch.empty_like(angles)
        for start in range(0, angles.shape[1], _CHUNK):
            part = slice(start, start + _CHUNK)
            ctx.form.gradient(cos[:, part], sin[:, part], upstream[:, part], result[:, part])
        return result, None
