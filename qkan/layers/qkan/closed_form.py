r"""The Fourier coefficients of one-wire edges in closed form, without PennyLane.

With :math:`v(x)` the Bloch vector of an edge's state and :math:`o(x)` the observable, pulled back to where the two
meet, the edge is :math:`\phi(x) = o_0 + o(x) \cdot v(x)`; its coefficients are the discrete Fourier transform of its
values at 2d + 1 nodes. All edges run at once.

The gradient is written out, and computes the vectors again instead of remembering them: the gradient of the angle of a
rotation about axis p is :math:`\sum_j G_j \cdot (e_p \times v_j)`, with v the vector behind it and G its gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import torch
from torch import Tensor

from circuits import fourier
from circuits.bloch import BlochProgram
from qkan.layers.qkan.bloch_steps import Chain, Mix, Turn, chains
from qkan.layers.qkan.product import traced

__all__ = ["ClosedForm"]

Vector = tuple[Tensor | None, Tensor | None, Tensor | None]
"""The components x, y, z, each ``(nodes, edges or 1)``, or None where it is zero for every edge."""

Rows = tuple[tuple[Tensor, ...], tuple[Tensor, ...]]
"""The cosines and the sines of the angles, row by row."""

_CHUNK = 2**15
"""So many edges are computed together, which bounds the memory."""

_REMEMBERED = 2**13
"""With no more edges than this, the vectors are remembered for the gradient; else they are computed again."""

_ALL = (True, True, True)


class ClosedForm:
    """From the weights of many edges to their Fourier coefficients.

    Args:
        program: The gates of the edges' circuit; at least one angle depends on a weight.
        degree: Its Fourier degree, at least 1.
    """

    def __init__(self, program: BlochProgram, degree: int):
        self._chains: tuple[Chain, ...] = chains(program, degree)
        self._casts: dict[tuple[torch.dtype, torch.device], ClosedForm] = {}
        self._offset = program.observable[0]
        identity = torch.eye(2 * degree + 1, dtype=torch.float64)
        self._analysis: Tensor = fourier.coefficients(identity, [degree]).T.contiguous()
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
            return self.coefficients(angles.cos(), angles.sin())
        result: Tensor = _Coefficients.apply(angles, self._like(angles))
        return result

    def _like(self, tensor: Tensor) -> ClosedForm:
        """Return this with its constants in a tensor's dtype and on its device; kept, for casts add up."""
        key = tensor.dtype, tensor.device
        if key not in self._casts:
            cast = copy(self)
            cast._chains = tuple(chain.to(*key) for chain in self._chains)
            cast._analysis = self._analysis.to(tensor)
            self._casts[key] = cast
        return self._casts[key]

    def coefficients(self, cos: Tensor, sin: Tensor) -> Tensor:
        """Return the coefficients from the cosines and sines of the angles, by differentiable operations."""
        return self.read_out(self.run((cos.unbind(), sin.unbind())))

    def run(self, rows: Rows) -> list[list[Vector]]:
        """Return, for the state and for the observable, the vector behind each step."""
        return [_run(chain, rows) for chain in self._chains]

    def trails(self, parts: Sequence[Tensor | None]) -> list[list[Vector]]:
        """Return what :meth:`run` returned, from its components in a row."""
        vectors = iter([_vector(parts[k : k + 3]) for k in range(0, len(parts), 3)])
        return [[next(vectors) for _ in range(len(c.steps) + 1)] for c in self._chains]

    def read_out(self, trails: list[list[Vector]]) -> Tensor:
        """Return the coefficients from the vectors where state and observable meet."""
        values: Tensor | None = None
        for a, b in zip(*(trail[-1] for trail in trails), strict=True):
            if a is not None and b is not None:
                values = a * b if values is None else torch.addcmul(values, a, b)
        assert values is not None  # a circuit whose value is always 0 has degree 0
        if self._offset:
            values = values + self._offset
        result: Tensor = self._analysis.to(values) @ values
        return result

    def gradient(
        self, rows: Rows, trails: list[list[Vector]], upstream: Tensor, out: Tensor
    ) -> None:
        """Write the gradient with respect to the angles into ``out``."""
        at_nodes = self._analysis.T.to(upstream) @ upstream
        ends = [trail[-1] for trail in trails]
        by_angle: dict[int, Tensor] = {}
        for chain, trail, other in zip(self._chains, trails, reversed(ends), strict=True):
            toward = [
                torch.zeros_like(at_nodes) if part is None else at_nodes * part for part in other
            ]
            _pull_back(chain, toward, trail, rows, by_angle)
        torch.stack([by_angle[row] for row in range(len(out))], out=out)


def _run(chain: Chain, rows: Rows) -> list[Vector]:
    cos, sin = rows
    vector = _vector([None if part is None else part.to(cos[0]) for part in chain.start])
    trail = [vector]
    for step in chain.steps:
        if isinstance(step, Turn):
            vector = _turn(vector, step.axis, cos[step.row], sin[step.row], step.sign)
        else:
            vector = _mix(step.matrix, vector, _ALL)
        trail.append(vector)
    return trail


def _pull_back(
    chain: Chain,
    toward: Sequence[Tensor],
    trail: list[Vector],
    rows: Rows,
    by_angle: dict[int, Tensor],
) -> None:
    """Put the gradient of each of the chain's angles into ``by_angle``."""
    cos, sin = rows
    gradient = _vector(toward)
    for index in range(len(chain.steps) - 1, -1, -1):
        step, vector = chain.steps[index], trail[index + 1]
        if isinstance(step, Mix):
            gradient = _mix(step.matrix.T, gradient, step.alive)
            continue
        first, second = (step.axis + 1) % 3, (step.axis + 2) % 3
        if step.sign < 0:
            first, second = second, first
        slope = _difference(gradient[second], vector[first], gradient[first], vector[second], 1.0)
        if slope is None:
            slope = torch.zeros_like(cos[step.row]).unsqueeze(0)
        by_angle[step.row] = slope.sum(0) if len(slope) > 1 else slope[0]
        if index > 0:
            gradient = _turn(gradient, step.axis, cos[step.row], sin[step.row], -step.sign)


def _turn(vector: Vector, axis: int, cos: Tensor, sin: Tensor, sign: float) -> Vector:
    """Rotate about an axis by the angles with these cosines and sines; undo it if the sign is -1."""
    first, second = (axis + 1) % 3, (axis + 2) % 3
    q, r = vector[first], vector[second]
    turned = list(vector)
    turned[first] = _difference(q, cos, r, sin, sign)
    turned[second] = _difference(r, cos, q, sin, -sign)
    return _vector(turned)


def _difference(
    a: Tensor | None, b: Tensor | None, c: Tensor | None, d: Tensor | None, sign: float
) -> Tensor | None:
    """Return ``a b - sign c d``, where None is zero."""
    if c is None or d is None:
        return None if a is None or b is None else a * b
    if a is None or b is None:
        return c * d if sign < 0 else -c * d
    return torch.addcmul(a * b, c, d, value=-sign)


def _mix(matrix: Tensor, vector: Vector, alive: Sequence[bool]) -> Vector:
    """Apply a constant matrix, from the components that are there to those that are ``alive``."""
    parts = [part for part in vector if part is not None]
    edges = max(part.shape[-1] for part in parts)
    mixed = matrix.to(parts[0]) @ torch.cat([part.expand(-1, edges) for part in parts])
    rows = iter(mixed.view(sum(alive), -1, edges).unbind())
    return _vector([next(rows) if there else None for there in alive])


def _vector(parts: Sequence[Tensor | None]) -> Vector:
    x, y, z = parts
    return x, y, z


class _Coefficients(torch.autograd.Function):
    """The coefficients with the gradient that is written out; its own gradient is autograd's."""

    @staticmethod
    def forward(ctx: Any, angles: Tensor, form: ClosedForm) -> Tensor:
        cos, sin = angles.cos(), angles.sin()
        ctx.form = form
        if angles.shape[1] <= _REMEMBERED:
            trails = form.run((cos.unbind(), sin.unbind()))
            kept = [part for trail in trails for vector in trail for part in vector]
            ctx.save_for_backward(angles, cos, sin, *kept)
            return form.read_out(trails)
        ctx.save_for_backward(angles, cos, sin)
        pairs = zip(torch.split(cos, _CHUNK, dim=1), torch.split(sin, _CHUNK, dim=1), strict=True)
        return torch.cat([form.coefficients(*pair) for pair in pairs], dim=1)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        angles, cos, sin, *kept = ctx.saved_tensors
        if torch.is_grad_enabled():
            plain = ctx.form.coefficients(angles.cos(), angles.sin())
            return torch.autograd.grad(plain, angles, upstream, create_graph=True)[0], None
        result = torch.empty_like(angles)
        for start in range(0, angles.shape[1], _CHUNK):
            part = slice(start, start + _CHUNK)
            rows = cos[:, part].unbind(), sin[:, part].unbind()
            trails = ctx.form.trails(kept) if kept else ctx.form.run(rows)
            ctx.form.gradient(rows, trails, upstream[:, part], result[:, part])
        return result, None
