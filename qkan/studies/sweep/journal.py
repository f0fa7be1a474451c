"""The file that the trials are written to, safe against kills and shared by processes."""

from __future__ import annotations

import os
from pathlib import Path

from filelock import FileLock
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

__all__ = ["open_journal"]


def open_journal(path: Path) -> JournalStorage:
    """Return Optuna's journal in a file."""
    return JournalStorage(JournalFileBackend(str(path), lock_obj=_KernelLock(path)))


class _KernelLock(JournalFileOpenLock):
    """Lets one process append at a time, and mends what a killed one left.

    Optuna's own locks are files that a killed process leaves behind, for others to wait for. The operating system takes
    this one back. A power cut may leave half a line, to which the next one would be joined: it is cut off.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path
        self._lock = FileLock(f"{path}.lock")

    def acquire(self) -> bool:
        self._lock.acquire()
        _cut_half_a_line(self._path)
        return True

    def release(self) -> None:
        self._lock.release()


def _cut_half_a_line(path: Path) -> None:
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        if end == 0:
            return
        file.seek(end - 1)
        if file.read(1) != b"\n":
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)
