"""The record of jobs: what was sent where, under which number, and what came back.

One SQLite file, because it is written whole or not at all whoever is killed, and shared by processes. Results are
arrays in NumPy's format, read without pickle: nothing in it can run.
"""

from __future__ import annotations

import io
import json
import logging
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import platformdirs

from circuits.errors import UsageError

__all__ = ["Job", "JobStore"]

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
