"""A circuit, defined once: a PennyLane quantum function and the few facts that everything derives from."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from numbers import Real
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.operation import Operator

from circuits.errors import CircuitError, UsageError
from circuits.fingerprint import fingerprint
from circuits.gates import GateTable, numbers_of
from circuits.nodes import NodePlan, count_nodes, plan_nodes
from circuits.reading import probe, read_gates
from circuits.tape import CONVENTIONS, QuantumFunction, elementary, gates_differ, record

__all__ = ["Circuit", "Spectrum"]

_SEED = 3
_MOST_NODES = 10_000_000
"""More nodes are neither run nor held: 3^14 fit, 3^15 do not."""


@dataclass(frozen=True)
class Spectrum:
    """What :class:`Circuit` keeps of a spectrum; see its attributes."""

    degrees: tuple[int, ...]
    scales: tuple[float, ...]
    cones: tuple[Mapping[int, int], ...]
    direct_only: str | None = None
    with_noise: Spectrum | None = None


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
        return self._fingerprint if self.table.exact else self._hashed()

    @cached_property
    def _fingerprint(self) -> str:
        return self._hashed()

    def _hashed(self) -> str:
        facts = (
            f"wires {self.num_wires} inputs {self.num_inputs} domain {self.domain}",
            f"weights {sorted(self.weight_shapes.items())}",
            f"spectrum {self.degrees} {[f'{s:.10g}' for s in self.scales]}",
            f"cones {[sorted(cone.items()) for cone in self.cones]}",
            f"direct only {self.direct_only is not None}",
        )
        return fingerprint(self.name, facts, self.table, self.observables, self.function)

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
        shapes = self.weight_shapes
        probes = probe(self.function, self.num_inputs, shapes, self.domain, self.name)
        return read_gates(probes, shapes, self.name)

    @cached_property
    def batching(self) -> str | None:
        """Where the function takes a batch of weights: on the "last" axis, on the "first", or None if nowhere.

        Functions that index their weights (``theta[0, 1]``) take it last, those that hand them to a template first.
        Where it is neither, each set of weights is a run of its own.

        Example:
            >>> from circuits.edges import edge
            >>> edge("pz").batching
            'last'
        """
        rng = np.random.default_rng(_SEED)
        size = 2 + max((n for shape in self.weight_shapes.values() for n in shape), default=1)
        low, high = self.domain or (-3.0, 3.0)
        rows = rng.uniform(low, high, (size, self.num_inputs))
        weights = {n: rng.uniform(-3, 3, (*s, size)) for n, s in self.weight_shapes.items()}

        def gates(inputs: np.ndarray, given: Mapping[str, np.ndarray]) -> list[Operator]:
            view = CONVENTIONS[self.convention](inputs.copy())
            return elementary(
                record(self.function, view, {n: w.copy() for n, w in given.items()})[0]
            )

        alone = [
            gates(row, {n: w[..., k] for n, w in weights.items()}) for k, row in enumerate(rows)
        ]
        for axis in ("last", "first"):
            given = (
                weights
                if axis == "last"
                else {n: np.moveaxis(w, -1, 0) for n, w in weights.items()}
            )
            with suppress(Exception):  # whatever a user's function raises, this way is not its way
                if gates_differ(gates(rows, given), alone, range(size), size) is None:
                    return axis
        return None

    def batch_of(self, weight: Any) -> Any:
        """Return weights ``(*shape, N)`` with their batch where the function takes it (:attr:`batching`)."""
        return weight if self.batching == "last" else qml.math.moveaxis(weight, -1, 0)

    def apply(self, /, inputs: Any, **weights: Any) -> list[Operator]:
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

    def gates(self, /, inputs: Any, **weights: Any) -> list[Operator]:
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
        try:
            operations, _ = record(self.function, CONVENTIONS[self.convention](inputs), weights)
        except CircuitError:
            raise
        except Exception as error:  # whatever a user's function raises is the reason we report
            given = {type(value).__name__ for value in (inputs, *weights.values())}
            raise CircuitError(
                f"circuit {self.name!r}: the function raises {type(error).__name__}: {error}. It was given "
                f"{' and '.join(sorted(given))}: use qml.math for functions of inputs and weights"
            ) from error
        if self.direct_only is not None and not self.table.exact:
            # What is run as it was recorded needs no table, and has its code for its print.
            return operations, None
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

    def __call__(self, /, inputs: Any, **weights: Any) -> list[Operator]:
        """Use the circuit as the quantum function it was made from."""
        return self.apply(inputs, **weights)

    def __repr__(self) -> str:
        spectrum = "direct only" if self.direct_only else f"degrees={self.degrees}"
        return (
            f"Circuit({self.name!r}, wires={self.num_wires}, inputs={self.num_inputs}, {spectrum}, "
            f"weights={dict(self.weight_shapes)}, observables={self.num_observables})"
        )

    def __getstate__(self) -> dict[str, Any]:
        derived = {"qfunc", "plan", "_fingerprint", "table", "batching"}
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
    """Return real numbers in float64; complex ones, booleans, text and objects are refused."""
    try:
        array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UsageError(f"{what} must be an array of real numbers: {error}") from error
    numbers = array.ravel().tolist() if array.dtype == object else []
    real = all(isinstance(v, Real) and not isinstance(v, bool) for v in numbers)
    if array.dtype.kind not in "iufO" or not real:
        raise UsageError(f"{what} must be an array of real numbers; {array.dtype} arrived")
    return array.astype(np.float64)


def _by_name(module: str, path: str) -> Any:
    return getattr(importlib.import_module(module), path)
