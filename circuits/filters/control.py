"""The no-entanglement control: the same circuit without the gates that join wires."""

from __future__ import annotations

from functools import partial
from typing import Any

import pennylane as qml

from circuits.declaration import make_circuit
from circuits.definition import Circuit

__all__ = ["without_entanglement"]

SUFFIX = "/no-entanglement"


def without_entanglement(circuit: Circuit) -> Circuit:
    """Return the control of a circuit: its one-wire gates, its weights, its observables.

    What the control reaches, entanglement did not bring. Works for any circuit, also a user's own.

    Example:
        >>> from circuits.filters import quanvolutional_filter
        >>> without_entanglement(quanvolutional_filter("demo")).num_nodes
        3
    """
    return make_circuit(
        partial(one_wire_gates, circuit=circuit),
        name=circuit.name + SUFFIX,
        wires=circuit.num_wires,
        inputs=circuit.num_inputs,
        weights=circuit.weight_shapes,
        observables=circuit.observables,
        defaults=circuit.defaults,
        reference=f"one-wire gates of {circuit.name}",
    )


def one_wire_gates(inputs: Any, *, circuit: Circuit, **weights: Any) -> None:
    """Queue the elementary gates of ``circuit`` that act on one wire."""
    for gate in circuit.gates(inputs, **weights):
        if len(gate.wires) == 1:
            qml.apply(gate)
