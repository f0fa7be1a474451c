"""From what is wanted to results, through jobs that may be slow, lost, cancelled or already under way."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from circuits.jobs.errors import JobError, TransientError
from circuits.jobs.store import JobStore

__all__ = ["Patience", "Request", "Service", "run_jobs"]

_log = logging.getLogger(__name__)

Values = npt.NDArray[np.float64]
T = TypeVar("T")

Sent = tuple[str, Mapping[str, Any]]
"""A job's number, and what is needed to read its result (JSON), which the service keeps beside its tag."""


class Service(Protocol):
    """What is asked of a provider; each call may raise :class:`TransientError`."""

    def find(self, tag: str) -> Sent | None:
        """Return the job with this tag that has neither failed nor been cancelled, or None."""

    def status(self, job_id: str) -> str:
        """Return QUEUED, RUNNING, DONE, CANCELLED or ERROR (or another word for not yet done)."""

    def reason(self, job_id: str) -> str:
        """Return why a job failed."""

    def result(self, job_id: str) -> list[Values]:
        """Return a finished job's values, one array a PUB."""


@dataclass(frozen=True, eq=False)
class Request:
    """One result that is wanted.

    Attributes:
        key: The hash of all that determines it.
        meta: What it is, for people; JSON.
        submit: Sends a job with a tag.
        read: Makes the result of a job's values and its details.
    """

    key: str
    meta: Mapping[str, Any]
    submit: Callable[[str], Sent]
    read: Callable[[list[Values], Mapping[str, Any]], Values]


@dataclass(frozen=True)
class Patience:
    """How long to wait, and how often to try.

    Args:
        timeout: Seconds to wait for all jobs; None to wait for as long as it takes.
        calls: How often a call is repeated while the service does not answer.
        submissions: How often a job that failed or was cancelled is sent again.
        first, longest: Seconds between questions; each is twice the last.
        sleep: Waits.
        clock: Seconds.
    """

    timeout: float | None = None
    calls: int = 8
    submissions: int = 2
    first: float = 1.0
    longest: float = 30.0
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)

    def pauses(self) -> Sequence[float]:
        """Return the pauses between repeated calls."""
        return [min(self.longest, self.first * 2**k) for k in range(self.calls)]


def run_jobs(
    requests: Sequence[Request], service: Service, store: JobStore, patience: Patience
) -> list[Values]:
    """Return the results that are wanted: kept ones, those of jobs under way, and of jobs that are sent now.

    All jobs are sent before the first is waited for. Each is recorded before it is sent, and its result as soon as it
    is there; a job that fails or is cancelled is sent again alone. Whatever is raised, what was recorded stays, and the
    same requests go on from there.

    Args:
        requests: What is wanted.
        service: The provider.
        store: The record.
        patience: How long to wait.

    Raises:
        JobError: If a job fails too often, the service does not answer, or time is up.
    """
    deadline = None if patience.timeout is None else patience.clock() + patience.timeout
    results: dict[str, Values] = {}
    waiting: dict[str, str] = {}
    by_key = {request.key: request for request in requests}
    for key, request in by_key.items():
        kept = store.result(key)
        if kept is None:
            waiting[key] = _number(request, service, store, patience)
        else:
            results[key] = kept
    failed: dict[str, str] = {}
    pauses = 0
    while waiting:
        before = len(waiting)
        for key, job_id in list(waiting.items()):
            status = _ask(partial(service.status, job_id), patience, f"job {job_id}")
            if status == "DONE":
                results[key] = _collect(by_key[key], job_id, service, store, patience)
                del waiting[key]
            elif status in {"CANCELLED", "ERROR"}:
                del waiting[key]
                again = _after_failure(by_key[key], job_id, status, service, store, patience)
                if isinstance(again, JobError):
                    failed[key] = str(again)
                else:
                    waiting[key] = again
        if not waiting:
            break
        if deadline is not None and patience.clock() >= deadline:
            raise JobError(
                f"{len(waiting)} of {len(by_key)} jobs are not done after {patience.timeout:g} s: "
                f"{', '.join(waiting.values())}. They go on; run the same again to fetch them. "
                f"{len(results)} results are kept in {store.path}."
            )
        pauses = pauses + 1 if len(waiting) == before else 0
        patience.sleep(min(patience.longest, patience.first * 2 ** min(pauses, 16)))
    if failed:
        raise JobError(
            f"{len(failed)} of {len(by_key)} jobs failed; {len(results)} results are kept in {store.path}: "
            + "; ".join(failed.values())
        )
    return [results[request.key] for request in requests]


def _number(request: Request, service: Service, store: JobStore, patience: Patience) -> str:
    """Return the number of the job for a request: one that is under way, else a new one."""
    job = store.ask(request.key, request.meta)
    if job.job_id is not None:
        _log.info("job %s is fetched, it was sent before", job.job_id)
        return job.job_id
    tag = f"{job.tag}-{len(job.failures)}"

    def send() -> str:
        with store.sending(request.key) as sending:
            if sending.job_id is not None:
                return sending.job_id
            # One is found if a process sent it and was killed before it wrote the number.
            job_id, details = service.find(tag) or request.submit(tag)
            sending.sent(job_id, details)
            return job_id

    return _ask(send, patience, "sending a job")


def _collect(
    request: Request, job_id: str, service: Service, store: JobStore, patience: Patience
) -> Values:
    job = store.job(request.key)
    values = _ask(partial(service.result, job_id), patience, f"the result of job {job_id}")
    result = request.read(values, {} if job is None else job.details)
    store.finish(request.key, result)
    return result


def _after_failure(
    request: Request,
    job_id: str,
    status: str,
    service: Service,
    store: JobStore,
    patience: Patience,
) -> str | JobError:
    """Record a failure; send the job again, or return the error if it has failed too often."""
    reason = _ask(partial(service.reason, job_id), patience, f"job {job_id}")
    reason = " ".join(reason.split()) or "no reason given"
    store.fail(request.key, job_id, f"{status.lower()}, {reason}")
    job = store.job(request.key)
    failures = () if job is None else job.failures
    _log.warning("job %s: %s, %s", job_id, status.lower(), reason)
    if len(failures) > patience.submissions:
        store.forget(request.key)  # whoever asks again begins anew
        return JobError(f"job {job_id} {status.lower()} after {len(failures)} attempts: {reason}")
    return _number(request, service, store, patience)


def _ask(call: Callable[[], T], patience: Patience, what: str) -> T:
    """Call until the service answers."""
    error: TransientError | None = None
    for pause in [0.0, *patience.pauses()]:
        if error is not None:
            _log.warning("%s: %s; asked again in %g s", what, error, pause)
            patience.sleep(pause)
        try:
            return call()
        except TransientError as arrived:
            error = arrived
    raise JobError(
        f"{what}: the service did not answer {patience.calls + 1} times ({error}). What was sent is recorded; run the "
        "same again when the connection is back."
    ) from error
