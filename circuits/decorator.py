"""From a user's PennyLane function to a :class:`Circuit` with a verified spectrum."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.operation import Operator

from circuits.arguments import (
    check_observables,
    check_signature,
    check_wires,
    input_count,
    per_input,
    positive,
    weight_defaults,
    weight_mapping,
)
from circuits.definition import Circuit
from circuits.resolve import resolve_spectrum
from circuits.spectrum import gate_spectra, probe_points
from circuits.tape import (
    CONVENTIONS,
    QuantumFunction,
    elementary,
    find_convention,
    fixed_observables,
    record,
)

__all__ = ["circuit", "make_circuit"]

_SEED = 7
_WEIGHTS = (0.0, -3.5, 3.5, -7.0)
"""Weights are tried in intervals of length 3.5 from here, so that a branch on one of them shows."""


def circuit(
    *,
    wires: int,
    inputs: int | None = None,
    degree: int | Sequence[int] | None = None,
    scale: float | Sequence[float] | None = None,
    weights: Mapping[str, Sequence[int] | int] | None = None,
    observables: Sequence[Operator] | Operator | None = None,
    defaults: Mapping[str, Any] | None = None,
    direct_only: bool = False,
    name: str | None = None,
    reference: str = "",
) -> Callable[[QuantumFunction], Circuit]:
    """Turn a PennyLane quantum function ``(inputs, <weights>)`` into a :class:`Circuit`.

    The function applies gates. It reads input k as ``inputs[..., k]`` or ``inputs[k]`` (with one input,
    ``inputs`` alone will do) or hands ``inputs`` to a template. It may return expectation values.

    Degrees and scales that are left out are computed from the gates. Those that are given are verified: from the
    gates where each angle is linear in the inputs, else by comparing values with the series at random points.

    Args:
        wires: The number of wires; the function uses the labels 0, 1, ...
        inputs: The number of inputs; by default the length of ``degree`` or ``scale``, else 1.
        degree: The Fourier degree of each input, or one for all.
        scale: The scale of each input, or one for all; frequencies are its multiples. Default: computed.
        weights: The shape of each weight.
        observables: The outputs; by default what the function returns, else Pauli Z on every wire.
        defaults: Values of weights that belong to the circuit.
        direct_only: Make no series, and verify none.
        name: By default the function's name.
        reference: Where the circuit comes from.

    Raises:
        CircuitError: If what is declared contradicts what the function does.

    Example:
        >>> import pennylane as qml
        >>> @circuit(wires=1, degree=3, weights={"theta": (4, 2)})
        ... def my_edge(inputs, theta):
        ...     for layer in range(3):
        ...         qml.RZ(theta[layer, 0], wires=0)
        ...         qml.RY(theta[layer, 1], wires=0)
        ...         qml.RZ(inputs[..., 0], wires=0)
        ...     qml.RZ(theta[3, 0], wires=0)
        ...     qml.RY(theta[3, 1], wires=0)
        >>> my_edge
        Circuit('my_edge', wires=1, inputs=1, degrees=(3,), weights={'theta': (4, 2)}, observables=1)
    """

    def decorate(function: QuantumFunction) -> Circuit:
        return make_circuit(
            function,
            wires=wires,
            inputs=inputs,
            degree=degree,
            scale=scale,
            weights=weights,
            observables=observables,
            defaults=defaults,
            direct_only=direct_only,
            name=name,
            reference=reference,
        )

    return decorate


def make_circuit(
    function: QuantumFunction,
    *,
    wires: int,
    inputs: int | None = None,
    degree: int | Sequence[int] | None = None,
    scale: float | Sequence[float] | None = None,
    weights: Mapping[str, Sequence[int] | int] | None = None,
    observables: Sequence[Operator] | Operator | None = None,
    defaults: Mapping[str, Any] | None = None,
    direct_only: bool = False,
    name: str | None = None,
    reference: str = "",
) -> Circuit:
    """Make a :class:`Circuit`; see :func:`circuit`, which is this as a decorator."""
    label = name if name is not None else str(getattr(function, "__name__", "circuit"))
    count = input_count(label, inputs, degree, scale)
    num_wires = positive("wires", wires, label)
    shapes = weight_mapping(weights or {}, label)
    check_signature(function, shapes, label)
    rng = np.random.default_rng(_SEED)
    draws = [{n: rng.uniform(a, a + 3.5, s) for n, s in shapes.items()} for a in _WEIGHTS]

    rows = rng.uniform(0.1, 3, (3, count)) * [[1], [-1], [1]]  # both signs, so that a branch shows
    convention = find_convention(function, rows, draws[0], label)
    points = probe_points(count, rng)
    view = CONVENTIONS[convention]
    recorded = [record(function, view(points), draw) for draw in draws]
    gates = [elementary(operations) for operations, _ in recorded]
    if observables is None:
        measured = [m for _, m in (record(function, view(points[0]), draws[0]), *recorded)]
        observables = fixed_observables(measured, label) or [qml.Z(w) for w in range(num_wires)]
    outputs = check_observables(observables, label)
    check_wires([gate for part in gates for gate in part], num_wires, "gates", label)
    check_wires(outputs, num_wires, "observables", label)

    made = Circuit(
        name=label,
        function=function,
        num_wires=num_wires,
        num_inputs=count,
        observables=outputs,
        weight_shapes=shapes,
        degrees=(0,) * count,
        scales=(1.0,) * count,
        cones=(),
        defaults=weight_defaults(defaults or {}, label),
        direct_only="it was declared direct-only",
        convention=convention,
        reference=reference,
    )
    draws.append(made.check_weights({**draws[0], **made.defaults}))
    if direct_only:
        return made
    spectrum = resolve_spectrum(
        made, gate_spectra(gates, points), per_input(degree, count), per_input(scale, count), draws
    )
    return replace(made, **vars(spectrum))
