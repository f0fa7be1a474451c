"""Jobs on machines that are paid for and queued at: none lost, none sent twice."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar

from circuits.backends.job_store import Job, JobStore, Sent, Values
from circuits.errors import UsageError

__all__ = [
    "Job",
    "JobError",
    "JobStore",
    "Patience",
    "Request",
    "Service",
    "TransientError",
    "run_jobs",
]

_log = logging.getLogger(__name__)

T = TypeVar("T")

_LOOKS = 2
"""How often the service's list is searched for a job whose answer was lost, before it is sent again."""


class JobError(UsageError):
    """A job that did not bring its results; those of other jobs are kept, and so is this one's number."""


class TransientError(Exception):
    """A service that did not answer, and may answer soon: asking again costs nothing."""


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
        read: Makes the result of a job's values and its details; a JobError if they are no such result.
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

    def ask(self, call: Callable[[], T], what: str) -> T:
        """Call until the service answers.

        Raises:
            JobError: If it does not.
        """
        error: TransientError | None = None
        for pause in [0.0, *self.pauses()]:
            if error is not None:
                _log.warning("%s: %s; asked again in %g s", what, error, pause)
                self.sleep(pause)
            try:
                return call()
            except TransientError as arrived:
                error = arrived
        raise JobError(
            f"{what}: the service did not answer {self.calls + 1} times ({error}). What was sent is recorded; run the "
            "same again when the connection is back."
        ) from error


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
    by_key = {request.key: request for request in requests}
    kept = {key: store.result(key) for key in by_key}
    results = {key: values for key, values in kept.items() if values is not None}
    waiting = {
        key: _number(request, service, store, patience)
        for key, request in by_key.items()
        if key not in results
    }
    failed: dict[str, str] = {}
    pauses = 0
    while waiting:
        before = len(waiting)
        for key, job_id in list(waiting.items()):
            status = patience.ask(partial(service.status, job_id), f"job {job_id}")
            if status not in {"DONE", "CANCELLED", "ERROR"}:
                continue
            del waiting[key]
            try:
                if status == "DONE":
                    results[key] = _collect(by_key[key], job_id, service, store, patience)
                else:
                    _fail(key, job_id, status, service, store, patience)
                    waiting[key] = _number(by_key[key], service, store, patience)
            except _LostError as error:
                failed[key] = str(error)
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


class _LostError(JobError):
    """One of several jobs brings no result; the others may."""


def _number(request: Request, service: Service, store: JobStore, patience: Patience) -> str:
    """Return the number of the job for a request: one that is under way, else a new one."""
    job = store.ask(request.key, request.meta)
    if job.job_id is not None:
        _log.info("job %s is fetched, it was sent before", job.job_id)
        return job.job_id
    looks = 0  # before it may be sent: an answer was lost, and the service's list may lag behind

    def send() -> Sent:
        nonlocal looks
        # One is found if a process sent it and was killed before it wrote the number.
        found = service.find(job.tag)
        if found is not None:
            return found
        looks -= 1
        if looks > 0:
            raise TransientError("the answer was lost, and the job is not listed")
        looks = _LOOKS
        return request.submit(job.tag)

    return patience.ask(partial(store.send, request.key, send), "sending a job")


def _collect(
    request: Request, job_id: str, service: Service, store: JobStore, patience: Patience
) -> Values:
    job = store.job(request.key)
    values = patience.ask(partial(service.result, job_id), f"the result of job {job_id}")
    try:
        result = request.read(values, {} if job is None else job.details)
    except JobError as error:
        raise _LostError(
            f"job {job_id}: {error}; nothing of it is kept. Ask with another seed to measure again"
        ) from error
    store.finish(request.key, result)
    return result


def _fail(
    key: str, job_id: str, status: str, service: Service, store: JobStore, patience: Patience
) -> None:
    """Record a failure.

    Raises:
        _LostError: If the job has failed too often.
    """
    reason = patience.ask(partial(service.reason, job_id), f"job {job_id}")
    reason = " ".join(reason.split()) or "no reason given"
    _log.warning("job %s: %s, %s", job_id, status.lower(), reason)
    attempts = store.fail(key, job_id, f"{status.lower()}, {reason}")
    if attempts > patience.submissions:
        store.forget(key)  # whoever asks again begins anew
        raise _LostError(f"job {job_id} {status.lower()} after {attempts} attempts: {reason}")
