"""Drawings of circuits by PennyLane, with the inputs by name instead of a number."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pennylane as qml
from pennylane.operation import Operator

from circuits.catalogue import as_circuit
from circuits.definition import Circuit
from circuits.symbols import Form

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw"]


def draw(
    circuit: Circuit | str, weights: Mapping[str, Any] | None = None, *, decimals: int | None = 2
) -> Figure:
    """Draw a circuit; an angle that moves with the inputs is written as a formula of them.

    Args:
        circuit: The circuit, or the name of an edge or a filter.
        weights: Values of the weights; those without a value or default are drawn as zero.
        decimals: Of the angles; None leaves them out.

    Returns:
        A matplotlib figure that belongs to no window: save it with ``savefig``.

    Example:
        >>> from circuits import quanvolutional_filter
        >>> figure = draw(quanvolutional_filter("demo"))
        >>> figure.axes[0].texts[4].get_text().split()
        ['RY', '(πx0)']
    """
    circuit = as_circuit(circuit)
    zeros = {n: np.zeros(s) for n, s in circuit.weight_shapes.items() if n not in circuit.defaults}
    values = circuit.check_weights(zeros | dict(weights or {}))
    row = np.full(circuit.num_inputs, 0.0 if circuit.domain is None else np.mean(circuit.domain))
    single, table = circuit.gates(row, **values), circuit.table
    if decimals is not None and table.problem is None:
        labels: dict[int, list[str]] = {}
        for parameter in table.angles:
            angle = float(single[parameter.gate].data[parameter.index])
            text = _formula(parameter.form, angle, row, decimals)
            labels.setdefault(parameter.gate, []).append(text)
        for k, angles in labels.items():
            single[k].label = partial(_label, single[k], angles)
    measured = [qml.expval(observable) for observable in circuit.observables]
    tape = qml.tape.QuantumScript(single, measured)

    import matplotlib.pyplot as plt

    figure: Figure
    figure, _ = qml.drawer.tape_mpl(tape, wire_order=range(circuit.num_wires), style="black_white")
    plt.close(figure)  # PennyLane draws through pyplot, which would keep every figure alive
    return figure


def _label(gate: Operator, angles: list[str], *_: Any, **options: Any) -> str:
    """Stand in for a gate's own label, which knows numbers only."""
    name = type(gate).label(gate, base_label=options.get("base_label"))
    return f"{name}\n({', '.join(angles)})"


def _formula(form: Form, angle: float, row: np.ndarray, decimals: int) -> str:
    """Write an angle as a sum over inputs, and a number for all the rest; f(x) where it is not linear."""
    if any(k < len(row) for k in form.bent):
        return "f(x)"
    rates = {k: rate for k, rate in sorted(form.rates.items()) if k < len(row)}
    terms = [f"{_rate(rate)}x{k}" for k, rate in rates.items()]
    rest = angle - sum(rate * row[k] for k, rate in rates.items())
    if not terms or abs(rest) > 1e-12:
        terms.append(f"{rest:.{decimals}f}")
    return "+".join(terms).replace("+-", "-")


def _rate(rate: float) -> str:
    """Write a rate in units of pi where it is a whole multiple of it."""
    turns = rate / np.pi
    if abs(turns - round(turns)) < 1e-9:
        return {1: "π", -1: "-π"}.get(round(turns), f"{round(turns)}π")
    if abs(rate - round(rate)) < 1e-9:
        return {1: "", -1: "-"}.get(round(rate), str(round(rate)))
    return f"{rate:.3g} "
