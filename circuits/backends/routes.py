"""How a circuit is run on a device: the first way whose values and gradients there are those of the reference.

A device may be wrong for a gate without a word (lightning.qubit 0.45: the gradient of ``OrbitalRotation`` is zero), or
fail at a batch that it takes apart wrongly. So before a circuit is used on a device, in the kind of call that is wanted
(one row or several, with gradients to inputs or to weights), it is run there at a few points and held against the
reference: rows one by one, each gate as its matrix, on ``default.qubit``, or ``default.mixed`` where there are
channels. What is wrong is run in another way: one row at a time, or decomposed first; else it is refused. This is done
once in a process for each circuit, device and kind of call. The device's own noise is left out, and so are samples.

Circuits that are too wide to be simulated in passing are held gate by gate, each on as many wires as it has.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import pennylane as qml
from pennylane.operation import Channel, Operator, StatePrepBase

from circuits.errors import CircuitError, UsageError
from circuits.spectrum import observable_size
from circuits.tape import spell

if TYPE_CHECKING:
    from circuits.backends.base import Backend
    from circuits.definition import Circuit

__all__ = ["Call", "Route", "only", "route_of"]

_log = logging.getLogger(__name__)

_TOLERANCE = 1e-7
"""For values and gradients, in units of what is compared; single precision does not hold it."""
_SEED = 17
_ROWS = 2
_MOST_WIRES = {False: 12, True: 5}
"""Of a circuit that is simulated in passing, by state vectors and by density matrices."""
_MOST_MATRIX = 6
_KEPT = 4096

_TURNS = {"RX", "RY", "RZ", "PhaseShift", "CNOT", "CZ", "SWAP", "Hadamard", "Identity", "Barrier"}
_PLAIN = _TURNS | {"PauliX", "PauliY", "PauliZ", "S", "T", "SX", "Snapshot"}
"""What every device runs and differentiates rightly."""

_ISING = {"IsingXX", "IsingYY", "IsingZZ", "MultiRZ"}
_CONTROLLED = {"CY", "CRX", "CRY", "CRZ", "ControlledPhaseShift"}
_TEMPLATES = {"AngleEmbedding", "BasicEntanglerLayers", "StronglyEntanglingLayers"}
_SURE = _PLAIN | _ISING | _CONTROLLED | _TEMPLATES | {"Rot", "U1", "U2", "U3"}
"""On the reference device itself nothing else is tried before it is used."""


@dataclass(frozen=True)
class Call:
    """A kind of call of a circuit.

    Attributes:
        rows: 0 for inputs without a batch, 1 for a batch of one row, 2 for more.
        batched: Where the batch of each weight is, "first" or "last", or nothing.
        inputs: Whether a gradient to the inputs is wanted.
        weights: Whether one to the weights is.
    """

    rows: int
    batched: tuple[str, ...] = ()
    inputs: bool = False
    weights: bool = False

    @classmethod
    def of(cls, circuit: Circuit, values: Mapping[str, Any]) -> Call:
        """Return the kind of a call with these inputs and weights."""
        torch = sys.modules.get("torch")
        graded = torch is None or torch.is_grad_enabled()
        inputs, shapes = values["inputs"], circuit.weight_shapes
        rows = min(len(inputs), 2) if qml.math.ndim(inputs) > 1 else 0
        names = [name for name in shapes if name in values]
        return cls(
            rows,
            tuple(_batch(values[name], shapes[name]) for name in names),
            graded and qml.math.requires_grad(inputs),
            graded and any(qml.math.requires_grad(values[name]) for name in names),
        )

    @property
    def count(self) -> int:
        """How many rows a trial of it has."""
        return _ROWS if self.rows == 2 or (not self.rows and any(self.batched)) else 1

    @property
    def differentiated(self) -> bool:
        """Whether gradients are wanted."""
        return self.inputs or self.weights


@dataclass(frozen=True)
class Route:
    """What is done to a tape before a device gets it: split into rows, taken apart into plain gates, or neither."""

    split: bool = False
    apart: str = ""

    def __call__(self, tape: qml.tape.QuantumScript) -> tuple[Sequence[Any], Callable[..., Any]]:
        """Return the tapes to run, and what joins their results."""
        tapes, join = ([tape], only)
        if self.split and tape.batch_size is not None:
            tapes, join = qml.transforms.broadcast_expand(tape)
        if self.apart:
            tapes = [_with(each, _taken_apart(each.operations, self.apart)) for each in tapes]
        return tapes, join


_AS_IT_IS = Route()
_ROUTES = (
    _AS_IT_IS,
    Route(True),
    Route(False, "gates"),
    Route(True, "gates"),
    Route(True, "matrices"),
)

_found: WeakKeyDictionary[Any, dict[Any, Route]] = WeakKeyDictionary()
_known: dict[Any, Route] = {}


def route_of(backend: Backend, circuit: Circuit, call: Call, tape: qml.tape.QuantumScript) -> Route:
    """Return the way in which a circuit is right on a backend.

    Args:
        backend: Where it runs.
        circuit: What runs.
        call: The kind of call that is wanted.
        tape: What it recorded, noise included.

    Raises:
        CircuitError: If there is none; it gives the reason.
    """
    if backend.facts.reference and all(op.name in _SURE for op in tape.operations):
        return _AS_IT_IS
    of_circuit = _found.setdefault(circuit, {})
    key = (type(backend), backend.name, qml.plugin_devices.get(backend.name), backend.noise, call)
    found = of_circuit.get(key)
    if found is None:
        everywhere = (circuit.fingerprint, *key)
        found = _known.get(everywhere)
        if found is None:
            with ExitStack() as stack:
                _alone(stack)
                found = _try(backend, circuit, call, tape)
            if len(_known) >= _KEPT:
                _known.pop(next(iter(_known)))
            _known[everywhere] = found
        of_circuit[key] = found
    return found


def _alone(stack: ExitStack) -> None:
    """Leave what is recorded, transformed or differentiated around a trial."""
    stack.enter_context(qml.QueuingManager.stop_recording())
    torch = sys.modules.get("torch")
    if torch is not None:
        from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack

        stack.enter_context(temporarily_clear_interpreter_stack())
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())


def _try(backend: Backend, circuit: Circuit, call: Call, tape: qml.tape.QuantumScript) -> Route:
    mixed = any(isinstance(op, Channel) for op in tape.operations)
    parts = [circuit]
    if circuit.num_wires > _MOST_WIRES[mixed or backend.density_matrix]:
        parts = list(_pieces(circuit, mixed))
    problems: dict[Route, str] = {}
    for route in _ROUTES:
        if (route.apart == "matrices" and call.differentiated) or (route.split and not call.rows):
            continue
        problem = next(filter(None, (_departure(backend, p, call, route) for p in parts)), None)
        if problem is None:
            if route != _AS_IT_IS:
                _log.info("%s on %s is run as %s: %s", circuit.name, backend.name, route, problems)
            return route
        problems[route] = problem
    hint = "use 'default.qubit' or decompose its gates into rotations and CNOTs"
    if mixed:
        hint = "channels need density matrices: use 'default.mixed' or 'aer'"
    raise CircuitError(
        f"circuit {circuit.name!r} is not right on {backend.name!r}: {problems[_AS_IT_IS]}; {hint}"
    )


def _departure(backend: Backend, circuit: Circuit, call: Call, route: Route) -> str | None:
    """Return how a circuit on a backend differs from the reference, or None."""
    values = _point(circuit, call)
    sizes = np.array([[observable_size(o) or 1.0] for o in circuit.observables])

    def compared(function: Callable[[dict[str, Any]], Any]) -> tuple[np.ndarray, np.ndarray]:
        """Take each observable in units of its size, or a small one would not count."""
        return _differentiated(lambda v: _in_units(function(v), sizes), values, call)

    try:
        expected = compared(lambda v: _reference(backend, circuit, v, call))
    except Exception as error:  # whatever the function does at a point that it was not made for
        what = "gradients" if call.differentiated else "values"
        _log.warning("%s of circuit %r cannot be held: %s", what, circuit.name, _short(error))
        if not call.differentiated:
            return None
        return _departure(backend, circuit, replace(call, inputs=False, weights=False), route)
    try:
        qnode = backend.qnode(circuit, route=route, device=backend.held_device(circuit))
        found = compared(lambda v: _stacked(qnode(**v), call.count))
    except Exception as error:  # PennyLane's, Qiskit's and each device's own
        if isinstance(error, UsageError) and not isinstance(error, CircuitError):
            raise  # it says what to do
        return _short(error)
    for what, ours, theirs in zip(("value", "gradient"), found, expected, strict=True):
        if ours.shape != theirs.shape:
            return f"{what}s there have shape {ours.shape}, not {theirs.shape}"
        good = np.isfinite(theirs)
        difference = np.abs(np.where(good, ours - theirs, 0.0))
        size = np.maximum(1.0, np.abs(np.where(good, theirs, 0.0)).max(initial=0.0))
        if not difference.max(initial=0.0) <= _TOLERANCE * size:
            index = np.unravel_index(int(np.nanargmax(difference)), difference.shape)
            units = "" if np.all(sizes == 1) else " (in units of the observables)"
            return f"a {what} there is {ours[index]:.6g}, where the reference gives {theirs[index]:.6g}{units}"
    return None


def _in_units(values: Any, sizes: np.ndarray) -> Any:
    return values / qml.math.asarray(sizes, like=values)


def _point(circuit: Circuit, call: Call) -> dict[str, np.ndarray]:
    """Draw inputs and weights for a kind of call."""
    rng = np.random.default_rng(_SEED)
    low, high = circuit.domain or (0.2, 1.3)
    rows = (call.count,) if call.rows else ()
    inputs = rng.uniform(low, high, (*rows, circuit.num_inputs))
    if circuit.domain is None and circuit.direct_only is None:
        inputs = inputs / np.asarray(circuit.scales)
    values = {"inputs": inputs}
    for (name, shape), batch in zip(circuit.weight_shapes.items(), call.batched, strict=False):
        drawn = rng.uniform(0.2, 1.3, (*shape, call.count) if batch else shape)
        values[name] = np.moveaxis(drawn, -1, 0) if batch == "first" else drawn
    return values


def _differentiated(
    function: Callable[[dict[str, Any]], Any], values: Mapping[str, np.ndarray], call: Call
) -> tuple[np.ndarray, np.ndarray]:
    """Return values, and the gradients that are wanted, of a weighted sum of them, in one array."""
    if not call.differentiated:
        return np.asarray(function(dict(values)), dtype=float), np.zeros(0)
    import torch

    wanted = [n for n in values if (call.inputs if n == "inputs" else call.weights)]
    given = {n: torch.tensor(v, requires_grad=n in wanted) for n, v in values.items()}
    result = function(given)
    factors = torch.from_numpy(np.random.default_rng(_SEED).uniform(0.5, 1.5, result.shape))
    slopes = torch.autograd.grad(
        (result * factors).sum(), [given[n] for n in wanted], allow_unused=True
    )
    flat = [
        np.zeros(given[n].numel()) if slope is None else slope.numpy().ravel()
        for n, slope in zip(wanted, slopes, strict=True)
    ]
    return result.detach().numpy().astype(float), np.concatenate(flat)


def _stacked(results: Sequence[Any], rows: int) -> Any:
    """Return (observables, rows); an observable that no input reaches may be one number."""
    flat = [qml.math.reshape(qml.math.real(result), (-1,)) for result in results]
    return qml.math.stack([qml.math.tile(r, (rows,)) if len(r) == 1 else r for r in flat])


def _reference(backend: Backend, circuit: Circuit, values: Mapping[str, Any], call: Call) -> Any:
    """Return (observables, rows): row by row, each gate as its matrix."""
    places = dict(zip(circuit.weight_shapes, call.batched, strict=False))
    places["inputs"] = "first" if call.rows else ""
    rows = {n: qml.math.moveaxis(v, -1, 0) if places[n] == "last" else v for n, v in values.items()}
    method = None if isinstance(values["inputs"], np.ndarray) else "backprop"
    results = []
    for row in range(call.count):
        one = {n: v[row] if places[n] else v for n, v in rows.items()}
        tape = backend.noised(_tape(circuit, one))
        tape = _with(tape, _taken_apart(tape.operations, "matrices"))
        mixed = any(isinstance(op, Channel) for op in tape.operations)
        device = qml.device("default.mixed" if mixed else "default.qubit", wires=circuit.num_wires)
        (found,) = qml.execute([tape], device, diff_method=method)
        several = found if isinstance(found, tuple | list) else (found,)
        results.append(qml.math.stack([qml.math.real(value) for value in several]))
    return qml.math.stack(results, axis=-1)


def _batch(value: Any, shape: tuple[int, ...]) -> str:
    """Return where the batch of an array is, "first" or "last", or nothing if it has none."""
    found = tuple(qml.math.shape(value))
    if len(found) <= len(shape):
        return ""
    return "first" if found[1:] == shape and found[:-1] != shape else "last"


def _tape(circuit: Circuit, values: Mapping[str, Any]) -> qml.tape.QuantumScript:
    given = dict(values)
    with qml.QueuingManager.stop_recording():
        operations = circuit.apply(given.pop("inputs"), **given)
    return qml.tape.QuantumScript(operations, [qml.expval(o) for o in circuit.observables])


def _pieces(circuit: Circuit, mixed: bool) -> Iterator[Circuit]:
    """Yield circuits of one gate each, a gate of each kind, on the wires that it has."""
    tape = _tape(circuit, _point(circuit, Call(0, ("",) * len(circuit.weight_shapes))))
    seen = set()
    for index, op in enumerate(tape.operations):
        wires = op.wires.tolist()
        places = {wire: place for place, wire in enumerate(wires)}
        kind = spell(op.map_wires(places), angles=False)
        if kind in seen or op.name in _PLAIN:
            continue
        seen.add(kind)
        if len(wires) > _MOST_WIRES[mixed]:
            _log.warning(
                "%s on %d wires of circuit %r is trusted: it is too wide to be held against a reference",
                *(op.name, len(wires), circuit.name),
            )
            continue

        def function(
            inputs: Any, *, index: int = index, places: Any = places, **weights: Any
        ) -> None:
            with qml.QueuingManager.stop_recording():
                gate = circuit.apply(inputs, **weights)[index].map_wires(places)
            first = isinstance(gate, StatePrepBase)
            for place in () if first else places.values():
                qml.RY(0.7 + 0.1 * place, place)
            qml.apply(gate)
            for place in places.values():
                qml.RX(0.4 + 0.1 * place, place)

        last = len(wires) - 1
        observables = (qml.Z(0), qml.X(0) @ qml.Y(last) if last else qml.X(0), qml.Z(last))
        yield replace(
            circuit,
            name=f"{op.name} in {circuit.name}",
            function=function,
            num_wires=len(wires),
            observables=observables,
            direct_only="it is a piece of another",
            convention="last",
        )


def _with(tape: qml.tape.QuantumScript, operations: Sequence[Operator]) -> qml.tape.QuantumScript:
    made = tape.copy(operations=operations)
    made.trainable_params = qml.math.get_trainable_indices(
        made.get_parameters(trainable_only=False)
    )
    return made


def _taken_apart(operations: Sequence[Operator], into: str) -> list[Operator]:
    """Decompose until only plain gates are left; or take matrices, where operations have them."""
    result: list[Operator] = []
    for op in operations:
        if op.name == "GlobalPhase":
            continue
        as_it_is = op.name in _PLAIN or isinstance(op, Channel | qml.QubitUnitary | StatePrepBase)
        small = len(op.wires) <= _MOST_MATRIX and op.has_matrix
        if isinstance(op, qml.ops.Pow) and op.has_decomposition:
            small = False  # torch has no gradient of a matrix's power
        if as_it_is and (into == "gates" or not small):
            result.append(op)
        elif small and (into == "matrices" or not op.has_decomposition):
            result.append(qml.QubitUnitary(op.matrix(), op.wires, unitary_check=False))
        else:
            with qml.QueuingManager.stop_recording():
                parts = op.decomposition()
            result.extend(_taken_apart(parts, into))
    return result


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}"


def only(results: tuple[Any, ...]) -> Any:
    """Return the result of a transform that makes one tape of one."""
    return results[0]
