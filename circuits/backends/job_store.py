"""The record of jobs: what was sent where, under which number, and what came back.

Each job is a sealed file (:mod:`circuits.store`), written whole or not at all whoever is killed, and shared by
processes; so is its result. One that is damaged counts as missing: a result is then fetched again, and a job whose
number is lost is found by its tag.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout

from circuits.errors import UsageError
from circuits.store import (
    Arrays,
    DamagedFileError,
    Sealed,
    cache_folder,
    explained,
    private_folder,
    read,
    write,
)

__all__ = ["Job", "JobStore", "Values"]

_log = logging.getLogger(__name__)

Values = npt.NDArray[np.float64]

_FORMAT = "hybrid-qkan job 1"
_WAIT = 10.0
"""Seconds to wait, after saying so, while another process sends the same job."""


@dataclass(frozen=True)
class Job:
    """What is known of one job.

    Attributes:
        key: The hash of all that determines the result.
        meta: What it is, for people; JSON.
        created: When it was first asked for, UTC.
        job_id: Its number on the service, if it is known.
        details: What the sender needs to read the result; the service keeps it beside the tag.
        failures: Numbers and reasons of jobs that failed or were cancelled before.
        sending: Whether it was tried to send it, so that it may have arrived although no number is known.
    """

    key: str
    meta: Mapping[str, Any]
    created: str
    job_id: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    failures: tuple[str, ...] = ()
    sending: bool = False

    @property
    def tag(self) -> str:
        """What the job is tagged with on the service, so that it is found even if its number was lost.

        The same after failures: a record that is lost has forgotten how many there were.
        """
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
        ...     job = store.keep(Job("ab12", {"device": "ibm:one"}, "2026-12-01", "job-7"))
        ...     store.finish("ab12", np.ones(2))
        ...     store.job("ab12").job_id, store.result("ab12")
        ('job-7', array([1., 1.]))
    """

    def __init__(self, path: str | os.PathLike[str] | None = None):
        self.path = cache_folder() / "jobs" if path is None else Path(path).expanduser()

    def __repr__(self) -> str:
        return f"JobStore({str(self.path)!r})"

    def job(self, key: str) -> Job | None:
        """Return what is known of a job, or None.

        Raises:
            UsageError: If a newer version or another program wrote its file, or it may not be read.
        """
        found = self._read(key, "job")
        if found is None:
            return None
        facts = {f.name: found.facts[f.name] for f in fields(Job) if f.name in found.facts}
        return Job(**{**facts, "failures": tuple(facts["failures"])})

    def jobs(self) -> list[Job]:
        """Return all jobs, the newest first."""
        found = [self.job(path.stem) for path in self.path.glob("*.job")]
        return sorted(filter(None, found), key=lambda job: (job.created, job.key), reverse=True)

    def keep(self, job: Job) -> Job:
        """Record what is known of a job.

        Raises:
            UsageError: If it cannot be recorded.
        """
        self._write(job.key, "job", asdict(job), {})
        return job

    def result(self, key: str) -> Values | None:
        """Return a finished job's values, or None."""
        found = self._read(key, "result")
        return None if found is None else found.arrays["values"]

    def finished(self, key: str) -> bool:
        """Return whether a job's values are kept."""
        return self._file(key, "result").exists()

    def finish(self, key: str, values: Values) -> None:
        """Keep the values of a job."""
        self._write(key, "result", {"key": key}, {"values": values})

    def forget(self, key: str) -> None:
        """Remove a job and its result from the record; on the service it stays."""
        for kind in ("job", "result"):
            self._file(key, kind).unlink(missing_ok=True)

    @contextmanager
    def alone(self, key: str) -> Iterator[Job | None]:
        """Yield what is known of a job, while no other process can send it or change its record.

        Who is killed in between leaves the job as it was, and everyone else may go on.

        Raises:
            UsageError: If another process takes too long, or nothing can be recorded.
        """
        lock = FileLock(self.path / f"{key[:2]}.lock", mode=0o600)
        try:
            private_folder(self.path)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                _log.warning("another process sends jobs of %s; waiting for it", self.path)
                lock.acquire(timeout=_WAIT)
        except Timeout as error:
            raise UsageError(
                f"another process sends jobs of {self.path}; try again when it has finished."
            ) from error
        except OSError as error:
            raise self._unusable(error) from error
        try:
            yield self.job(key)
        finally:
            lock.release()

    def _file(self, key: str, kind: str) -> Path:
        return self.path / f"{key}.{kind}"

    def _unusable(self, error: OSError) -> UsageError:
        return UsageError(f"the record of jobs {self.path} cannot be used: {explained(error)}")

    def _write(self, key: str, kind: str, facts: Mapping[str, Any], arrays: Arrays) -> None:
        try:
            private_folder(self.path)
        except OSError as error:
            raise self._unusable(error) from error
        write(self._file(key, kind), _FORMAT, facts, arrays, mode=0o600)

    def _read(self, key: str, kind: str) -> Sealed | None:
        """Return one of the files of a job; None if it is not there, or damaged."""
        path = self._file(key, kind)
        try:
            found = read(path, _FORMAT)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._unusable(error) from error
        except DamagedFileError as error:
            _log.warning("%s: it is asked for again", error)
            return None
        if found.facts.get("key") != key:
            _log.warning("%s is the file of another job: it is asked for again", path)
            return None
        return found
