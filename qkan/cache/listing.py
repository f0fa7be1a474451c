"""What is in the cache, for people: one entry, and whether it is whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from qkan.cache.entry import Arrays, DamagedEntryError, decode, read_header
from qkan.cache.files import read_regular

__all__ = ["Check", "Entry", "check", "describe_file", "read_entry"]

_HEADER_TAKES_AT_MOST = 2**20


@dataclass(frozen=True)
class Entry:
    """A stored result, as its name and its header describe it (its checksum is not compared).

    Attributes:
        key: Its name, 64 hexadecimal digits.
        path: Its file.
        size: The file's length in bytes.
        created: When it was written, in UTC.
        meta: What it is; None if the header cannot be read.
        arrays: Type and shape of each array, such as ``F64(2, 3)``.
    """

    key: str
    path: Path
    size: int
    created: datetime
    meta: Mapping[str, Any] | None
    arrays: Mapping[str, str]

    @property
    def what(self) -> str:
        """One line for a table: the ``what`` of its meta data."""
        return "(unreadable)" if self.meta is None else str(self.meta.get("what", ""))


@dataclass(frozen=True)
class Check:
    """Whether a stored result is whole.

    Attributes:
        key: Its name.
        path: Its file.
        ok: Whether its content is what was written.
        reason: If not, why not.
    """

    key: str
    path: Path
    ok: bool
    reason: str = ""


def read_entry(path: Path) -> Arrays:
    """Return the arrays of the entry in a file that is named by its key.

    Args:
        path: The file.

    Raises:
        OSError: If it is not there or cannot be read.
        DamagedEntryError: If it is not the whole and unchanged entry of that key.
    """
    content = read_regular(path)
    if content is None:
        raise DamagedEntryError("it is not a file")
    return decode(content, path.stem)


def describe_file(path: Path) -> Entry | None:
    """Return what the header of an entry says, or None if there is no such file.

    Args:
        path: The file.
    """
    try:
        status = path.stat()
        beginning = read_regular(path, _HEADER_TAKES_AT_MOST)
    except OSError:
        return None
    if beginning is None:
        return None
    meta: Mapping[str, Any] | None
    try:
        arrays, meta = read_header(beginning)
    except DamagedEntryError:
        arrays, meta = {}, None
    created = datetime.fromtimestamp(status.st_mtime, UTC)
    return Entry(path.stem, path, status.st_size, created, meta, arrays)


def check(path: Path) -> Check | None:
    """Compare an entry with its checksum; None if another process has just removed it.

    Args:
        path: The file.
    """
    try:
        read_entry(path)
    except FileNotFoundError:
        return None
    except (DamagedEntryError, OSError) as error:
        return Check(path.stem, path, ok=False, reason=str(error))
    return Check(path.stem, path, ok=True)
