r"""A circuit with its gate angles for inputs: what is sent to a machine, and shifted there.

Inputs and weights reach a circuit only through the angles of its gates. With every angle free, circuits with other
inputs, weights and shifts are rows of one array: they run as one broadcast, or as one parameterised circuit with an
array of bindings, and the derivative of an expectation value by an angle is a sum of the same circuit's values,

.. math:: \frac{\partial f}{\partial a} = \sum_t c_t\, f(m_t a + s_t),

with two terms for a Pauli rotation and four for a controlled one.

Source: M. Schuld, V. Bergholm, C. Gogolin, J. Izaac, N. Killoran, Phys. Rev. A 99, 032331 (2019), arXiv:1811.11184;
D. Wierichs, J. Izaac, C. Wang, C. Y.-Y. Lin, Quantum 6, 677 (2022), arXiv:2107.12390, for several frequencies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.operation import Operator

from circuits.definition import Circuit
from circuits.errors import CircuitError
from circuits.spelling import spell
from circuits.tape import frequencies

__all__ = ["AngleForm", "Recipe", "angle_form"]

_SEED = 17
_RANGES = ((-3.0, 0.0), (0.0, 3.0), (-3.0, 3.0))
"""Of both signs, so that a branch shows."""

Recipe = tuple[tuple[float, float, float], ...]
"""The terms (factor, multiplier, shift) of a derivative."""

Slot = tuple[int, int]
"""A gate, and one of its parameters."""


@dataclass(frozen=True, eq=False)
class AngleForm:
    """A circuit whose inputs are angles, and how they come from the inputs and weights of another.

    Attributes:
        source: The circuit with inputs and weights.
        circuit: The same gates; its inputs are the angles, and it has no weights.
        gates: The gates, with angles of no importance.
        slots: Where each angle belongs.
        recipes: For each angle the terms of its derivative, or None where its gate has no known frequencies.
    """

    source: Circuit
    circuit: Circuit
    gates: tuple[Operator, ...]
    slots: tuple[Slot, ...]
    recipes: tuple[Recipe | None, ...]

    def angles(self, inputs: Any, weights: Mapping[str, Any]) -> list[Any]:
        """Return each angle at these inputs and weights, a number or one for each row, of their array library.

        Args:
            inputs: Rows ``(N, num_inputs)``, or one row.
            weights: The weights by name; with a batch of their own as :mod:`circuits.batching` has it.

        Raises:
            CircuitError: If the gates are not those that the circuit is known to have.
        """
        gates = self.source.gates(inputs, **weights)
        if _forms(gates) != self._known:
            raise CircuitError(
                f"circuit {self.source.name!r}: its gates change with inputs or weights, from {self._known} to "
                f"{_forms(gates)}; do not branch on their values"
            )
        return [gates[k].data[index] for k, index in self.slots]

    @cached_property
    def _known(self) -> list[str]:
        return _forms(self.gates)


def angle_form(circuit: Circuit) -> AngleForm:
    """Return a circuit with its gate angles for inputs; numbers that never change stay numbers.

    Raises:
        CircuitError: If its gates change, or a gate takes something other than numbers (a matrix, a state) that
            depends on inputs or weights, or nothing depends on them.

    Example:
        >>> from circuits import quanvolutional_filter
        >>> form = angle_form(quanvolutional_filter("demo"))
        >>> form.circuit.num_inputs, form.recipes[0]
        (8, ((0.5, 1.0, 1.5707963267948966), (-0.5, 1.0, -1.5707963267948966)))
    """
    rng = np.random.default_rng(_SEED)
    draws = [_at_random(circuit, rng, low, high) for low, high in _RANGES]
    forms = [_forms(gates) for gates in draws]
    if any(form != forms[0] for form in forms):
        raise CircuitError(
            f"circuit {circuit.name!r} has no fixed gates: they change with inputs or weights, for example from "
            f"{forms[0]} to {next(form for form in forms if form != forms[0])}"
        )
    slots = tuple(
        (k, index)
        for k, gate in enumerate(draws[0])
        for index in range(len(gate.data))
        if not all(np.array_equal(gate.data[index], other[k].data[index]) for other in draws[1:])
    )
    for k, index in slots:
        value = draws[0][k].data[index]
        if np.ndim(value) or np.iscomplexobj(value):
            raise CircuitError(
                f"circuit {circuit.name!r}: {draws[0][k].name} on wires {draws[0][k].wires.tolist()} takes an "
                "array or a complex number that depends on inputs or weights, not an angle; write it as rotations"
            )
    if not slots:
        raise CircuitError(f"circuit {circuit.name!r} depends neither on inputs nor on weights")
    free = Circuit(
        name=f"{circuit.name} by angles",
        function=partial(_apply, gates=tuple(draws[0]), slots=slots),
        num_wires=circuit.num_wires,
        num_inputs=len(slots),
        observables=circuit.observables,
        weight_shapes={},
        degrees=(0,) * len(slots),
        scales=(1.0,) * len(slots),
        cones=(),
        direct_only="its inputs are the angles of gates",
    )
    recipes = tuple(_recipe(draws[0][k], index) for k, index in slots)
    return AngleForm(circuit, free, tuple(draws[0]), slots, recipes)


def _apply(angles: Any, *, gates: Sequence[Operator], slots: Sequence[Slot]) -> None:
    """Queue the gates with these angles in their slots."""
    values: dict[int, list[Any]] = {k: list(gates[k].data) for k, _ in slots}
    for number, (k, index) in enumerate(slots):
        values[k][index] = angles[..., number]
    for k, gate in enumerate(gates):
        with qml.QueuingManager.stop_recording():
            new = qml.ops.functions.bind_new_parameters(gate, values[k]) if k in values else gate
        qml.apply(new)


def _recipe(gate: Operator, index: int) -> Recipe | None:
    """Return the gate's own recipe, else the rule that its frequencies give."""
    own = getattr(gate, "grad_recipe", None)
    terms = None if own is None else own[index]
    if terms is None:
        known = frequencies(gate)
        if known is None:
            return None
        rule = qml.gradients.generate_shift_rule(known[index])
        terms = [(factor, 1.0, shift) for factor, shift in rule]
    return tuple((float(c), float(m), float(s)) for c, m, s in terms)


def _at_random(
    circuit: Circuit, rng: np.random.Generator, low: float, high: float
) -> list[Operator]:
    weights = {name: rng.uniform(low, high, s) for name, s in circuit.weight_shapes.items()}
    return circuit.gates(rng.uniform(low, high, circuit.num_inputs), **weights)


def _forms(gates: Sequence[Operator]) -> list[str]:
    return [spell(gate, angles=False) for gate in gates]
