"""Jobs on machines that are paid for and queued at: none lost, none sent twice.

The record is one SQLite file, because it is written whole or not at all whoever is killed, and shared by processes.
Results are arrays in NumPy's format, read without pickle: nothing in it can run.
"""

from __future__ import annotations

import io
import json
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import platformdirs

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


class JobError(UsageError):
    """A job that did not bring its results; those of other jobs are kept, and so is this one's number."""


class TransientError(Exception):
    """A service that did not answer, and may answer soon: asking again costs nothing."""


_log = logging.getLogger(__name__)

_TABLE = """
CREATE TABLE IF NOT EXISTS jobs (
    key TEXT PRIMARY KEY, tag TEXT NOT NULL, meta TEXT NOT NULL, created TEXT NOT NULL,
    job_id TEXT, details TEXT, failures TEXT NOT NULL DEFAULT '[]', result BLOB, finished TEXT
)"""

_COLUMNS = "key, tag, meta, created, job_id, details, failures, finished"

_WAIT = 600.0
"""Seconds to wait while another process submits."""


@dataclass(frozen=True)
class Job:
    """What is known of one job.

    Attributes:
        key: The hash of all that determines the result.
        tag: What the job is tagged with on the service, so that it is found even if its number was lost.
        meta: What it is, for people.
        created: When it was first asked for, UTC.
        job_id: Its number on the service, if it was sent.
        details: What the sender needs to read the result.
        failures: Numbers and reasons of jobs that failed or were cancelled before.
        finished: When the result came, UTC, or None.
    """

    key: str
    tag: str
    meta: Mapping[str, Any]
    created: str
    job_id: str | None
    details: Mapping[str, Any]
    failures: tuple[str, ...]
    finished: str | None


class JobStore:
    """Jobs by the hash of what was asked for.

    Args:
        path: The file; by default ``jobs.sqlite`` in the folder that the environment variable ``QKAN_CACHE`` names,
            else in the platform's cache folder. It is made when the first job is recorded.

    Raises:
        UsageError: If it cannot be opened, or is no such file.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = JobStore(f"{folder}/jobs.sqlite")
        ...     job = store.ask("ab12", {"backend": "ibm:one"})
        ...     store.finish("ab12", np.ones(2))
        ...     job.job_id, store.result("ab12")
        (None, array([1., 1.]))
    """

    def __init__(self, path: str | os.PathLike[str] | None = None):
        folder = os.environ.get("QKAN_CACHE")
        default = (
            Path(folder).expanduser()
            if folder
            else platformdirs.user_cache_path("hybrid-qkan", appauthor=False)
        )
        self.path = Path(path).expanduser() if path is not None else default / "jobs.sqlite"

    def __repr__(self) -> str:
        return f"JobStore({str(self.path)!r})"

    def ask(self, key: str, meta: Mapping[str, Any]) -> Job:
        """Record that a result is wanted, before anything is sent; return what is known already.

        Args:
            key: The hash of all that determines the result.
            meta: What it is, for people; JSON.
        """
        with self._open() as database:
            database.execute(
                "INSERT INTO jobs (key, tag, meta, created) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (key, f"qkan-{key[:24]}", json.dumps(meta), _now()),
            )
        job = self.job(key)
        assert job is not None  # written above
        return job

    def job(self, key: str) -> Job | None:
        """Return what is known of a job, or None."""
        found = self._jobs("WHERE key = ?", key)
        return found[0] if found else None

    def jobs(self) -> list[Job]:
        """Return all jobs, the newest first."""
        return self._jobs("ORDER BY created DESC, key")

    def _jobs(self, which: str, *values: str) -> list[Job]:
        if not self.path.exists():
            return []
        with self._open() as database:
            rows = database.execute(f"SELECT {_COLUMNS} FROM jobs {which}", values).fetchall()
        return [
            Job(key, tag, json.loads(meta), created, job_id, json.loads(details or "{}"),
                tuple(json.loads(failures)), finished)
            for key, tag, meta, created, job_id, details, failures, finished in rows
        ]  # fmt: skip

    def result(self, key: str) -> npt.NDArray[np.float64] | None:
        """Return a finished job's values, or None; None, too, if they are damaged."""
        if not self.path.exists():
            return None
        with self._open() as database:
            row = database.execute("SELECT result FROM jobs WHERE key = ?", (key,)).fetchone()
        if row is None or row[0] is None:
            return None
        try:
            values: npt.NDArray[np.float64] = np.load(io.BytesIO(row[0]), allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            _log.warning(
                "the kept result of job %s is damaged (%s): it is fetched again", key, error
            )
            return None
        return values

    def finish(self, key: str, values: npt.NDArray[np.float64]) -> None:
        """Keep the values of a job."""
        content = io.BytesIO()
        np.save(content, values, allow_pickle=False)
        with self._open() as database:
            database.execute(
                "UPDATE jobs SET result = ?, finished = ? WHERE key = ?",
                (content.getvalue(), _now(), key),
            )

    def fail(self, key: str, job_id: str, reason: str) -> None:
        """Record that a job failed or was cancelled, so that it is sent again when it is next asked for."""
        job = self.job(key)
        failures = [*(job.failures if job else ()), f"{job_id}: {reason}"]
        with self._open() as database:
            database.execute(
                "UPDATE jobs SET job_id = NULL, details = NULL, failures = ? WHERE key = ? AND job_id = ?",
                (json.dumps(failures), key, job_id),
            )

    def forget(self, key: str) -> None:
        """Remove a job and its result from the record; on the service it stays."""
        with self._open() as database:
            database.execute("DELETE FROM jobs WHERE key = ?", (key,))

    @contextmanager
    def sending(self, key: str) -> Iterator[Sending]:
        """Keep other processes from sending until the number of the job is written.

        Who is killed in between leaves the job as it was, and everyone else may go on.
        """
        with self._open(exclusive=True) as database:
            yield Sending(database, key)

    @contextmanager
    def _open(self, exclusive: bool = False) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unusable(error) from error
        try:
            with closing(sqlite3.connect(self.path, timeout=_WAIT)) as database, database:
                database.execute(_TABLE)
                if exclusive:
                    database.execute("BEGIN IMMEDIATE")
                yield database
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> UsageError:
        return UsageError(
            f"the record of jobs {self.path} cannot be used: {error}. Free some space, or choose another folder "
            "with the environment variable QKAN_CACHE."
        )


@dataclass(frozen=True)
class Sending:
    """The right to send one job."""

    database: sqlite3.Connection
    key: str

    @property
    def job_id(self) -> str | None:
        """The number that another process has written meanwhile."""
        query = "SELECT job_id FROM jobs WHERE key = ?"
        job_id: str | None = self.database.execute(query, (self.key,)).fetchone()[0]
        return job_id

    def sent(self, job_id: str, details: Mapping[str, Any]) -> None:
        """Write the number of the job."""
        self.database.execute(
            "UPDATE jobs SET job_id = ?, details = ? WHERE key = ?",
            (job_id, json.dumps(details), self.key),
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


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
