"""The record of jobs: what was sent where, under which number, and what came back.

Each job is a sealed file (:mod:`circuits.store`), written whole or not at all whoever is killed, and shared by
processes. A result that is damaged is fetched again, and a job whose number is lost is found by its tag.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import platformdirs
from filelock import FileLock, Timeout

from circuits.errors import UsageError
from circuits.store import DamagedFileError, Sealed, read, write

__all__ = ["Job", "JobStore", "Sent", "Values"]

_log = logging.getLogger(__name__)

Values = npt.NDArray[np.float64]

Sent = tuple[str, Mapping[str, Any]]
"""A job's number, and what is needed to read its result (JSON), which the service keeps beside its tag."""

_FORMAT = "hybrid-qkan job 1"
_WAIT = 60.0
"""Seconds to wait while another process submits."""


@dataclass(frozen=True)
class Job:
    """What is known of one job.

    Attributes:
        key: The hash of all that determines the result.
        meta: What it is, for people.
        created: When it was first asked for, UTC.
        job_id: Its number on the service, if it was sent.
        details: What the sender needs to read the result.
        failures: Numbers and reasons of jobs that failed or were cancelled before.
        finished: When the result came, UTC, or None.
    """

    key: str
    meta: Mapping[str, Any]
    created: str
    job_id: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    failures: tuple[str, ...] = ()
    finished: str | None = None

    @property
    def tag(self) -> str:
        """What the job is tagged with on the service, so that it is found even if its number was lost."""
        return f"qkan-{self.key[:24]}-0"


class JobStore:
    """Jobs by the hash of what was asked for.

    Args:
        path: The folder; by default ``jobs`` in the folder that the environment variable ``QKAN_CACHE`` names, else in
            the platform's cache folder. It is made when the first job is recorded. Its files are their owner's alone.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = JobStore(folder)
        ...     job = store.ask("ab12", {"backend": "ibm:one"})
        ...     store.finish("ab12", np.ones(2))
        ...     job.job_id, store.result("ab12")
        (None, array([1., 1.]))
    """

    def __init__(self, path: str | os.PathLike[str] | None = None):
        cache = os.environ.get("QKAN_CACHE")
        default = (
            Path(cache) if cache else platformdirs.user_cache_path("hybrid-qkan", appauthor=False)
        )
        self.path = (Path(path) if path is not None else default / "jobs").expanduser()

    def __repr__(self) -> str:
        return f"JobStore({str(self.path)!r})"

    def ask(self, key: str, meta: Mapping[str, Any]) -> Job:
        """Record that a result is wanted, before anything is sent; return what is known already.

        Args:
            key: The hash of all that determines the result.
            meta: What it is, for people; JSON.

        Raises:
            UsageError: If nothing can be recorded.
        """
        with self._alone():
            return self.job(key) or self._keep(Job(key, meta, _now()))

    def job(self, key: str) -> Job | None:
        """Return what is known of a job, or None."""
        found = self._read(key, "job")
        if found is None:
            return None
        return Job(**{**found.facts, "failures": tuple(found.facts["failures"])})

    def jobs(self) -> list[Job]:
        """Return all jobs, the newest first."""
        found = [self.job(path.stem) for path in sorted(self.path.glob("*.job"))]
        known = [job for job in found if job is not None]
        return sorted(known, key=lambda job: job.created, reverse=True)

    def result(self, key: str) -> Values | None:
        """Return a finished job's values, or None."""
        found = self._read(key, "result")
        return None if found is None else found.arrays["values"]

    def finish(self, key: str, values: Values) -> None:
        """Keep the values of a job."""
        with self._alone():
            job = self.job(key) or Job(key, {}, _now())
            write(self._file(key, "result"), _FORMAT, {"key": key}, {"values": values}, mode=0o600)
            self._keep(replace(job, finished=_now()))

    def fail(self, key: str, job_id: str, reason: str) -> int:
        """Record that a job failed or was cancelled, so that it is sent again; return how often that happened."""
        with self._alone():
            job = self.job(key) or Job(key, {}, _now())
            failures = (*job.failures, f"{job_id}: {reason}")
            if job.job_id == job_id:
                self._keep(replace(job, job_id=None, details={}, failures=failures))
        return len(failures)

    def forget(self, key: str) -> None:
        """Remove a job and its result from the record; on the service it stays."""
        for kind in ("job", "result"):
            self._file(key, kind).unlink(missing_ok=True)

    def send(self, key: str, send: Callable[[], Sent]) -> str:
        """Return the job's number; send it if it has none, while no other process can.

        Who is killed in between leaves the job as it was, and everyone else may go on.
        """
        with self._alone():
            job = self.job(key) or Job(key, {}, _now())
            if job.job_id is None:
                job_id, details = send()
                job = self._keep(replace(job, job_id=job_id, details=details))
            return str(job.job_id)

    def _file(self, key: str, kind: str) -> Path:
        return self.path / f"{key}.{kind}"

    def _read(self, key: str, kind: str) -> Sealed | None:
        """Return one of the files of a job; None if it is not there, or damaged."""
        try:
            found = read(self._file(key, kind), _FORMAT)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except DamagedFileError as error:
            _log.warning("%s: it is asked for again", error)
            return None
        return found if found.facts.get("key") == key else None

    def _keep(self, job: Job) -> Job:
        write(self._file(job.key, "job"), _FORMAT, asdict(job), {}, mode=0o600)
        return job

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes from changing the record."""
        lock = FileLock(self.path / "lock", timeout=_WAIT, mode=0o600)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout as error:
            raise UsageError(
                f"another process sends jobs of {self.path}; try again when it has finished."
            ) from error
        except OSError as error:
            raise UsageError(
                f"the record of jobs {self.path} cannot be used: {error}. Free some space, or choose another folder "
                "with the environment variable QKAN_CACHE."
            ) from error
        try:
            yield
        finally:
            lock.release()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
