"""From a user's PennyLane function to a circuit whose spectrum is known: the decorator."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.operation import Operator

from circuits.arguments import (
    check_degrees,
    check_domain,
    check_observables,
    check_scales,
    check_signature,
    check_wires,
    input_count,
    weight_defaults,
    weight_mapping,
    wire_places,
)
from circuits.definition import Circuit, Spectrum
from circuits.errors import CircuitError
from circuits.gates import GateTable
from circuits.reading import Probes, probe, read_gates
from circuits.spectrum import direct_spectrum, resolve_spectrum
from circuits.tape import QuantumFunction, fixed_observables, record

__all__ = ["circuit", "make_circuit"]


def circuit(
    *,
    wires: int | Sequence[Hashable],
    inputs: int | None = None,
    degree: int | Sequence[int] | None = None,
    scale: float | Sequence[float] | None = None,
    weights: Mapping[str, Sequence[int] | int] | None = None,
    observables: Sequence[Operator] | Operator | None = None,
    defaults: Mapping[str, Any] | None = None,
    direct_only: bool = False,
    domain: tuple[float, float] | None = None,
    name: str | None = None,
    reference: str = "",
    grow: Callable[[int], Any] | None = None,
) -> Callable[[QuantumFunction], Circuit]:
    """Turn a PennyLane quantum function ``(inputs, <weights>)`` into a :class:`Circuit`.

    The function applies gates. It reads input k as ``inputs[..., k]`` or ``inputs[k]`` (with one input,
    ``inputs`` alone will do) or hands ``inputs`` to a template. It may return expectation values.

    Degrees and scales that are left out are computed from the gates. Those that are given are verified: from the
    gates where each angle is linear in the inputs, else by comparing values with the series at random points.

    Args:
        wires: The number of wires, labelled 0, 1, ...; or the labels that the function uses for them.
        inputs: The number of inputs; by default the length of ``degree`` or ``scale``, else 1.
        degree: The Fourier degree of each input, or one for all.
        scale: The scale of each input, or one for all; frequencies are its multiples. Default: computed.
        weights: The shape of each weight.
        observables: The outputs; by default what the function returns, else Pauli Z on every wire.
        defaults: Values of weights that belong to the circuit.
        direct_only: Make no series, and verify none.
        domain: Where the function is defined, such as (-1, 1) for an arccosine; inputs outside are refused.
        name: By default the function's name.
        reference: Where the circuit comes from.
        grow: Makes the same function of so many more uploads (``circuits.edges.refinement``).

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
        label = name if name is not None else str(getattr(function, "__name__", "circuit"))
        count = input_count(label, inputs, degree, scale)
        places = wire_places(wires, label)
        shapes = weight_mapping(weights or {}, label)
        check_signature(function, shapes, label)
        named = list(places) != list(range(len(places)))
        of_numbers = partial(_on_numbers, function=function, places=places) if named else function
        interval = check_domain(domain, label)
        probes = probe(of_numbers, count, shapes, interval, label)
        made = Circuit(
            name=label,
            function=of_numbers,
            num_wires=len(places),
            num_inputs=count,
            observables=_outputs(observables, places, probes, label),
            weight_shapes=shapes,
            degrees=(0,) * count,
            scales=(1.0,) * count,
            cones=(),
            defaults=weight_defaults(defaults or {}, label),
            direct_only="it was declared direct-only",
            convention=probes.convention,
            reference=reference,
            domain=interval,
            grow=grow,
        )
        drawn = made.check_weights({**probes.draws[0], **made.defaults})
        table = made.__dict__["table"] = read_gates(probes, shapes, label)
        if table.numbers:
            warnings.warn(
                f"circuit {label!r}: its function turns {', '.join(table.numbers)} into plain numbers (float, int, "
                "item, detach), through which no gradient passes: they would never be trained; compute with them by "
                "qml.math",
                stacklevel=3,
            )
        if not direct_only:
            degrees, scales = check_degrees(degree, count, label), check_scales(scale, count, label)
            spectrum = _spectrum(made, table, degrees, scales, [*probes.draws, drawn])
            made = replace(made, **vars(spectrum))
            made.__dict__["table"] = table
        return made

    return decorate


def make_circuit(function: QuantumFunction, **declared: Any) -> Circuit:
    """Make a :class:`Circuit`, as :func:`circuit` does with ``declared``."""
    return circuit(**declared)(function)


def _outputs(
    declared: Any, places: Mapping[Hashable, int], probes: Probes, label: str
) -> tuple[Operator, ...]:
    """Return the observables: those declared, else what the function returns, else Pauli Z on every wire."""
    count = len(places)
    if declared is None:
        found = fixed_observables(probes.measured, label)
        outputs = check_observables(found or [qml.Z(wire) for wire in range(count)], label)
    else:
        given = check_observables(declared, label)
        known = all(set(output.wires) <= places.keys() for output in given)
        outputs = tuple(qml.map_wires(o, dict(places)) for o in given) if known else given
    check_wires([gate for part in probes.gates for gate in part], count, "gates", label)
    check_wires(outputs, count, "observables", label)
    return outputs


def _spectrum(
    made: Circuit,
    table: GateTable,
    degrees: tuple[int, ...] | None,
    scales: tuple[float, ...] | None,
    draws: Sequence[Mapping[str, np.ndarray]],
) -> Spectrum:
    """Return the spectrum that follows from the table, or that was declared."""
    if made.domain is None:
        return resolve_spectrum(made, table, degrees, scales, draws)
    if degrees is not None or scales is not None:
        raise CircuitError(
            f"circuit {made.name!r}: a series is fixed by nodes over a whole period, which its domain "
            f"{made.domain} leaves out; leave degree and scale out"
        )
    return direct_spectrum(made, "the nodes of a series lie outside of its domain")


def _on_numbers(
    inputs: Any, *, function: QuantumFunction, places: Mapping[Hashable, int], **weights: Any
) -> None:
    """Queue what a function queues, on the wires 0, 1, ... in place of its own."""
    operations, measurements = record(function, inputs, weights)
    for queued in (*operations, *measurements):
        if not set(queued.wires) <= places.keys():
            raise CircuitError(
                f"its gates use {queued.wires.tolist()}, but its wires are {list(places)}"
            )
        with qml.QueuingManager.stop_recording():
            renamed = qml.map_wires(queued, dict(places))
        qml.apply(renamed)
