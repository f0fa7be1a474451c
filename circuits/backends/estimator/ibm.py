"""``ibm:BACKEND``: devices of IBM Quantum, by Runtime's Estimator, with a record of every job."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
from qiskit.quantum_info import SparsePauliOp

from circuits.backends.base import BackendInfo
from circuits.backends.estimator import ibm_runtime
from circuits.backends.estimator.aer import require_hardware
from circuits.backends.estimator.base import EstimatorBackend
from circuits.backends.estimator.side_by_side import unpack
from circuits.backends.estimator.template import Pub
from circuits.errors import MissingExtraError, UsageError, unknown_name
from circuits.jobs import JobStore, Patience, Request, run_jobs

if TYPE_CHECKING:
    from qiskit.primitives import BaseEstimatorV2
    from qiskit.providers import BackendV2

    from circuits.definition import Circuit

__all__ = ["IBMBackend"]

_MODES = ("job", "batch", "session")
_LEVEL = 3
_MOST_EXECUTIONS = 5_000_000
"""Circuits times shots in a job (https://docs.quantum.ibm.com/guides/job-limits)."""

Values = npt.NDArray[np.float64]


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

    mode: str = "job"
    options: str | Mapping[str, Any] = "{}"
    store: JobStore = field(default_factory=JobStore, compare=False, repr=False)
    patience: Patience = field(default=Patience(), compare=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_hardware("qiskit_ibm_runtime", self.name)
        if not self.device_name:
            raise UsageError("name the device: ibm:BACKEND, for example ibm:ibm_torino.")
        if self.mode not in _MODES:
            raise unknown_name("execution mode", str(self.mode), _MODES)
        if self.noise is not None:
            raise UsageError(f"{self.name!r} has noise of its own, got noise={str(self.noise)!r}.")
        if self.shots is None:
            raise UsageError(f"{self.name!r} measures: say how many times, for example shots=4096.")
        if self.seed is None:
            object.__setattr__(self, "seed", 0)
        object.__setattr__(self, "options", _checked(self.options))
        limit = self._connection.most_shots()
        if limit is not None and self.shots > limit:
            raise UsageError(
                f"{self.name!r} takes at most {limit} shots, got shots={self.shots}; take the mean of several runs "
                "with other seeds."
            )

    @classmethod
    def info(cls, name: str) -> BackendInfo:  # noqa: D102  (as in Backend)
        try:
            require_hardware("qiskit_ibm_runtime", name)
        except MissingExtraError as error:
            return BackendInfo(name, installed=False, usable=False, why_not=str(error))
        # Whether there is an account is asked when a device is: asking costs a connection.
        return BackendInfo(
            name,
            installed=True,
            usable=True,
            gradient="parameter-shift",
            native_batching=True,
            shots=True,
            seed=True,
        )

    @property
    def _connection(self) -> ibm_runtime.RuntimeConnection:
        return ibm_runtime.connect(self.device_name, self.mode)

    @property
    def device_name(self) -> str:  # noqa: D102
        return self.name.partition(":")[2]

    @property
    def remembers(self) -> bool:  # noqa: D102
        return True

    @property
    def key(self) -> dict[str, str | int | None]:
        """The facts that change the numbers."""
        return {**super().key, "options": str(self.options)}

    @property
    def target(self) -> BackendV2:  # noqa: D102
        return self._connection.device

    @property
    def optimization_level(self) -> int:  # noqa: D102
        return _LEVEL

    @property
    def most_rows(self) -> int:  # noqa: D102
        return _MOST_EXECUTIONS // (self.shots or 1)

    def chunk_size(self, circuit: Circuit) -> int:
        """Return how many rows are asked for together: as many jobs as they take are sent before one is waited for."""
        return _MOST_EXECUTIONS

    def estimator(self, shots: int | None, seed: int) -> BaseEstimatorV2:
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
            for size in [max(1, self.most_rows // _bases(pub))]
            for start in range(0, len(pub), size)
        ]
        with self._connection.submitting() as submit:
            requests = [
                self._request(part, number, shots, seed, submit)
                for number, (_, part) in enumerate(parts)
            ]
            values = run_jobs(requests, self._connection, self.store, self.patience)
        return [
            np.concatenate([v for (i, _), v in zip(parts, values, strict=True) if i == index])
            for index in range(len(pubs))
        ]

    def _request(self, pub: Pub, number: int, shots: int | None, seed: int, submit: Any) -> Request:
        facts = {**self.key, "shots": shots, "seed": seed, "part": number}

        def send(tag: str) -> tuple[str, Mapping[str, Any]]:
            copies = self.copies(pub)
            ready = [self._transpiled_pub(part, slice(None)) for part in self._spread(pub)]
            options = {
                "resilience_level": 0,
                **json.loads(str(self.options)),
                "default_shots": shots,
            }
            return submit(ready, options, tag, copies), {"copies": copies}

        def read(values: list[Values], details: Mapping[str, Any]) -> Values:
            return unpack(pub, values, int(details["copies"]))

        meta = {**facts, "rows": len(pub), "observables": len(pub.observables)}
        return Request(_fingerprint(pub, facts), meta, send, read)


def _checked(options: str | Mapping[str, Any]) -> str:
    """Return options as text that is equal for equal options."""
    try:
        given = json.loads(options) if isinstance(options, str) else dict(options)
        text = json.dumps(given, sort_keys=True)
        ibm_runtime.sdk().EstimatorV2._options_class(**given)
    except Exception as error:  # pydantic's errors, and JSON's
        raise UsageError(
            f"these are no options of Runtime's Estimator: {options!r}: {error}"
        ) from error
    return text


def _bases(pub: Pub) -> int:
    """Return in how many bases a circuit is measured."""
    words = SparsePauliOp.sum(list(pub.observables))
    return len(words.group_commuting(qubit_wise=True))


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
            digest.update(str(parameter).encode() if numbers.dtype == object else numbers.tobytes())
    for observable in pub.observables:
        digest.update(f"\0{sorted(observable.to_list())}".encode())
    digest.update(str(pub.values.shape).encode() + pub.values.tobytes())
    return digest.hexdigest()
