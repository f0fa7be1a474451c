"""A circuit, defined once: a PennyLane quantum function and the few facts that everything derives from."""

from __future__ import annotations

import importlib
import inspect
import sys
import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.operation import Operator

from circuits.arguments import (
    check_domain,
    check_observables,
    check_signature,
    check_wires,
    input_count,
    per_input,
    weight_defaults,
    weight_mapping,
    wire_places,
)
from circuits.errors import CircuitError, UsageError
from circuits.fingerprint import fingerprint
from circuits.gates import GateTable, numbers_of
from circuits.reading import Probes, probe, read_gates
from circuits.series import NodePlan, count_nodes, plan_nodes
from circuits.spectrum import Spectrum, resolve_spectrum
from circuits.tape import (
    CONVENTIONS,
    QuantumFunction,
    elementary,
    find_convention,
    fixed_observables,
    record,
)

__all__ = ["Circuit", "circuit", "make_circuit"]

_MOST_NODES = 10_000_000
"""More nodes are neither run nor held: 3^14 fit, 3^15 do not."""


@dataclass(frozen=True, eq=False)
class Circuit:
    """A quantum function of inputs and weights, its observables, and its Fourier spectrum.

    Make one with :func:`circuits.circuit`, which finds or verifies the spectrum; the fields are facts, not
    wishes. Values are compared by :attr:`fingerprint`.

    Attributes:
        name: What it is called in tables and files.
        function: The quantum function ``(inputs, **weights)``.
        num_wires: The number of wires, labelled 0, 1, ...
        num_inputs: The number of inputs; they have shape ``(..., num_inputs)``.
        observables: The observables, one output each.
        weight_shapes: The shape of each weight.
        degrees: The Fourier degree of each input.
        scales: The scale of each input, in 1/input: frequencies are its multiples.
        cones: For each observable, the degree of each input that it sees.
        defaults: Values of weights that belong to the circuit, such as the demo filter's angles.
        direct_only: Why there is no Fourier series, or None if there is one.
        convention: How a batch of inputs is handed to the function (see ``circuits.tape``).
        reference: Where the circuit comes from.
        domain: Between what its inputs must be, or None for all numbers.
        with_noise: The spectrum on noisy backends, where the one that was declared is smaller than the gates can reach.
        grow: Returns a larger circuit and how it becomes the same function, or None where that is not known.
    """

    name: str
    function: QuantumFunction
    num_wires: int
    num_inputs: int
    observables: tuple[Operator, ...]
    weight_shapes: Mapping[str, tuple[int, ...]]
    degrees: tuple[int, ...]
    scales: tuple[float, ...]
    cones: tuple[Mapping[int, int], ...]
    defaults: Mapping[str, np.ndarray] = field(default_factory=dict)
    direct_only: str | None = None
    convention: str = "last"
    reference: str = ""
    domain: tuple[float, float] | None = None
    with_noise: Spectrum | None = None
    grow: Callable[[int], Any] | None = None

    @property
    def num_observables(self) -> int:
        """The number of outputs."""
        return len(self.observables)

    @property
    def num_nodes(self) -> int:
        """The number of circuits that fix every observable's series.

        Raises:
            CircuitError: If the circuit has no Fourier series.
        """
        self.require_series()
        return count_nodes(self.cones)

    @cached_property
    def plan(self) -> NodePlan:
        """The nodes to run, and the observables that each of them serves.

        Raises:
            CircuitError: If the circuit has no Fourier series, or one of too many nodes.
        """
        if self.num_nodes > _MOST_NODES:
            raise CircuitError(
                f"the series of circuit {self.name!r} needs {self.num_nodes:,} circuits, more than "
                f"{_MOST_NODES:,}: evaluate it with evaluate='direct', or let its observables see fewer inputs"
            )
        return plan_nodes(self.cones, self.scales)

    @property
    def fingerprint(self) -> str:
        """A hash of what the circuit computes: gates, observables, spectrum; not of its name or its text.

        If it leans on the function's code, it is made anew each time: globals may change.
        """
        return self._fingerprint if self.table.exact else fingerprint(self)

    @cached_property
    def _fingerprint(self) -> str:
        return fingerprint(self)

    def on(self, *, noisy: bool) -> Circuit:
        """Return the circuit with the spectrum that holds on a backend: where there is noise, nothing cancels."""
        if not noisy or self.with_noise is None:
            return self
        made = replace(self, **vars(self.with_noise))
        made.__dict__["table"] = self.table
        return made

    def require_series(self) -> None:
        """Raise a :class:`CircuitError` if the circuit has no Fourier series."""
        if self.direct_only is not None:
            raise CircuitError(
                f"circuit {self.name!r} has no Fourier series: {self.direct_only}. "
                "Evaluate it with evaluate='direct'."
            )

    @cached_property
    def table(self) -> GateTable:
        """What the function does: gates, wires, and every angle as a function of inputs and weights."""
        view = CONVENTIONS[self.convention]
        probes = probe(self.function, view, self.num_inputs, self.weight_shapes, self.domain)
        return read_gates(self.function, view, probes, self.weight_shapes, self.name)

    def apply(self, inputs: Any, **weights: Any) -> list[Operator]:
        """Queue the gates for inputs of shape ``(..., num_inputs)`` and return them.

        Raises:
            CircuitError: If the circuit has a series, and a gate or an angle is not what its table says.
            UsageError: If an input is outside of the circuit's domain.
        """
        operations, _ = self._record(inputs, weights)
        if qml.QueuingManager.recording():
            for operation in operations:
                qml.apply(operation)
        return operations

    def gates(self, inputs: Any, **weights: Any) -> list[Operator]:
        """Return the elementary gates: templates decomposed until each angle stands alone."""
        with qml.QueuingManager.stop_recording():
            operations, gates = self._record(inputs, weights)
            return elementary(operations) if gates is None else gates

    def _record(
        self, inputs: Any, weights: Mapping[str, Any]
    ) -> tuple[list[Operator], list[Operator] | None]:
        """Return the operations, and the elementary gates where they were held against the table."""
        self._require_domain(inputs)
        if self.table.in_place:
            inputs, weights = _copy(inputs), {name: _copy(w) for name, w in weights.items()}
        given = CONVENTIONS[self.convention](inputs)
        operations, _ = record(self.function, given, weights)
        if self.direct_only is not None:
            return operations, None  # what is run as it was recorded needs no table
        with qml.QueuingManager.stop_recording():
            gates = elementary(operations)
        return operations, self.table.hold(gates, inputs, weights)

    def _require_domain(self, inputs: Any) -> None:
        values = numbers_of(inputs) if self.domain is not None else None
        if self.domain is None or values is None:
            return
        low, high = self.domain
        if np.any((values < low) | (values > high)):
            raise UsageError(
                f"circuit {self.name!r} is defined for inputs from {low:g} to {high:g}; "
                f"{values.min():g} to {values.max():g} arrived. Map them into this range first"
            )

    @cached_property
    def qfunc(self) -> Callable[..., tuple[Any, ...]]:
        """The quantum function ``(inputs, <weights>)`` with its expectation values, for a QNode."""

        def qfunc(inputs: Any, *in_order: Any, **weights: Any) -> tuple[Any, ...]:
            self.apply(inputs, **dict(zip(self.weight_shapes, in_order, strict=False)), **weights)
            return tuple(qml.expval(observable) for observable in self.observables)

        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        names = ["inputs", *self.weight_shapes]
        qfunc.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter(name, kind) for name in names]
        )
        qfunc.__name__ = self.name
        return qfunc

    def check_weights(self, weights: Mapping[str, Any] | None = None) -> dict[str, np.ndarray]:
        """Return every weight as a float64 array; those not given take their defaults.

        Raises:
            UsageError: If a weight is missing, unknown, of another shape, or not finite.
        """
        given = dict(weights or {})
        unknown = sorted(given.keys() - self.weight_shapes.keys())
        missing = sorted(self.weight_shapes.keys() - given.keys() - self.defaults.keys())
        if unknown or missing:
            raise UsageError(
                f"circuit {self.name!r} takes the weights {dict(self.weight_shapes)}; "
                + (f"unknown: {unknown}. " if unknown else "")
                + (f"missing: {missing}." if missing else "")
            )
        result = {}
        for name, shape in self.weight_shapes.items():
            value = _numbers(
                given.get(name, self.defaults.get(name)),
                f"weight {name!r} of circuit {self.name!r}",
            )
            if value.shape != shape:
                raise UsageError(
                    f"weight {name!r} of circuit {self.name!r} has shape {shape}; "
                    f"a value of shape {value.shape} arrived"
                )
            if not np.isfinite(value).all():
                raise UsageError(f"weight {name!r} of circuit {self.name!r} holds NaN or infinity")
            result[name] = value
        return result

    def check_inputs(self, inputs: Any) -> np.ndarray:
        """Return inputs as a float64 array of shape ``(..., num_inputs)``.

        Raises:
            UsageError: If the last axis has another length, or a value is NaN or infinite.
        """
        values = _numbers(inputs, f"inputs of circuit {self.name!r}")
        if values.ndim == 0 or values.shape[-1] != self.num_inputs:
            raise UsageError(
                f"circuit {self.name!r} takes inputs of shape (..., {self.num_inputs}); "
                f"shape {values.shape} arrived"
            )
        if not np.isfinite(values).all():
            raise UsageError(f"inputs of circuit {self.name!r} hold NaN or infinity")
        self._require_domain(values)
        return values

    def random_weights(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draw every weight uniformly from [0, 2 pi)."""
        return {n: rng.uniform(0, 2 * np.pi, shape) for n, shape in self.weight_shapes.items()}

    def __call__(self, inputs: Any, **weights: Any) -> list[Operator]:
        """Use the circuit as the quantum function it was made from."""
        return self.apply(inputs, **weights)

    def __repr__(self) -> str:
        spectrum = "direct only" if self.direct_only else f"degrees={self.degrees}"
        return (
            f"Circuit({self.name!r}, wires={self.num_wires}, inputs={self.num_inputs}, {spectrum}, "
            f"weights={dict(self.weight_shapes)}, observables={self.num_observables})"
        )

    def __getstate__(self) -> dict[str, Any]:
        derived = {"qfunc", "plan", "_fingerprint", "table"}
        return {key: value for key, value in self.__dict__.items() if key not in derived}

    def __reduce_ex__(self, protocol: Any) -> Any:
        # A decorated function's own name leads to the circuit, so pickle must go by that name.
        module = sys.modules.get(getattr(self.function, "__module__", None) or "")
        path = getattr(self.function, "__qualname__", "")
        if module is not None and getattr(module, path, None) is self:
            return _by_name, (module.__name__, path)
        return super().__reduce_ex__(protocol)


def _copy(value: Any) -> Any:
    return value.clone() if hasattr(value, "clone") else np.array(value)


def _numbers(value: Any, what: str) -> np.ndarray:
    try:
        array = np.asarray(value)
        return array.astype(np.float64, casting="unsafe" if array.dtype == object else "same_kind")
    except (TypeError, ValueError) as error:
        raise UsageError(f"{what} must be an array of real numbers: {error}") from error


def _by_name(module: str, path: str) -> Any:
    return getattr(importlib.import_module(module), path)


_SEED = 7


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
        convention, probes = _probed(of_numbers, count, shapes, interval, label)
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
            convention=convention,
            reference=reference,
            domain=interval,
            grow=grow,
        )
        drawn = made.check_weights({**probes.draws[0], **made.defaults})
        if direct_only:
            return made
        return _with_series(made, probes, per_input(degree, count), per_input(scale, count), drawn)

    return decorate


def make_circuit(function: QuantumFunction, **declared: Any) -> Circuit:
    """Make a :class:`Circuit`, as :func:`circuit` does with ``declared``."""
    return circuit(**declared)(function)


def _probed(
    function: QuantumFunction,
    count: int,
    shapes: Mapping[str, tuple[int, ...]],
    domain: tuple[float, float] | None,
    label: str,
) -> tuple[str, Probes]:
    """Find how the function reads its inputs, and record it at points where all that it does shows."""
    rng = np.random.default_rng(_SEED)
    rows = rng.uniform(0.1, 3, (3, count)) * np.array([[1], [-1], [1]])  # a branch shows
    if domain is not None:
        rows = rng.uniform(*domain, (3, count))
    draw = {name: rng.uniform(0, 3.5, shape) for name, shape in shapes.items()}
    convention = find_convention(function, rows, draw, label)
    return convention, probe(function, CONVENTIONS[convention], count, shapes, domain)


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


def _with_series(
    made: Circuit,
    probes: Probes,
    degree: Sequence[float] | None,
    scale: Sequence[float] | None,
    weights: Mapping[str, np.ndarray],
) -> Circuit:
    """Return the circuit with its table, and the spectrum that follows from it."""
    if made.domain is not None:
        if degree is not None or scale is not None:
            raise CircuitError(
                f"circuit {made.name!r}: a series is fixed by nodes over a whole period, which its domain "
                f"{made.domain} leaves out; leave degree and scale out"
            )
        return replace(made, direct_only="the nodes of a series lie outside of its domain")
    view = CONVENTIONS[made.convention]
    table = read_gates(made.function, view, probes, made.weight_shapes, made.name)
    if table.numbers:
        warnings.warn(
            f"circuit {made.name!r}: its function turns {', '.join(table.numbers)} into plain numbers (float, int, "
            "item), through which no gradient passes: they would never be trained; compute with them by qml.math",
            stacklevel=4,
        )
    made.__dict__["table"] = table
    spectrum = resolve_spectrum(made, table, degree, scale, [*probes.draws, weights])
    done = replace(made, **vars(spectrum))
    done.__dict__["table"] = table
    return done


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
