"""Files that are there whole or not at all, whoever is killed and whatever fills up."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import time
from pathlib import Path

__all__ = ["read_regular", "sweep", "write_whole"]

_SUFFIX = ".tmp"
_A_WRITE_TAKES_AT_MOST = 3600.0
"""Seconds after which a temporary file must be what a killed writer left."""


def write_whole(path: Path, content: bytes, scratch: Path, mode: int = 0o600) -> None:
    """Replace a file by one with this content, in one step that other processes see or do not see.

    The content goes to a temporary file, which is flushed to the disk before it takes the name:
    else a power cut could leave the name with half the content.

    Args:
        path: The file.
        content: What it shall hold.
        scratch: Folder for the temporary file, on the same file system.
        mode: The permissions of the file.

    Raises:
        OSError: If it cannot be written; then no temporary file stays.
    """
    handle, temporary = tempfile.mkstemp(prefix=f"{path.stem}-", suffix=_SUFFIX, dir=scratch)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _flush_folder(path.parent)


def read_regular(path: Path, limit: int = -1) -> bytes | None:
    """Return the content of a file, or None for what is not a file (a pipe would block).

    Args:
        path: The file.
        limit: How many bytes to read at most; -1 reads all.

    Raises:
        OSError: If it is not there or cannot be read.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        return None
    with path.open("rb") as file:
        return file.read(limit)


def sweep(scratch: Path) -> None:
    """Remove the temporary files that killed writers left long ago.

    Args:
        scratch: The folder that was given to :func:`write_whole`.

    Raises:
        OSError: If one cannot be removed.
    """
    oldest = time.time() - _A_WRITE_TAKES_AT_MOST
    for path in scratch.glob(f"*{_SUFFIX}"):
        with contextlib.suppress(FileNotFoundError):  # another process sweeps, too
            if path.stat().st_mtime < oldest:
                path.unlink()


def _flush_folder(folder: Path) -> None:
    """Make a renaming last through a power cut, where the system can."""
    with contextlib.suppress(OSError):  # Windows opens no folders; the content is safe already
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
