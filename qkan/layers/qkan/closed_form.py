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

Vector = list[Tensor]
"""The components x, y, z, each ``(nodes, edges or 1)``."""


class ClosedForm:
    """From the weights of many edges to their Fourier coefficients.

    Args:
        program: The gates of the edges' circuit; at least one angle depends on a weight.
        degree: Its Fourier degree, at least 1.
    """

    def __init__(self, program: BlochProgram, degree: int):
        self._state, self._observable = chains(program, degree)
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
            angles = _constant(self._weights, angles) @ angles
        if self._constants is not None:
            angles = angles + _constant(self._constants, angles)
        if inside_transform() or torch.compiler.is_compiling():
            return self.coefficients(angles)
        result: Tensor = _Coefficients.apply(angles, self)
        return result

    def coefficients(self, angles: Tensor) -> Tensor:
        """Return the coefficients by differentiable operations; the reference of the written gradient."""
        return self.evaluate(angles.cos(), angles.sin())

    def evaluate(self, cos: Tensor, sin: Tensor) -> Tensor:
        """Return the coefficients from the cosines and sines of the angles."""
        state = _run(self._state, cos, sin)[0]
        observable = _run(self._observable, cos, sin)[0]
        values = (state * observable).view(3, -1, cos.shape[-1]).sum(0)
        if self._offset:
            values = values + self._offset
        return _constant(self._analysis, values) @ values

    def gradient(self, cos: Tensor, sin: Tensor, upstream: Tensor) -> Tensor:
        """Return the gradient with respect to the angles."""
        state, state_trail = _run(self._state, cos, sin)
        observable, observable_trail = _run(self._observable, cos, sin)
        at_nodes = (_constant(self._analysis.T, upstream) @ upstream).repeat(3, 1)
        result = torch.zeros_like(cos)
        _pull_back(self._state, at_nodes * observable, state_trail, (cos, sin), result)
        _pull_back(self._observable, at_nodes * state, observable_trail, (cos, sin), result)
        return result


def _run(chain: Chain, cos: Tensor, sin: Tensor) -> tuple[Tensor, list[Vector]]:
    """Return the vector at the end, (3 nodes, edges), and the one behind each rotation."""
    vector = list(_constant(chain.start, cos).view(3, -1, 1))
    trail = []
    for step in chain.steps:
        if isinstance(step, Turn):
            vector = _turn(vector, step.axis, cos[step.row], step.sign * sin[step.row])
            trail.append(vector)
        else:
            vector = list((_constant(step.matrix, cos) @ _joined(vector)).chunk(3))
    return _joined(vector), trail


def _pull_back(
    chain: Chain,
    gradient: Tensor,
    trail: list[Vector],
    angles: tuple[Tensor, Tensor],
    result: Tensor,
) -> None:
    """Add the gradient of each of the chain's angles to its row of ``result``."""
    cos, sin = angles
    parts = list(gradient.chunk(3))
    for step in reversed(chain.steps):
        if isinstance(step, Mix):
            parts = list((_constant(step.matrix.T, cos) @ _joined(parts)).chunk(3))
            continue
        vector = trail.pop()
        first, second = (step.axis + 1) % 3, (step.axis + 2) % 3
        slope = parts[second] * vector[first]
        slope = torch.addcmul(slope, parts[first], vector[second], value=-1)
        result[step.row].add_(slope.sum(0), alpha=step.sign)
        parts = _turn(parts, step.axis, cos[step.row], -step.sign * sin[step.row])


def _turn(vector: Vector, axis: int, cos: Tensor, sin: Tensor) -> Vector:
    """Rotate about an axis by the angles with these cosines and sines."""
    first, second = (axis + 1) % 3, (axis + 2) % 3
    q, r = vector[first], vector[second]
    result = list(vector)
    result[first] = torch.addcmul(q * cos, r, sin, value=-1)
    result[second] = torch.addcmul(r * cos, q, sin)
    return result


def _joined(vector: Vector) -> Tensor:
    """Return the components below each other, (3 nodes, edges)."""
    return torch.cat(torch.broadcast_tensors(*vector))


def _constant(array: np.ndarray, like: Tensor) -> Tensor:
    return torch.from_numpy(array).to(like)


class _Coefficients(torch.autograd.Function):
    """The coefficients with the gradient that is written out; its own gradient is autograd's."""

    @staticmethod
    def forward(ctx: Any, angles: Tensor, form: ClosedForm) -> Tensor:
        ctx.form = form
        cos, sin = angles.cos(), angles.sin()
        ctx.save_for_backward(angles, cos, sin)
        return form.evaluate(cos, sin)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        angles, cos, sin = ctx.saved_tensors
        if torch.is_grad_enabled():
            (result,) = torch.autograd.grad(
                ctx.form.coefficients(angles), angles, upstream, create_graph=True
            )
            return result, None
        return ctx.form.gradient(cos, sin, upstream), None
