"""What every backend is: an immutable value that runs a circuit on many inputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from importlib import import_module
from threading import local
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pennylane as qml

from circuits.backends.noise import Noise
from circuits.backends.routes import Call, Route, route_of
from circuits.errors import CircuitError, MissingExtraError, UsageError, check_integer
from circuits.gates import numbers_of

if TYPE_CHECKING:
    from circuits.definition import Circuit

__all__ = ["KINDS", "Backend", "BackendInfo", "NotFiniteError", "kind_of", "run_chunk"]

_PENNYLANE = "circuits.backends.pennylane:PennyLaneBackend"

KINDS: dict[str, str] = {
    "default.qubit": _PENNYLANE,
    "lightning.qubit": _PENNYLANE,
    "lightning.kokkos": _PENNYLANE,
    "lightning.gpu": _PENNYLANE,
    "default.mixed": _PENNYLANE,
    "aer": "circuits.backends.aer:AerBackend",
    "aer:DEVICE": "circuits.backends.aer:FakeDeviceBackend",
    "ibm:DEVICE": "circuits.backends.ibm:IBMBackend",
}
"""The kind of each listed name, ``module:class``; DEVICE stands for a name. All others are PennyLane devices."""


def kind_of(name: str) -> type[Backend]:
    """Return the class of the backend of this name.

    Example:
        >>> kind_of("aer:fake_manila").__name__
        'FakeDeviceBackend'
    """
    head, colon, _ = name.partition(":")
    module, _, kind = KINDS.get(f"{head}:DEVICE" if colon else head, _PENNYLANE).partition(":")
    found: type[Backend] = getattr(import_module(module), kind)
    return found


_CHUNK_BYTES = 2**23
"""What a chunk's states and samples may take. Simulating needs about five times as much, and on
four wires larger chunks are slower too: they fall out of the processor's cache."""

_RAW = (ValueError, TypeError, LookupError, AttributeError, qml.exceptions.DeviceError)
"""What PennyLane, Qiskit and functions raise at data or gates that they cannot take."""

_MAX_TAPES = 1024
"""The longest chunk where a sample is a tape: so many tapes take about as much memory."""


@dataclass(frozen=True)
class BackendInfo:
    """What is known of a backend name on this machine: a row of ``backend_table()``.

    Args:
        name: The name to ask for.
        installed: Whether the package that brings it is there.
        usable: Whether it can be made and runs circuits of qubits.
        why_not: The reason where it is not usable, and what to do; else empty.
        gradient: How analytic values are differentiated; with shots it is parameter-shift always.
        native_batching: Whether a batch of inputs is one execution; else one for each sample.
        shots: Whether it samples.
        seed: Whether its samples can be seeded.
        noise: Whether it takes a noise channel.
        own_noise: Whether it has the noise of a device.
        density_matrix: Whether a state takes 4**wires numbers always; else where there is noise.
        reference: Whether it is the simulator that others are held against.
    """

    name: str
    installed: bool
    usable: bool
    why_not: str = ""
    gradient: str = ""
    native_batching: bool = False
    shots: bool = False
    seed: bool = False
    noise: bool = False
    own_noise: bool = False
    density_matrix: bool = False
    reference: bool = False


@dataclass(frozen=True)
class Backend(ABC):
    """A place to run circuits, with its shots, seed and noise; made by ``backend(name)``.

    A value: compared, hashed and pickled by content, and changed by ``dataclasses.replace``. Every run starts from the
    seed again; without one, each draws fresh entropy from the operating system.

    Args:
        name: The resolved name; never ``"auto"``.
        shots: Samples for each expectation value; ``None`` for exact values.
        seed: Where the samples start; ``None`` for fresh entropy.
        noise: A channel after each gate, on backends that have channels.
        reason: Why this one was chosen, when ``auto`` chose it. Takes no part in comparisons.

    Attributes:
        facts: What it can do on this machine.

    Raises:
        MissingExtraError: If it comes with an extra of this distribution that is not installed.
        UsageError: If it is unknown or cannot be made here, shots are not a positive integer, the seed
            is not a natural number, or it cannot do what is asked of it.
    """

    paid: ClassVar[bool] = False
    """Whether somebody is charged for what runs here; then the command line asks first."""

    remembers: ClassVar[bool] = False
    """Whether it keeps results, and gives them again to who asks for the same."""

    name: str
    shots: int | None = None
    seed: int | None = None
    noise: Noise | None = None
    reason: str = field(default="", compare=False, repr=False)
    facts: BackendInfo = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        for what, least in (("shots", 1), ("seed", 0)):
            value = getattr(self, what)
            if value is not None:  # NumPy's integers do not belong in a cache key
                object.__setattr__(self, what, check_integer(what, value, least))
        if not isinstance(self.noise, Noise | None):
            raise UsageError(
                f"noise is a channel and its strength, noise='depolarizing:0.01', got {self.noise!r}."
            )
        object.__setattr__(self, "facts", self.require_usable(self.name))
        own, wrong = self.facts.own_noise, None
        if self.noise is not None and not self.facts.noise:
            why = (
                "has the noise of its device"
                if own
                else "simulates pure states and has no noise channels"
            )
            wrong = f"{why}, got noise={str(self.noise)!r}; use 'default.mixed', 'aer' or 'auto'"
        elif self.shots is not None and not self.facts.shots:
            wrong = f"does not sample, got shots={self.shots}; leave shots out"
        elif self.shots is not None and self.seed is not None and not self.facts.seed:
            wrong = f"has samples that cannot be seeded, got seed={self.seed}; leave it out, or use 'default.qubit'"
        if wrong:
            raise UsageError(f"{self.name!r} {wrong}.")

    @classmethod
    @abstractmethod
    def info(cls, name: str) -> BackendInfo:
        """Return what is known on this machine of a name of this kind."""

    @classmethod
    def require_usable(cls, name: str) -> BackendInfo:
        """Return what the backend of this name can do, or raise what keeps it from working.

        Raises:
            MissingExtraError: If it comes with an extra of ours that is not installed.
            UsageError: If it is there and cannot be used.
        """
        info = cls.info(name)
        if info.usable:
            return info
        if info.installed:
            raise UsageError(f"backend {name!r} is installed but not usable: {info.why_not}.")
        raise MissingExtraError(f"backend {name!r} is {info.why_not}")

    @property
    def analytic(self) -> bool:
        """Whether the values are expectation values, not means of samples."""
        return self.shots is None

    @property
    def noisy(self) -> bool:
        """Whether gates or readouts have errors, whose or from where they may be."""
        return self.noise is not None or self.facts.own_noise

    @property
    def exact(self) -> bool:
        """Whether the values are those of the circuit: neither sampled nor noisy."""
        return self.analytic and not self.noisy

    @property
    def replaceable(self) -> bool:
        """Whether any exact simulation may stand for it: no other device was asked for."""
        return self.exact and (self.facts.reference or bool(self.reason))

    @property
    def deterministic(self) -> bool:
        """Whether a second run gives the same numbers."""
        return self.analytic or self.seed is not None

    @property
    def gradient(self) -> str:
        """How values are differentiated: backprop, adjoint, device or parameter-shift."""
        return self.facts.gradient if self.analytic else "parameter-shift"

    @property
    def native_batching(self) -> bool:
        """Whether a batch of inputs is one execution; else each sample is one."""
        return self.facts.native_batching

    @property
    def density_matrix(self) -> bool:
        """Whether a state takes 4**wires numbers, not 2**wires."""
        return self.facts.density_matrix or self.noise is not None

    @property
    def key(self) -> dict[str, str | int | None]:
        """Exactly the facts that change the numbers, for a cache key.

        Example:
            >>> from circuits.backends import backend
            >>> backend("default.qubit", shots=100, seed=7).key
            {'device': 'default.qubit', 'shots': 100, 'seed': 7, 'noise': None}
        """
        return {
            "device": self.name,
            "shots": self.shots,
            "seed": None if self.analytic else self.seed,
            "noise": None if self.noise is None else str(self.noise),
        }

    @abstractmethod
    def device(self, circuit: Circuit, stream: tuple[int, ...]) -> qml.devices.Device:
        """Return a new PennyLane device that runs the circuit.

        Raises:
            UsageError: If it cannot.
        """

    def held_device(self, circuit: Circuit) -> qml.devices.Device:
        """Return the device without samples and without noise of its own, to be held against the reference."""
        return replace(self, shots=None, seed=None).device(circuit, (0,))

    def noised(self, tape: qml.tape.QuantumScript) -> qml.tape.QuantumScript:
        """Return a tape with the noise that was asked for behind each gate."""
        return tape if self.noise is None else self.noise.apply(tape)

    def adapted(self, circuit: Circuit) -> Circuit:
        """Return the circuit with the spectrum that holds here: noise leaves nothing alone that cancels without it."""
        return circuit.on(noisy=self.noisy)

    def frequencies(self, circuit: Circuit) -> tuple[tuple[float, ...], ...] | None:
        """Return those of each input here; None where they are what the circuit's gates say."""
        return None

    def qnode(
        self,
        circuit: Circuit,
        *,
        stream: int | tuple[int, ...] = 0,
        route: Route | None = None,
        device: qml.devices.Device | None = None,
    ) -> qml.QNode:
        """Return a QNode of the circuit on this backend, differentiable in inputs and weights.

        It runs the circuit in the first way whose values and gradients are right (``circuits.backends.routes``).

        Call it with ``inputs`` (N, num_inputs) and the weights by name; it returns a list with an (N,) array for each
        observable. The samples of successive calls are independent; a new QNode of the same ``stream`` repeats them.

        Args:
            circuit: What to run.
            stream: Number of an independent sequence of samples under the same seed.
            route: How it is run; by default in the first way that is right.
            device: Where, without shots; by default on a new one of this backend.

        Raises:
            CircuitError: When called, if there is no way, or a value is NaN or infinite.
        """
        asked = local()

        # A list, not a tuple: of a tuple TorchLayer makes (num_observables, N, 1).
        @wraps(circuit.qfunc)
        def qfunc(*args: Any, **kwargs: Any) -> list[Any]:
            values = {**dict(zip(("inputs", *circuit.weight_shapes), args, strict=False)), **kwargs}
            asked.call, asked.inputs = Call.of(circuit, values), values["inputs"]
            with np.errstate(invalid="ignore", divide="ignore"):  # what is not finite is refused
                return list(circuit.qfunc(*args, **kwargs))

        def prepare(tape: qml.tape.QuantumScript) -> tuple[Sequence[Any], Callable[..., Any]]:
            states = [v for op in tape.operations for v in op.data if qml.math.ndim(v)]
            _require_finite(circuit, asked.inputs, states)
            tape = self.noised(tape)
            way = route_of(self, circuit, asked.call, tape) if route is None else route
            tapes, join = way(tape)
            if self.gradient == "parameter-shift":  # PennyLane's has none of a batch
                tapes, join = _split_trained(tapes, join)
            return tapes, lambda results: _require_finite(circuit, asked.inputs, join(results))

        streams = stream if isinstance(stream, tuple) else (stream,)
        where = self.device(circuit, streams) if device is None else device
        qnode = qml.QNode(qfunc, where, diff_method=self.gradient)
        if self.shots is not None and device is None:
            qnode = qml.set_shots(qnode, shots=self.shots)
        return _prepared(qnode, prepare)

    def run(
        self,
        circuit: Circuit,
        inputs: npt.ArrayLike,
        weights: Mapping[str, npt.ArrayLike] | None = None,
        *,
        stream: int | tuple[int, ...] = 0,
        progress: Callable[[int, int], object] | None = None,
    ) -> npt.NDArray[np.float64]:
        """Evaluate the circuit's observables on every input, in bounded memory.

        Shape: inputs (N, num_inputs), N >= 1; result (N, num_observables) in float64.

        Args:
            circuit: What to run.
            inputs: One row for each sample.
            weights: The weights by name; those left out take the circuit's defaults.
            stream: Number of an independent sequence of samples under the same seed, or several that name it together:
                part k of a run that was killed is sampled again, alike, by ``stream=k``.
            progress: Called with (samples done, samples in all) after each chunk.

        Raises:
            UsageError: If inputs or weights have a wrong shape or name, or are not finite.

        Example:
            >>> from circuits import quanvolutional_filter
            >>> from circuits.backends import backend
            >>> black = [[0.0, 0.0, 0.0, 0.0]]
            >>> backend("default.qubit").run(quanvolutional_filter("demo"), black).round(6)
            array([[ 1.      , -0.953334,  0.42538 , -0.953334]])
        """
        x = circuit.check_inputs(inputs)
        if x.ndim != 2 or len(x) == 0:
            raise UsageError(
                f"a run of circuit {circuit.name!r} takes inputs of shape "
                f"(N, {circuit.num_inputs}) with N >= 1, got shape {x.shape}."
            )
        w = circuit.check_weights(weights)
        streams = stream if isinstance(stream, tuple) else (stream,)
        for number in streams:
            check_integer("stream", number, 0)
        size = self.chunk_size(circuit)
        out = np.empty((len(x), circuit.num_observables))
        for index, start in enumerate(range(0, len(x), size)):
            stop = min(start + size, len(x))
            try:
                values = self.qnode(circuit, stream=(*streams, index))(x[start:stop], **w)
            except UsageError:
                raise
            except _RAW as error:
                raise CircuitError(
                    f"circuit {circuit.name!r} does not run on {self.name!r}: {type(error).__name__}: {one_line(error)}"
                ) from error
            for column, value in enumerate(values):  # of one number where no input reaches it
                out[start:stop, column] = np.real(value)
            if progress is not None:
                progress(stop, len(x))
        return out

    def chunk_size(self, circuit: Circuit) -> int:
        """Return how many samples are run together; with shots, a part of what is sampled."""
        amplitudes: int = 2 ** (circuit.num_wires * (2 if self.density_matrix else 1))
        sampled = (self.shots or 0) * circuit.num_wires
        size = max(1, _CHUNK_BYTES // (16 * amplitudes + 8 * sampled))
        return size if self.native_batching else min(size, _MAX_TAPES)


def run_chunk(
    backend: Backend,
    circuit: Circuit,
    weights: Mapping[str, npt.ArrayLike] | None,
    stream: int,
    rows: npt.NDArray[np.float64],
    index: int,
) -> npt.NDArray[np.float64]:
    """Run the rows of one chunk of a run; its samples follow from ``stream`` (a filter's) and its place, ``index``."""
    return backend.run(circuit, rows, weights, stream=(stream << 32) + index)


@qml.transform  # type: ignore[untyped-decorator]
def _prepared(tape: qml.tape.QuantumScript, prepare: Callable[..., Any]) -> Any:
    return prepare(tape)


def _split_trained(tapes: Sequence[Any], join: Callable[..., Any]) -> tuple[Sequence[Any], Any]:
    """Run a batch as one tape a sample if a batched parameter is trained, which PennyLane's shifts cannot be of."""
    if len(tapes) == 1:
        (tape,) = tapes
        if any(tape.par_info[k]["op"].batch_size is not None for k in tape.trainable_params):
            several, joined = qml.transforms.broadcast_expand(tape)
            return several, lambda results: join((joined(results),))
    return tapes, join


class NotFiniteError(CircuitError):
    """A value that is NaN or infinite.

    Args:
        circuit: Whose it is.
        inputs: The inputs at which it comes out.
        row: Their number.
    """

    def __init__(self, circuit: Circuit, inputs: Sequence[float], row: int):
        super().__init__(
            f"circuit {circuit.name!r} gives NaN or infinity at inputs {list(inputs)} (row {row}): a state of norm 0 "
            "cannot be prepared, and a function may be outside of its domain. Add a constant, encode by angles, or "
            "leave such inputs out"
        )
        self.inputs = inputs


def _require_finite(circuit: Circuit, inputs: Any, results: Any) -> Any:
    """Return arrays that have a row for each row of inputs, or one for all, if they are finite."""
    for result in results if isinstance(results, tuple | list) else (results,):
        values = numbers_of(result)
        if values is None or values.dtype.kind not in "fc" or np.isfinite(values).all():
            continue
        rows = np.atleast_2d(np.asarray(numbers_of(inputs)))
        good = np.isfinite(values).reshape(len(rows) if values.size % len(rows) == 0 else 1, -1)
        row = int(np.argmin(good.all(axis=1)))
        raise NotFiniteError(circuit, rows[row].tolist(), row)
    return results


def one_line(error: BaseException) -> str:
    """Return an error's message without line breaks, and without the quotes that Qiskit prints around it."""
    text = " ".join(str(error).split()).strip("'\"")
    return text.rstrip(".") or type(error).__name__
