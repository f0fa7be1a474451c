"""IBM's Runtime service as this library asks it: one device, jobs by number and tag, errors in our words.

Credentials are Qiskit's own business: an account that ``QiskitRuntimeService.save_account`` saved, or its environment
variables. They are neither read nor passed on here.
"""

from __future__ import annotations

import atexit
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from circuits.errors import UsageError, unknown_name
from circuits.jobs import TransientError

if TYPE_CHECKING:
    from qiskit.providers import BackendV2

__all__ = ["RuntimeConnection", "connect", "sdk"]

Values = npt.NDArray[np.float64]

_ACCOUNT = (
    "save it once with qiskit_ibm_runtime.QiskitRuntimeService.save_account(token=...), or set QISKIT_IBM_TOKEN "
    "and QISKIT_IBM_INSTANCE; this library never sees or keeps it"
)

_COPIES = "qkan-copies-"


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
            except TransientError:
                raise
            except Exception as error:
                _raise_if_lost(error)
                raise UsageError(
                    f"there is no IBM Quantum account to use, or it is refused: {_one_line(error)}. To use one, "
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

    def most_shots(self) -> int | None:
        """Return the largest number of shots, if it is known."""
        with _in_our_words("the device's limits"):
            return getattr(self.device, "max_shots", None)

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
                return str(estimator.run(list(pubs)).job_id())

        try:
            yield submit
        finally:
            if batch is not None:
                with _in_our_words("closing a batch"):
                    batch.close()

    def find(self, tag: str) -> tuple[str, Mapping[str, Any]] | None:  # noqa: D102  (as in jobs.Service)
        with _in_our_words("looking for a job"):
            for job in self._service.jobs(job_tags=[tag], limit=None):
                copies = [t.removeprefix(_COPIES) for t in job.tags or () if t.startswith(_COPIES)]
                if copies and job.status() not in {"CANCELLED", "ERROR"}:
                    return job.job_id(), {"copies": int(copies[0])}
        return None

    def status(self, job_id: str) -> str:  # noqa: D102
        with _in_our_words(f"job {job_id}"):
            return str(self._service.job(job_id).status())

    def reason(self, job_id: str) -> str:  # noqa: D102
        with _in_our_words(f"job {job_id}"):
            return str(self._service.job(job_id).error_message() or "")

    def result(self, job_id: str) -> list[Values]:  # noqa: D102
        with _in_our_words(f"the result of job {job_id}"):
            result = self._service.job(job_id).result()
            return [np.asarray(pub.data.evs, dtype=np.float64).T for pub in result]


@contextmanager
def _in_our_words(what: str) -> Iterator[None]:
    """Turn what the service raises into a TransientError, or a UsageError that says what to do."""
    try:
        yield
    except (UsageError, TransientError):
        raise
    except Exception as error:
        _raise_if_lost(error)
        code = _status_code(error)
        if code in {401, 403} or type(error).__name__ == "IBMNotAuthorizedError":
            raise UsageError(
                f"{what}: IBM refuses the account ({_one_line(error)}); it may have expired. To use another, "
                f"{_ACCOUNT}."
            ) from error
        raise UsageError(f"{what}: {_one_line(error)}") from error


def _raise_if_lost(error: Exception) -> None:
    """Raise a TransientError if a connection was lost, or the service is down or busy."""
    lost = any(
        isinstance(link, ConnectionError | TimeoutError) or _is_lost(link) for link in _chain(error)
    )
    code = _status_code(error)
    if lost or code == 429 or 500 <= code < 600:
        raise TransientError(_one_line(error)) from error


def _is_lost(error: BaseException) -> bool:
    """Whether ``requests`` lost a connection; its errors are no ConnectionError of Python's."""
    return any(kind.__name__ in {"ConnectionError", "Timeout"} for kind in type(error).__mro__)


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


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()).strip(
        "'\""
    )  # Qiskit's errors print their message in quotes
    return text.rstrip(".") or type(error).__name__
