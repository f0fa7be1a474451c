"""Jobs on machines that are paid for and queued at: none lost, none sent twice, no result believed unseen."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol, TypeVar

from circuits.backends.job_store import Job, JobStore, Values
from circuits.errors import UsageError

__all__ = [
    "FAILED",
    "UNDER_WAY",
    "AwayError",
    "BusyError",
    "Job",
    "JobError",
    "JobStore",
    "Patience",
    "RefusedError",
    "Request",
    "Sent",
    "Service",
    "StrangerError",
    "TransientError",
    "run_jobs",
    "status_of",
]

_log = logging.getLogger(__name__)

T = TypeVar("T")

Sent = tuple[str, Mapping[str, Any]]
"""A job's number, and what is needed to read its result (JSON), which the service keeps beside its tag."""

UNDER_WAY = {"INITIALIZING", "VALIDATING", "QUEUED", "RUNNING"}
FAILED = {"CANCELLED", "ERROR"}


class JobError(UsageError):
    """A job that did not bring its results; those of other jobs are kept, and so is this one's number."""


class AwayError(JobError):
    """A service that did not answer for long."""


class RefusedError(JobError):
    """A service that answered, and said no: nothing was sent."""


class StrangerError(JobError):
    """A job that has another tag than the one that was asked for."""


class TransientError(Exception):
    """A service that did not answer, and may answer soon: asking again costs nothing."""


class BusyError(TransientError):
    """A service that answered that it has no time now: nothing was sent."""


class Service(Protocol):
    """What is asked of a provider; each call may raise a :class:`TransientError` or a :class:`JobError`."""

    def find(self, tag: str) -> Sent | None:
        """Return the job with this tag that has neither failed nor been cancelled, or None."""

    def status(self, job_id: str, tag: str) -> str:
        """Return INITIALIZING, VALIDATING, QUEUED, RUNNING, DONE, CANCELLED or ERROR.

        Raises:
            StrangerError: If the job with this number has another tag; so do the next two.
        """

    def reason(self, job_id: str, tag: str) -> str:
        """Return why a job failed."""

    def result(self, job_id: str, tag: str) -> Any:
        """Return what a finished job brought."""


@dataclass(frozen=True, eq=False)
class Request:
    """One result that is wanted.

    Attributes:
        key: The hash of all that determines it.
        meta: What it is, for people; JSON.
        submit: Sends a job with a tag.
        read: Makes the values of what a job brought; a JobError if that is no such result.
    """

    key: str
    meta: Mapping[str, Any]
    submit: Callable[[str], Sent]
    read: Callable[[Any, Job], Values]


@dataclass(frozen=True)
class Patience:
    """How long to wait, and how often to try.

    Args:
        timeout: Seconds to wait for all jobs; None to wait for as long as it takes.
        calls: How often a call is repeated while the service does not answer, and how often a job whose answer was lost
            is looked for before it is sent again.
        submissions: How often a job that failed or was cancelled is sent again, and a result that is none asked for.
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

    def ask(self, call: Callable[[], T], what: str, again: type[Exception] = TransientError) -> T:
        """Call until the service answers.

        Args:
            call: The call.
            what: Names it in messages.
            again: The errors after which it is repeated.

        Raises:
            AwayError: If it does not.
        """
        error: Exception | None = None
        for pause in [0.0, *self.pauses()]:
            if error is not None:
                _log.warning("%s: %s; asked again in %g s", what, error, pause)
                self.sleep(pause)
            try:
                return call()
            except again as arrived:
                error = arrived
        raise AwayError(
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
        JobError: If a job fails too often or brings no result, the service does not answer, or time is up.
    """
    deadline = None if patience.timeout is None else patience.clock() + patience.timeout
    by_key = {request.key: request for request in requests}
    kept = {key: store.result(key) for key in by_key}
    results = {key: values for key, values in kept.items() if values is not None}
    desk = _Desk(service, store, patience)
    waiting: dict[str, Job | None] = {key: None for key in by_key if key not in results}
    failed: dict[str, str] = {}

    def move(key: str) -> None:
        """Send the job of a request, or see how it is; one that brings no result hinders no other."""
        try:
            job = waiting.pop(key)
            found = desk.send(by_key[key]) if job is None else desk.advance(by_key[key], job)
        except AwayError:
            raise
        except JobError as error:
            failed[key] = str(error)
        else:
            if isinstance(found, Job):
                waiting[key] = found
            else:
                results[key] = found

    for key in list(waiting):
        move(key)
    pauses = 0
    while waiting:
        before = len(waiting)
        for key in list(waiting):
            move(key)
        if not waiting:
            break
        if deadline is not None and patience.clock() >= deadline:
            numbers = ", ".join(str(job and job.job_id) for job in waiting.values())
            raise JobError(
                f"{len(waiting)} of {len(by_key)} jobs are not done after {patience.timeout:g} s: {numbers}. "
                f"They go on; run the same again to fetch them. {len(results)} results are kept in {store.path}."
            )
        pauses = pauses + 1 if len(waiting) == before else 0
        patience.sleep(min(patience.longest, patience.first * 2 ** min(pauses, 16)))
    if failed:
        raise JobError(
            f"{len(failed)} of {len(by_key)} jobs failed; {len(results)} results are kept in {store.path}: "
            + "; ".join(dict.fromkeys(failed.values()))
        )
    return [results[request.key] for request in requests]


def status_of(word: Any) -> str:
    """Return a status in capitals, also where a service gives a member of an enumeration."""
    return str(getattr(word, "name", word)).upper()


class _Desk:
    """Sends jobs and fetches their results, one at a time."""

    def __init__(self, service: Service, store: JobStore, patience: Patience):
        self.service, self.store, self.patience = service, store, patience
        self.doubted: set[str] = set()

    def send(self, request: Request) -> Job:
        """Return the job for a request: one that is under way, else a new one.

        Raises:
            JobError: If it could not be sent.
        """
        with self.store.alone(request.key) as known:
            job = known or Job(request.key, dict(request.meta), _now())
            if job.job_id is not None:
                _log.info("job %s is fetched, it was sent before", job.job_id)
                return job
            lost: Exception | None = None
            for _ in range(self.patience.submissions + 1):
                # It arrived if a process was killed before it wrote the number, or only the answer was lost.
                found = self.find(job)
                if found is None and isinstance(lost, JobError):
                    raise lost
                if found is None:
                    job = self.store.keep(replace(job, sending=True))
                    send = partial(request.submit, job.tag)
                    try:
                        found = self.patience.ask(send, "sending a job", BusyError)
                    except TransientError as error:
                        lost = error
                    except UsageError as error:
                        if type(error) is not JobError:  # else it is unknown whether it arrived
                            self.store.keep(replace(job, sending=False))
                            raise
                        lost = error
                if found is not None:
                    return self.store.keep(replace(job, job_id=found[0], details=found[1]))
                _log.warning("sending a job: %s; it is looked for before it is sent again", lost)
        raise AwayError(
            f"sending a job: the answer was lost {self.patience.submissions + 1} times ({lost}), and the job is not "
            "listed; run the same again when the connection is back."
        )

    def find(self, job: Job) -> Sent | None:
        """Look for a job by its tag; often if it may have arrived, for the service's list may lag behind."""
        for pause in [0.0, *(self.patience.pauses() if job.sending else ())]:
            if pause:
                self.patience.sleep(pause)
            look = partial(self.service.find, job.tag)
            found = self.patience.ask(look, "looking for a job")
            if found is not None:
                return found
        return None

    def advance(self, request: Request, job: Job) -> Job | Values:
        """Return a job's values if it is done, else the job to go on waiting for.

        Raises:
            JobError: If it brings none.
        """
        name = f"job {job.job_id}"
        try:
            status = self.patience.ask(partial(self.status, job), name)
            if status in UNDER_WAY:
                return job
            if status == "DONE":
                return self.collect(request, job)
            if str(job.job_id) not in self.doubted:  # asked once more: a failure costs a job
                self.doubted.add(str(job.job_id))
                return job
            asking = partial(self.service.reason, str(job.job_id), job.tag)
            reason = " ".join(self.patience.ask(asking, name).split()) or "no reason given"
        except StrangerError as error:
            found = self.find(replace(job, sending=True))
            if found is None or found[0] in {job.job_id, *self.doubted}:
                raise
            _log.warning("%s: %s; it is job %s", name, error, found[0])
            self.doubted.add(str(job.job_id))
            return self.store.keep(replace(job, job_id=found[0], details=found[1]))
        _log.warning("%s: %s, %s", name, status.lower(), reason)
        with self.store.alone(request.key) as known:
            job = known or job
            failures = (*job.failures, f"{name.removeprefix('job ')}: {status.lower()}, {reason}")
            if name == f"job {job.job_id}":  # else another process has sent it again
                self.store.keep(
                    replace(job, job_id=None, details={}, failures=failures, sending=False)
                )
        if len(failures) > self.patience.submissions:
            self.store.forget(request.key)  # whoever asks again begins anew
            raise JobError(f"{name} {status.lower()} after {len(failures)} attempts: {reason}")
        return self.send(request)

    def status(self, job: Job) -> str:
        """Return the status of a job; a word that means nothing to us counts as no answer."""
        status = status_of(self.service.status(str(job.job_id), job.tag))
        if status not in {*UNDER_WAY, *FAILED, "DONE"}:
            raise TransientError(f"its status is {status!r}, which is none that is known")
        return status

    def collect(self, request: Request, job: Job) -> Values:
        """Return and keep the values of a job that is done; what is no result of it is asked for again."""
        asking = partial(self.service.result, str(job.job_id), job.tag)
        error: JobError | None = None
        for pause in [0.0, *self.patience.pauses()][: self.patience.submissions + 1]:
            if error is not None:
                _log.warning("job %s: %s; asked again in %g s", job.job_id, error, pause)
                self.patience.sleep(pause)
            try:
                values = request.read(
                    self.patience.ask(asking, f"the result of job {job.job_id}"), job
                )
            except (AwayError, StrangerError):
                raise
            except JobError as arrived:
                error = arrived
            else:
                self.store.finish(request.key, values)
                return values
        raise JobError(
            f"job {job.job_id}: {error}; nothing of it is kept. Run the same again to ask for it again, "
            "or with another seed to measure again"
        ) from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
