r"""Expectation values whose gradient is measured: by the parameter shift of every angle that is trained.

One run makes the values of all rows, one more all their shifts; the rows are whatever is evaluated together: the nodes
of a series, for every edge of a layer. How the angles come from inputs and weights is recorded by torch,

.. math:: \frac{\partial f}{\partial \theta_j} = \sum_k \frac{\partial f}{\partial a_k}\,
          \frac{\partial a_k}{\partial \theta_j},

so that a weight may enter several gates, or through an expression; each gate is shifted alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pennylane as qml
import torch
from pennylane.operation import Operator
from torch import Tensor

from circuits import Circuit, CircuitError, UsageError
from circuits.angles import AngleForm, Recipe, angle_form, recipes_on
from circuits.backends import Backend
from qkan.layers.checks import backward_without_autocast, uncompiled
from qkan.layers.torch_layer import CircuitModule, CircuitTorchLayer

__all__ = ["ShiftedCircuit", "circuit_module"]

Rows = npt.NDArray[np.float64]


def circuit_module(
    circuit: Circuit, backend: Backend, weights: Mapping[str, Tensor], stream: int = 0
) -> CircuitModule:
    """Return the module that runs a circuit: PennyLane's where that gives gradients without shifts.

    It is taken, too, for circuits that are more than gates with angles, such as those that prepare a state.
    """
    if backend.gradient == "parameter-shift" and (backend.noise is None or _as_noisy(circuit)):
        with suppress(CircuitError):
            return ShiftedCircuit(circuit, backend, weights, stream)
    return CircuitTorchLayer(circuit, backend, weights, stream)


def _as_noisy(circuit: Circuit) -> bool:
    """Whether the gates with free angles are as many as those that noise is put behind."""
    rng = np.random.default_rng(0)
    point = rng.uniform(size=circuit.num_inputs), circuit.random_weights(rng)

    def count(gates: Sequence[Operator]) -> int:
        tape = qml.tape.QuantumScript(gates)
        (noisy,), _ = qml.noise.insert(tape, qml.PhaseDamping, 0.5, position="all")
        return len(noisy.operations)

    return count(circuit.apply(point[0], **point[1])) == count(circuit.gates(point[0], **point[1]))


class ShiftedCircuit(CircuitModule):
    """A circuit as a module on a backend that can only run it: samplers, noisy simulators, hardware.

    What is frozen is not shifted. With shots, values and gradients are unbiased and independent of each other.

    Raises:
        CircuitError: If the circuit is more than gates with angles.
    """

    def __init__(
        self, circuit: Circuit, backend: Backend, weights: Mapping[str, Tensor], stream: int = 0
    ):
        super().__init__(circuit, backend, weights, stream)
        self.form: AngleForm = angle_form(circuit)
        self._runs = 0

    @cached_property
    def recipes(self) -> tuple[Recipe | None, ...]:
        """The terms of each angle's derivative where the circuit runs."""
        return recipes_on(self.form, self.backend)

    @uncompiled
    def each(self, cases: Sequence[tuple[Tensor, Mapping[str, Tensor]]]) -> list[Tensor]:
        """Return the values of several weights, each at rows of its own, in one run."""
        angles: list[Tensor] = []
        trained = [False] * len(self.form.slots)
        for rows, weights in cases:
            # In float64, in which the backends compute; gradients come back in the weights' own dtype.
            exact = {name: weight.double() for name, weight in weights.items()}
            found = [
                torch.as_tensor(angle, dtype=torch.float64, device=rows.device)
                for angle in self.form.angles(rows.double(), exact)
            ]
            angles.append(torch.stack([angle.expand(len(rows)) for angle in found], dim=-1))
            trained = [a or angle.requires_grad for a, angle in zip(trained, found, strict=True)]
        known = self.recipes if any(trained) else self.form.recipes
        recipes = [recipe if shift else () for shift, recipe in zip(trained, known, strict=True)]
        values: Tensor = _Shift.apply(torch.cat(angles), recipes, self)
        sizes = [len(rows) for rows, _ in cases]
        return list(torch.split(values.to(cases[0][0].dtype), sizes))

    def run(self, angles: Rows) -> Rows:
        """Run the circuit at rows of angles, ``(N, num_angles)``, with samples of their own in each call.

        A backend that remembers results gives the same ones at the same angles.
        """
        # What is kept is known by what was asked for, not by when: a run that is resumed asks for the same.
        stream = (self.stream,) if self.backend.remembers else (self.stream, self._runs)
        self._runs += 1
        return self.backend.run(self.form.circuit, angles, stream=stream)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_runs": 0}


class _Shift(torch.autograd.Function):
    """Values of a circuit at rows of angles, (N, angles) -> (N, observables)."""

    @staticmethod
    def forward(
        angles: Tensor, recipes: Sequence[Recipe | None], circuit: ShiftedCircuit
    ) -> Tensor:
        for (gate, _), recipe in zip(circuit.form.slots, recipes, strict=True):
            if recipe is None:
                raise UsageError(
                    f"circuit {circuit.circuit.name!r}: {circuit.form.gates[gate].name} has no gradient recipe (its "
                    f"frequencies are unknown), so it cannot be trained on {circuit.backend.name!r}; decompose it "
                    "into rotations, freeze its weights, or train on 'default.qubit' without shots"
                )
        return _run(circuit, angles)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        angles, ctx.recipes, ctx.circuit = inputs
        ctx.save_for_backward(angles)

    @staticmethod
    def vmap(
        info: Any,
        in_dims: tuple[int | None, ...],
        angles: Tensor,
        recipes: Sequence[Recipe | None],
        circuit: ShiftedCircuit,
    ) -> tuple[Tensor, int]:
        rows = angles.movedim(in_dims[0] or 0, 0)
        values: Tensor = _Shift.apply(rows.flatten(0, 1), recipes, circuit)
        return values.reshape(info.batch_size, -1, values.shape[-1]), 0

    @staticmethod
    @backward_without_autocast
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():  # create_graph=True
            raise UsageError(
                f"{ctx.circuit.backend.name!r} differentiates by parameter shift, which has no second derivatives "
                "here (create_graph=True); take those of the inputs with evaluate='fourier', those of the weights on "
                "'default.qubit' without shots"
            )
        (angles,) = ctx.saved_tensors
        terms = [(k, *term) for k, recipe in enumerate(ctx.recipes) for term in recipe]
        shifted = angles.repeat(len(terms), 1, 1)
        for rows, (k, _, multiplier, shift) in zip(shifted, terms, strict=True):
            rows[:, k] = multiplier * rows[:, k] + shift
        values = _run(ctx.circuit, shifted.flatten(0, 1)).reshape(*shifted.shape[:2], -1)
        gradient = torch.zeros_like(angles)
        for by_term, (k, factor, _, _) in zip((values * upstream).sum(-1), terms, strict=True):
            gradient[:, k] += factor * by_term
        return gradient, None, None


def _run(circuit: ShiftedCircuit, angles: Tensor) -> Tensor:
    return torch.from_numpy(circuit.run(angles.detach().cpu().numpy())).to(angles.device)
