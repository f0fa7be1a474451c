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
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pennylane as qml
from pennylane.operation import Operator

from circuits.definition import Circuit
from circuits.errors import CircuitError
from circuits.gates import GateTable, Parameter
from circuits.symbols import Form
from circuits.tape import bound, frequencies

if TYPE_CHECKING:
    from circuits.backends.base import Backend

__all__ = ["AngleForm", "Recipe", "angle_form", "recipes_on"]

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
            CircuitError: If the gates, or numbers that were constants, are not those of the circuit's table.
        """
        gates = self.source.gates(inputs, **weights)
        if (
            self.source.direct_only is not None
        ):  # else they have been held against the table already
            gates = self.source.table.hold(gates, inputs, weights)
        return [gates[k].data[index] for k, index in self.slots]


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
    table = circuit.table
    if table.problem is not None:
        raise CircuitError(
            f"circuit {circuit.name!r} has no fixed gates: {table.problem}; do not branch on their values"
        )
    for parameter in table.parameters:
        if not parameter.angle and parameter.value is None:
            gate = table.gates[parameter.gate]
            raise CircuitError(
                f"circuit {circuit.name!r}: {gate.name} on wires {gate.wires.tolist()} takes an array or a complex "
                "number that depends on inputs or weights, not an angle; write it as rotations"
            )
    slots = tuple((p.gate, p.index) for p in table.angles if p.value is None)
    if not slots:
        raise CircuitError(f"circuit {circuit.name!r} depends neither on inputs nor on weights")
    free = Circuit(
        name=f"{circuit.name} by angles",
        function=partial(_apply, gates=table.gates, slots=slots),
        num_wires=circuit.num_wires,
        num_inputs=len(slots),
        observables=circuit.observables,
        weight_shapes={},
        degrees=(0,) * len(slots),
        scales=(1.0,) * len(slots),
        cones=(),
        direct_only="its inputs are the angles of gates",
    )
    of_angles = [
        Parameter(k, index, Form({number: 1.0})) for number, (k, index) in enumerate(slots)
    ]
    constants = [p for p in table.parameters if p.value is not None]
    parameters = tuple(sorted([*of_angles, *constants], key=lambda p: (p.gate, p.index)))
    free.__dict__["table"] = GateTable(free.name, len(slots), {}, table.gates, parameters)
    recipes = tuple(_recipe(table.gates[k], index) for k, index in slots)
    return AngleForm(circuit, free, table.gates, slots, recipes)


def _apply(angles: Any, *, gates: Sequence[Operator], slots: Sequence[Slot]) -> None:
    """Queue the gates with these angles in their slots."""
    values: dict[int, list[Any]] = {k: list(gates[k].data) for k, _ in slots}
    for number, (k, index) in enumerate(slots):
        values[k][index] = angles[..., number]
    for k, gate in enumerate(gates):
        with qml.QueuingManager.stop_recording():
            new = bound(gate, values[k]) if k in values else gate
        qml.apply(new)


def recipes_on(form: AngleForm, backend: Backend) -> tuple[Recipe | None, ...]:
    """Return the recipes that hold on a backend, whose gates may turn by other frequencies, with noise between them."""
    there = backend.frequencies(form.circuit)
    if there is None:
        return form.recipes
    recipes = []
    for (gate, index), recipe, found in zip(form.slots, form.recipes, there, strict=True):
        known = frequencies(form.gates[gate])
        same = known is not None and all(np.isclose(f, known[index]).any() for f in found)
        recipes.append(recipe if same else _rule(found))
    return tuple(recipes)


def _rule(moves: Sequence[float]) -> Recipe:
    rule = qml.gradients.generate_shift_rule(tuple(moves)) if moves else ()
    return tuple((float(factor), 1.0, float(shift)) for factor, shift in rule)


def _recipe(gate: Operator, index: int) -> Recipe | None:
    """Return the gate's own recipe, else the rule that its frequencies give."""
    own = getattr(gate, "grad_recipe", None)
    terms = None if own is None else own[index]
    if terms is None:
        known = frequencies(gate)
        if known is None:
            return None
        return _rule(known[index])  # none, if it is a phase of the whole state
    return tuple((float(c), float(m), float(s)) for c, m, s in terms)
