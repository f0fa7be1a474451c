"""Drawings of circuits by PennyLane, with the inputs by name instead of a number."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pennylane as qml
from pennylane.operation import Operator

from circuits.definition import Circuit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw"]


def draw(
    circuit: Circuit, weights: Mapping[str, Any] | None = None, *, decimals: int | None = 2
) -> Figure:
    """Draw a circuit; an angle that moves with the inputs is written as a formula of them.

    Args:
        circuit: The circuit.
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
    zeros = {n: np.zeros(s) for n, s in circuit.weight_shapes.items() if n not in circuit.defaults}
    values = circuit.check_weights(zeros | dict(weights or {}))
    points = np.concatenate([np.zeros((1, circuit.num_inputs)), np.eye(circuit.num_inputs)])
    points = np.concatenate([points, -points[1:]])
    batched = circuit.gates(points, **values)
    single = circuit.gates(points[0], **values)
    for gate, moved in zip(single, batched, strict=True):
        if decimals is None:
            continue
        angles = [
            _formula(np.asarray(one), np.asarray(many), circuit.num_inputs, decimals)
            for one, many in zip(gate.data, moved.data, strict=True)
        ]
        if angles and all(angles):
            gate.label = partial(_label, gate, angles)
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


def _formula(one: np.ndarray, many: np.ndarray, inputs: int, decimals: int) -> str:
    """Write an angle as a sum over inputs; empty where it is a matrix, f(x) where it is not linear."""
    if one.ndim:
        return ""
    if many.ndim == 0:
        return f"{float(one):.{decimals}f}"
    up, down = many[1 : inputs + 1] - many[0], many[0] - many[inputs + 1 :]
    if not np.allclose(up, down):
        return "f(x)"
    terms = [f"{_rate(rate)}x{k}" for k, rate in enumerate(up) if abs(rate) > 1e-12]
    if abs(float(one)) > 1e-12:
        terms.append(f"{float(one):.{decimals}f}")
    return "+".join(terms).replace("+-", "-") or "0"


def _rate(rate: float) -> str:
    """Write a rate in units of pi where it is a whole multiple of it."""
    turns = rate / np.pi
    if abs(turns - round(turns)) < 1e-9:
        return {1: "π", -1: "-π"}.get(round(turns), f"{round(turns)}π")
    if abs(rate - round(rate)) < 1e-9:
        return {1: "", -1: "-"}.get(round(rate), str(round(rate)))
    return f"{rate:.3g} "
