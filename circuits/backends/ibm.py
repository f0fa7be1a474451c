"""``ibm:BACKEND``: devices of IBM Quantum, by Runtime's Estimator, with a record of every job.

Credentials are Qiskit's own business: an account that ``QiskitRuntimeService.save_account`` saved, or its environment
variables. They are neither read nor passed on here.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from circuits.backends.aer import hardware_info, ideal_device
from circuits.backends.base import BackendInfo, one_line
from circuits.backends.estimator import EstimatorBackend
from circuits.backends.job_store import Job, JobStore, Values
from circuits.backends.jobs import (
    FAILED,
    BusyError,
    JobError,
    Patience,
    RefusedError,
    Request,
    Sent,
    StrangerError,
    TransientError,
    run_jobs,
    status_of,
)
from circuits.backends.pubs import EstimatorDevice, Pub, unpack
from circuits.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from qiskit.providers import BackendV2
    from qiskit.quantum_info import SparsePauliOp

    from circuits.definition import Circuit

__all__ = ["IBMBackend", "RuntimeConnection", "connect", "sdk"]

_log = logging.getLogger(__name__)

_MODES = ("job", "batch", "session")
_MOST_EXECUTIONS = 5_000_000
"""Circuits times shots in a job (https://docs.quantum.ibm.com/guides/job-limits)."""


@dataclass(frozen=True)
class IBMBackend(EstimatorBackend):
    """A device of IBM Quantum. Nothing is lost, and nothing is paid for twice.

    Every job is recorded before it is sent, found again by a run that was killed, and its result kept: the same
    circuit with the same angles, shots, seed and options is not run again. Ask for another ``seed`` for other samples.
    Credentials are an account that Qiskit saved, or its environment variables.

    Args:
        mode: ``"job"``, ``"batch"`` or ``"session"``.
        options: Of Runtime's Estimator, for example ``{"resilience_level": 1}``, which mitigates readout errors, or
            ``{"resilience": {"zne_mitigation": True}}``, zero-noise extrapolation. Without any, nothing is mitigated.
        store: The record of jobs; it takes no part in comparisons.
        patience: How long to wait, and how often to try; neither does this.

    Raises:
        MissingExtraError: If qiskit-ibm-runtime is not installed.
        UsageError: If there is no account, it is refused or has no such device, shots are missing or too many, or the
            options are none of the Estimator's.
    """

    paid: ClassVar[bool] = True
    remembers: ClassVar[bool] = True
    optimization_level: ClassVar[int] = 3

    mode: str = "job"
    options: str | Mapping[str, Any] = "{}"
    store: JobStore = field(default_factory=JobStore, compare=False, repr=False)
    patience: Patience = field(default=Patience(), compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.device_name:
            raise UsageError("name the device: ibm:BACKEND, for example ibm:ibm_torino.")
        if self.mode not in _MODES:
            raise unknown_name("execution mode", str(self.mode), _MODES)
        super().__post_init__()
        if self.shots is None:
            raise UsageError(f"{self.name!r} measures: say how many times, for example shots=4096.")
        if self.seed is None:
            object.__setattr__(self, "seed", 0)
        object.__setattr__(self, "options", _checked(self.options))

    @classmethod
    def info(cls, name: str) -> BackendInfo:
        """Return what is known; whether there is an account is asked when a device is, for it costs a connection."""
        return hardware_info(name, "qiskit_ibm_runtime", own_noise=True)

    @property
    def _connection(self) -> RuntimeConnection:
        return connect(self.device_name, self.mode)

    @property
    def key(self) -> dict[str, str | int | None]:
        """The facts that change the numbers."""
        return {**super().key, "options": str(self.options)}

    @property
    def target(self) -> BackendV2:  # noqa: D102
        return self._connection.device

    @property
    def most_shots(self) -> int | None:  # noqa: D102
        with _in_our_words("the device's limits"):
            return getattr(self._connection.device, "max_shots", None)

    @property
    def most_rows(self) -> int:  # noqa: D102
        return _MOST_EXECUTIONS // (self.shots or 1)

    def chunk_size(self, circuit: Circuit) -> int:
        """Return how many rows are asked for together: as many jobs as they take are sent before one is waited for."""
        return _MOST_EXECUTIONS

    def held_device(self, circuit: Circuit) -> EstimatorDevice:  # noqa: D102
        return ideal_device(self, circuit)

    def estimate(
        self, pubs: Sequence[tuple[Any, ...]], shots: int | None, seed: int
    ) -> list[Values]:
        """Refuse: only jobs that are recorded are sent."""
        raise UsageError(f"{self.name!r} runs recorded jobs only; use run, run_pubs or a layer.")

    def run_pubs(
        self, pubs: Sequence[Pub], shots: int | None = None, seed: int = 0
    ) -> list[Values]:
        """Return the values of PUBs, kept ones or those of jobs.

        Shape: for each PUB ``(rows, observables)``.

        Args:
            pubs: On logical wires.
            shots: Samples for each observable.
            seed: Names the sample: a result with another is another.

        Raises:
            UsageError: If a circuit does not fit the device, or a job does not bring its results.
        """
        parts = [
            (index, Pub(pub.template, pub.observables, pub.values[start : start + size]))
            for index, pub in enumerate(pubs)
            for size in [max(1, self.most_rows // pub.bases)]
            for start in range(0, len(pub), size)
        ]
        with self._connection.submitting() as submit:
            requests = [
                self._request(part, number, shots, seed, submit)
                for number, (_, part) in enumerate(parts)
            ]
            values = run_jobs(requests, self._connection, self.store, self.patience)
        return [
            np.concatenate(
                [np.empty((0, len(pub.observables)))]  # there may be no rows
                + [v for (i, _), v in zip(parts, values, strict=True) if i == index]
            )
            for index, pub in enumerate(pubs)
        ]

    def _request(self, pub: Pub, number: int, shots: int | None, seed: int, submit: Any) -> Request:
        facts = {**self.key, "shots": shots, "seed": seed, "part": number}
        options = {"resilience_level": 0, **json.loads(str(self.options))}

        def send(tag: str) -> Sent:
            copies = self.copies(pub)
            ready = []
            for part in self._spread(pub):
                circuit, *rest = self.transpiled_pub(part, slice(None))
                ready.append((circuit.copy(), *rest))  # it is kept for other jobs
                ready[-1][0].metadata = {_TAG: tag}
            how = {**options, "default_shots": shots}
            return submit(ready, how, tag, copies), {"copies": copies}

        def read(result: Any, job: Job) -> Values:
            copies = int(job.details["copies"])
            shape = (-(-len(pub) // copies), copies * len(pub.observables))
            most = None if options["resilience_level"] or "twirling" in options else shots
            with _in_our_words("reading it"):
                found = unpack(pub, [_evs(result, job.tag, shape, shots, most)], copies)
            # What takes errors out may leave the range, and far if there are few shots.
            slack = 3.0 if options["resilience_level"] or "resilience" in options else 1 + 1e-9
            centre, reach = np.array([_range(observable) for observable in pub.observables]).T
            if (np.abs(found - centre) > slack * reach + 1e-12).any():
                raise JobError("some of its values are beyond what the observable can be")
            return found

        meta = {**facts, "rows": len(pub), "observables": len(pub.observables)}
        return Request(_fingerprint(pub, facts), meta, send, read)


def _evs(
    result: Any, tag: str, shape: tuple[int, ...], least: int | None, most: int | None
) -> Values:
    """Return a copy of the values in what a job brought; a JobError if it is anything but what was asked for.

    Runtime returns the tag with the circuit's metadata; twirling rounds the shots up.
    """
    parts = list(result)
    if len(parts) != 1:
        raise JobError(f"expected the results of 1 PUB, got {len(parts)}")
    metadata = dict(getattr(parts[0], "metadata", None) or {})
    if dict(metadata.get("circuit_metadata") or {}).get(_TAG, tag) != tag:
        raise JobError("its result is that of another job")
    shots: Any = metadata.get("shots", least)
    if least is not None and not least <= shots <= (most or shots):
        raise JobError(f"expected {least} shots, got {shots}")
    values: npt.NDArray[Any] = np.array(parts[0].data.evs, subok=True).T
    if values.dtype.kind not in "fiu" or isinstance(values, np.ma.MaskedArray):
        raise JobError(f"expected real values, got {type(values).__name__} of {values.dtype}")
    if values.shape != shape:
        raise JobError(f"expected values of shape {shape}, got {values.shape}")
    if not np.isfinite(values).all():
        raise JobError("some of its values are NaN or infinite")
    found: Values = values.astype(np.float64)
    return found


def _range(observable: SparsePauliOp) -> tuple[float, float]:
    """Return the middle of what estimates of an observable can be, and how far they may be from it.

    Words are measured one by one, so an estimate may leave the spectrum of their sum, not the sum of their spectra.
    """
    words = observable.simplify()
    one = ~(words.paulis.x | words.paulis.z).any(axis=1)
    return float(words.coeffs[one].sum().real), float(np.abs(words.coeffs[~one]).sum())


def _checked(options: str | Mapping[str, Any]) -> str:
    """Return options as text that is equal for equal options."""
    try:
        given = json.loads(options) if isinstance(options, str) else dict(options)
        text = json.dumps(given, sort_keys=True)
        sdk().EstimatorV2._options_class(**given)
    except Exception as error:  # pydantic's errors, and JSON's
        raise UsageError(
            f"these are no options of Runtime's Estimator: {options!r}: {error}"
        ) from error
    return text


def _fingerprint(pub: Pub, facts: Mapping[str, Any]) -> str:
    """Return a hash of the logical circuit, its observables and angles, and the facts.

    Of logical wires, because where they are on the device changes with its calibration from day to day.
    """
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode())
    circuit = pub.template.circuit
    for instruction in circuit.data:
        qubits = [circuit.find_bit(qubit).index for qubit in instruction.qubits]
        digest.update(f"\0{instruction.operation.name} {qubits}".encode())
        for parameter in instruction.operation.params:
            numbers = np.asarray(parameter)
            is_name = numbers.dtype == object
            digest.update(str(parameter).encode() if is_name else (numbers + 0.0).tobytes())
    for observable in pub.observables:
        words = sorted((word, factor + 0.0) for word, factor in observable.to_list())
        digest.update(f"\0{words}".encode())
    digest.update(str(pub.values.shape).encode() + (pub.values + 0.0).tobytes())  # -0.0 is 0.0
    return digest.hexdigest()


_ACCOUNT = (
    "save it once with qiskit_ibm_runtime.QiskitRuntimeService.save_account(token=...), or set QISKIT_IBM_TOKEN "
    "and QISKIT_IBM_INSTANCE; this library never sees or keeps it"
)

_COPIES = "qkan-copies-"

_TAG = "qkan"
"""The name of the tag in a circuit's metadata."""


def sdk() -> Any:
    """Return the module with ``QiskitRuntimeService``, ``EstimatorV2``, ``Batch`` and ``Session``."""
    import qiskit_ibm_runtime

    return qiskit_ibm_runtime


@lru_cache(maxsize=8)
def connect(device: str, mode: str) -> RuntimeConnection:
    """Return the connection to a device; one for each device and mode in a process.

    Raises:
        UsageError: If there is no account, it is refused, or it has no such device.
    """
    return RuntimeConnection(device, mode)


class RuntimeConnection:
    """A device of IBM's, and the jobs on it.

    Args:
        device: Its name.
        mode: ``"job"``; ``"batch"``, where the jobs of one call run one after the other; ``"session"``, where the
            device stays reserved from the first job to the end of the process.

    Raises:
        UsageError: If there is no account, it is refused, or it has no such device.
    """

    def __init__(self, device: str, mode: str):
        with _in_our_words(f"the device {device!r}"):
            try:
                self._service = sdk().QiskitRuntimeService()
            except Exception as error:
                _raise_if_lost(error)
                raise UsageError(
                    f"there is no IBM Quantum account to use, or it is refused: {one_line(error)}. To use one, "
                    f"{_ACCOUNT}."
                ) from error
            try:
                self.device: BackendV2 = self._service.backend(device)
            except Exception as error:
                if type(error).__name__ != "QiskitBackendNotFoundError":
                    raise
                known = [f"ibm:{backend.name}" for backend in self._service.backends()]
                raise unknown_name(
                    "device (retired, or not in your plan)", f"ibm:{device}", known
                ) from error
        self._mode = mode
        self._session: Any = None

    @contextmanager
    def submitting(self) -> Iterator[Callable[..., str]]:
        """Yield the function that sends PUBs, ``(pubs, options, tag, copies) -> number``; then close a batch."""
        batch = None

        def where() -> Any:
            nonlocal batch
            if self._mode == "job":
                return self.device
            if self._mode == "batch":
                batch = batch or sdk().Batch(backend=self.device)
                return batch
            if self._session is None:
                self._session = sdk().Session(backend=self.device)
                atexit.register(self._session.close)
            return self._session

        def submit(
            pubs: Sequence[tuple[Any, ...]], options: Mapping[str, Any], tag: str, copies: int
        ) -> str:
            tags = {"environment": {"job_tags": [tag, f"{_COPIES}{copies}"]}}
            with _in_our_words("sending a job"), warnings.catch_warnings():
                # Its successor, new in qiskit-ibm-runtime 0.50, still changes.
                warnings.filterwarnings("ignore", "The EstimatorV2 class", DeprecationWarning)
                estimator = sdk().EstimatorV2(mode=where(), options={**options, **tags})
                job_id = estimator.run(list(pubs)).job_id()
            if not job_id or not isinstance(job_id, str):
                raise TransientError(f"the number of a job that was sent is {job_id!r}")
            return job_id

        try:
            yield submit
        finally:
            if batch is not None:
                try:
                    batch.close()
                except Exception as error:  # it closes by itself, and what it brought is kept
                    _log.warning("closing a batch: %s", one_line(error))

    def find(self, tag: str) -> Sent | None:  # noqa: D102  (as in jobs.Service)
        with _in_our_words("looking for a job"):
            found: dict[bool, Sent] = {}
            for job in self._service.jobs(job_tags=[tag], limit=None):
                tags = [str(each) for each in job.tags or ()]
                copies = [each.removeprefix(_COPIES) for each in tags if each.startswith(_COPIES)]
                if tag in tags and copies and copies[0].isdecimal():
                    status = status_of(job.status())
                    if status not in FAILED:
                        sent = str(job.job_id()), {"copies": int(copies[0])}
                        found.setdefault(status == "DONE", sent)
            return found.get(True) or found.get(False)

    def _job(self, job_id: str, tag: str) -> Any:
        job = self._service.job(job_id)
        if str(job.job_id()) != job_id or tag not in (job.tags or ()):
            raise StrangerError(f"the service has another job under the number {job_id}")
        return job

    def status(self, job_id: str, tag: str) -> str:  # noqa: D102
        with _in_our_words(f"job {job_id}"):
            return status_of(self._job(job_id, tag).status())

    def reason(self, job_id: str, tag: str) -> str:  # noqa: D102
        with _in_our_words(f"job {job_id}"):
            return str(self._job(job_id, tag).error_message() or "")

    def result(self, job_id: str, tag: str) -> Any:  # noqa: D102
        with _in_our_words(f"the result of job {job_id}"):
            return self._job(job_id, tag).result()


@contextmanager
def _in_our_words(what: str) -> Iterator[None]:
    """Turn what the service raises into a TransientError, or a JobError that says what to do."""
    try:
        yield
    except (UsageError, TransientError):
        raise
    except Exception as error:
        _raise_if_lost(error)
        code = _status_code(error)
        if code in {401, 403} or type(error).__name__ == "IBMNotAuthorizedError":
            raise RefusedError(
                f"{what}: IBM refuses the account ({one_line(error)}); it may have expired. To use another, "
                f"{_ACCOUNT}."
            ) from error
        kind = RefusedError if 400 <= code < 500 else JobError
        raise kind(f"{what}: {one_line(error)}") from error


def _raise_if_lost(error: Exception) -> None:
    """Raise a TransientError if a connection was lost, or the service is down or busy."""
    # Errors of ``requests`` are no ConnectionError of Python's.
    kinds = {kind.__name__ for link in _chain(error) for kind in type(link).__mro__}
    code = _status_code(error)
    if code == 429:
        raise BusyError(one_line(error)) from error
    if kinds & {"ConnectionError", "Timeout", "TimeoutError"} or 500 <= code < 600:
        raise TransientError(one_line(error)) from error


def _status_code(error: BaseException) -> int:
    """Return the HTTP status behind an error, or -1."""
    codes = [getattr(link, "status_code", -1) for link in _chain(error)]
    return next((code for code in codes if isinstance(code, int) and code > 0), -1)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came from, even where that was hidden."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__
