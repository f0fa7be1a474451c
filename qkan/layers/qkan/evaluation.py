"""Which evaluation a quantum KAN layer takes, and what its edges must be like."""

from __future__ import annotations

from typing import Literal

from circuits import Circuit, CircuitError, UsageError
from circuits.backends import Backend
from circuits.bloch import bloch_program
from qkan.layers.qkan.closed_form import ClosedForm

__all__ = ["Evaluation", "choose", "require_edge", "why_no_closed_form"]

Evaluation = Literal["auto", "closed", "fourier", "direct"]


def require_edge(circuit: Circuit, evaluate: str) -> None:
    """Refuse what cannot be an edge.

    Raises:
        UsageError: If it is no circuit.
        CircuitError: If it has not one input and one observable, does not depend on its input, or has no series
            where one is asked for.
    """
    if not isinstance(circuit, Circuit):
        raise UsageError(
            f"expected the name of an edge or a circuits.Circuit, {type(circuit).__name__} arrived; "
            "decorate a quantum function with @circuits.circuit(wires=1, weights=...)"
        )
    if circuit.num_inputs != 1:
        raise CircuitError(
            f"an edge has one input, circuit {circuit.name!r} has {circuit.num_inputs}; "
            "use qkan.QuantumLayer for it"
        )
    if circuit.num_observables != 1:
        raise CircuitError(
            f"an edge has one observable, circuit {circuit.name!r} has {circuit.num_observables}; "
            "choose one: circuits.circuit(..., observables=qml.Z(0))"
        )
    if circuit.direct_only is None and circuit.degrees[0] == 0:
        raise CircuitError(
            f"circuit {circuit.name!r} has Fourier degree 0: its value does not depend on its input"
        )
    if evaluate in {"closed", "fourier"}:
        circuit.require_series()


def why_no_closed_form(
    circuit: Circuit, backend: Backend, evaluate: str
) -> tuple[ClosedForm | None, str]:
    """Return the closed form, or None and the reason.

    Raises:
        CircuitError: If it is asked for and there is none.
        UsageError: If it is asked for and the backend samples or is noisy.
    """
    if evaluate in {"fourier", "direct"}:
        return None, "it was not asked for"
    if evaluate == "closed" and not backend.exact:
        raise UsageError(
            f"the closed form is an exact simulation, but the backend {backend.name!r} has "
            f"shots={backend.shots} and noise={backend.noise}; use evaluate='fourier'"
        )
    if evaluate == "auto" and not backend.replaceable:
        return None, f"the circuits are to run on {backend.name}"
    try:
        program = bloch_program(circuit)
    except CircuitError as error:
        if evaluate == "closed":
            raise
        return None, str(error)
    if not program.weights.any():
        reason = f"circuit {circuit.name!r} has no weights, so that its edges are all alike"
        if evaluate == "closed":
            raise CircuitError(f"{reason}; use evaluate='fourier'")
        return None, reason
    return ClosedForm(program, circuit.degrees[0]), ""


def choose(evaluate: str, circuit: Circuit, why_not_closed: str, samples: int) -> tuple[str, str]:
    """Return the evaluation and the reason for it."""
    if evaluate != "auto":
        return evaluate, "as asked"
    if not why_not_closed:
        return "closed", "its edges have one wire and the simulation is exact"
    if circuit.direct_only is not None:
        return "direct", f"there is no series: {circuit.direct_only}"
    nodes = circuit.num_nodes
    if nodes <= samples:
        return "fourier", f"its {nodes} nodes are no more than the samples"
    return "direct", f"it has more nodes ({nodes}) than there are samples ({samples})"
