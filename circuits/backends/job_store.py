"""The record of jobs: what was sent where, under which number, and what came back.

One SQLite file, because it is written whole or not at all whoever is killed, and shared by processes. Results in it are
sealed (:mod:`circuits.store`): what is damaged is fetched again, and nothing in it can run.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import platformdirs

from circuits.errors import UsageError
from circuits.store import DamagedFileError, OtherFormatError, decode, encode

__all__ = ["Job", "JobStore", "Sent", "Values"]

_log = logging.getLogger(__name__)

Values = npt.NDArray[np.float64]

Sent = tuple[str, Mapping[str, Any]]
"""A job's number, and what is needed to read its result (JSON), which the service keeps beside its tag."""

_FORMAT = "hybrid-qkan job 1"
_VERSION = 1
_TABLE = """
CREATE TABLE IF NOT EXISTS jobs (
    key TEXT PRIMARY KEY, tag TEXT NOT NULL, meta TEXT NOT NULL, created TEXT NOT NULL,
    job_id TEXT, details TEXT, failures TEXT NOT NULL DEFAULT '[]', result BLOB, finished TEXT
)"""
_COLUMNS = "key, tag, meta, created, job_id, details, failures, finished"

_WAIT = 60.0
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
            else in the platform's cache folder. It is made when the first job is recorded, for its owner alone.

    Raises:
        UsageError: If it cannot be opened, is no such file, or a newer version wrote it.

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
            Path(folder) if folder else platformdirs.user_cache_path("hybrid-qkan", appauthor=False)
        )
        self.path = (Path(path) if path is not None else default / "jobs.sqlite").expanduser()

    def __repr__(self) -> str:
        return f"JobStore({str(self.path)!r})"

    def ask(self, key: str, meta: Mapping[str, Any]) -> Job:
        """Record that a result is wanted, before anything is sent; return what is known already.

        Args:
            key: The hash of all that determines the result.
            meta: What it is, for people; JSON.
        """
        new = (key, f"qkan-{key[:24]}", json.dumps(meta), _now())
        with self._open() as database:
            database.execute(
                "INSERT INTO jobs (key, tag, meta, created) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                new,
            )
            return _jobs(database, "WHERE key = ?", key)[0]

    def job(self, key: str) -> Job | None:
        """Return what is known of a job, or None."""
        return next(iter(self._read("WHERE key = ?", key)), None)

    def jobs(self) -> list[Job]:
        """Return all jobs, the newest first."""
        return self._read("ORDER BY created DESC, key")

    def _read(self, which: str, *values: str) -> list[Job]:
        if not self.path.exists():
            return []
        with self._open() as database:
            return _jobs(database, which, *values)

    def result(self, key: str) -> Values | None:
        """Return a finished job's values, or None; None, too, if they are damaged."""
        if not self.path.exists():
            return None
        with self._open() as database:
            row = database.execute("SELECT result FROM jobs WHERE key = ?", (key,)).fetchone()
        if row is None or row[0] is None:
            return None
        try:
            found = decode(row[0], _FORMAT, what=f"the kept result of job {key}")
        except (DamagedFileError, OtherFormatError, TypeError) as error:
            _log.warning("%s: it is fetched again", error)
            return None
        return found.arrays["values"] if found.facts == {"key": key} else None

    def finish(self, key: str, values: Values) -> None:
        """Keep the values of a job."""
        content = encode(_FORMAT, {"key": key}, {"values": values})
        with self._open() as database:
            database.execute(
                "UPDATE jobs SET result = ?, finished = ? WHERE key = ?", (content, _now(), key)
            )

    def fail(self, key: str, job_id: str, reason: str) -> int:
        """Record that a job failed or was cancelled, so that it is sent again; return how often that happened."""
        with self._open(exclusive=True) as database:
            failures = [f for job in _jobs(database, "WHERE key = ?", key) for f in job.failures]
            failures.append(f"{job_id}: {reason}")
            database.execute(
                "UPDATE jobs SET job_id = NULL, details = NULL, failures = ? WHERE key = ? AND job_id = ?",
                (json.dumps(failures), key, job_id),
            )
        return len(failures)

    def forget(self, key: str) -> None:
        """Remove a job and its result from the record; on the service it stays."""
        with self._open() as database:
            database.execute("DELETE FROM jobs WHERE key = ?", (key,))

    def send(self, key: str, send: Callable[[], Sent]) -> str:
        """Return the job's number; send it if it has none, while no other process can.

        Who is killed in between leaves the job as it was, and everyone else may go on.
        """
        with self._open(exclusive=True) as database:
            for job in _jobs(database, "WHERE key = ?", key):
                if job.job_id is not None:
                    return job.job_id
            job_id, details = send()
            database.execute(
                "UPDATE jobs SET job_id = ?, details = ? WHERE key = ?",
                (job_id, json.dumps(details), key),
            )
            return job_id

    @contextmanager
    def _open(self, exclusive: bool = False) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise self._unusable(error) from error
        try:
            with closing(sqlite3.connect(self.path, timeout=_WAIT)) as database, database:
                (version,) = database.execute("PRAGMA user_version").fetchone()
                if version > _VERSION:
                    raise UsageError(
                        f"a newer version of hybrid-qkan wrote the record of jobs {self.path}; use that one."
                    )
                database.execute(_TABLE)
                database.execute(f"PRAGMA user_version = {_VERSION}")
                if exclusive:
                    database.execute("BEGIN IMMEDIATE")
                yield database
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> UsageError:
        todo = {
            "SQLITE_BUSY": "Another process is sending jobs; try again when it has finished.",
            "SQLITE_CORRUPT": "Move it away: jobs that were sent are found again by their tags.",
            "SQLITE_NOTADB": "Move it away: jobs that were sent are found again by their tags.",
        }.get(
            getattr(error, "sqlite_errorname", ""),
            "Free some space, or choose another folder with the environment variable QKAN_CACHE.",
        )
        return UsageError(f"the record of jobs {self.path} cannot be used: {error}. {todo}")


def _jobs(database: sqlite3.Connection, which: str, *values: str) -> list[Job]:
    rows = database.execute(f"SELECT {_COLUMNS} FROM jobs {which}", values).fetchall()
    return [
        Job(key, tag, json.loads(meta), created, job_id, json.loads(details or "{}"),
            tuple(json.loads(failures)), finished)
        for key, tag, meta, created, job_id, details, failures, finished in rows
    ]  # fmt: skip


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
