"""Results that were computed once, and files of tensors: content-addressed, checksummed, and never executed.

Entries are sealed files (:mod:`circuits.store`): what is read is bit by bit what was stored, or nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from circuits.errors import UsageError
from circuits.store import (
    Arrays,
    DamagedFileError,
    Header,
    NewerFormatError,
    OtherFormatError,
    Sealed,
    cache_folder,
    encode,
    explained,
    private_folder,
    read,
    read_header,
    sweep,
    write,
    write_whole,
)
from qkan.keys import describe, digest, key

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "Arrays",
    "CacheError",
    "CacheWarning",
    "DamagedFileError",
    "Entry",
    "NewerFormatError",
    "OtherFormatError",
    "Sealed",
    "Store",
    "describe",
    "digest",
    "key",
    "read_tensors",
    "write_tensors",
    "write_whole",
]

_FORMAT = "hybrid-qkan result 1"
_KEY = re.compile(r"[0-9a-f]{64}")
_SUFFIX = ".safetensors"
_DAMAGED = ".damaged"
_FIRST, _LAST = (
    datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in (datetime.min.year, datetime.max.year)
)


class CacheError(UsageError):
    """A folder of results that cannot be used: unwritable, full, or not a folder."""


class CacheWarning(UserWarning):
    """An entry was damaged or could not be stored; the numbers are right, only time was lost."""


@dataclass(frozen=True)
class Entry:
    """A stored result.

    Attributes:
        key: Its name, 64 hexadecimal digits.
        path: Its file.
        size: The file's length in bytes.
        created: When it was written, in UTC.
        damage: What is wrong with it, where its checksum was compared; else empty.
    """

    key: str
    path: Path
    size: int
    created: datetime
    damage: str = ""

    @cached_property
    def _header(self) -> Header | None:
        try:
            return read_header(self.path)
        except (OSError, DamagedFileError):
            return None

    @property
    def arrays(self) -> Mapping[str, str]:
        """Type and shape of each array, such as ``F64(2, 3)``, as its header says."""
        return {} if self._header is None else self._header.arrays

    @property
    def meta(self) -> Mapping[str, Any] | None:
        """What it is, as its header says; None if it cannot be read."""
        try:
            return (
                None
                if self._header is None
                else dict(json.loads(self._header.texts["facts"])["meta"])
            )
        except (ValueError, KeyError, TypeError, RecursionError):
            return None

    @property
    def what(self) -> str:
        """One line for a table: the ``what`` of its meta data."""
        meta = self.meta
        return "(unreadable)" if meta is None else str(meta.get("what", ""))


class Store:
    """A folder of results, each a safetensors file named by its key and proved by a checksum.

    What it returns is bit by bit what was stored, or nothing: a damaged entry is moved aside with
    a :class:`CacheWarning`. Entries appear whole or not at all: they are written to a temporary
    file, flushed to the disk, and renamed. Threads, processes and machines may share a folder.

    Args:
        path: The folder; by default the environment variable ``QKAN_CACHE``, else the platform's
            cache folder. It is made when the first result is stored.

    Example:
        >>> import numpy as np, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = Store(folder)
        ...     name = key(circuit="demo", seed=1)
        ...     for _ in range(2):
        ...         result = store.get_or_compute(name, lambda: {"x": print("run") or np.ones(2)})
        ...     result["x"], len(store.entries())
        run
        (array([1., 1.]), 1)
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = cache_folder() if path is None else Path(path).expanduser()

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r})"

    def get(self, key: str) -> Arrays | None:
        """Return the arrays stored under a key, or None if there are none that are whole.

        Args:
            key: The name of the result, from :func:`qkan.store.key`.

        Raises:
            UsageError: If the key is not one.
        """
        path = self._file(key)
        try:
            return _read(path)
        except FileNotFoundError:
            return None
        except UsageError as error:
            aside = path.with_suffix(_DAMAGED)
            try:
                os.replace(path, aside)
                done = f"was moved to {aside.name}"
            except OSError as why:
                done = f"could not be moved aside ({why})"
            _warn(f"The cached result {path} is damaged: {error}. It {done} and counts as missing.")
        except OSError as error:
            _warn(f"The cached result {path} cannot be read ({error}); it counts as missing.")
        return None

    def put(
        self,
        key: str,
        arrays: Mapping[str, npt.NDArray[Any]],
        meta: Mapping[str, object] | None = None,
    ) -> None:
        """Store arrays under a key. A kill at any moment leaves the old state or the new one.

        Args:
            key: The name of the result.
            arrays: The result: bools, integers or floats of at most 64 bits, any shape.
            meta: What it is, for people: ``what`` in one line, and the fields of the key.

        Raises:
            CacheError: If the folder is unwritable, full or not a folder.
            UsageError: If the key or an array is not one that can be stored.
        """
        path = self._file(key)
        content = encode(_FORMAT, {"key": key, "meta": describe(meta or {})}, arrays)
        with self._writing() as scratch:
            write_whole(path, content, scratch=scratch, mode=0o600)

    def get_or_compute(
        self,
        key: str,
        compute: Callable[[], Mapping[str, npt.NDArray[Any]]],
        meta: Mapping[str, object] | None = None,
    ) -> Arrays:
        """Return what is stored under a key; else compute, store and return it.

        A result that cannot be stored is returned all the same, with a :class:`CacheWarning`.

        Args:
            key: The name of the result.
            compute: Returns the arrays.
            meta: As for :meth:`put`.

        Raises:
            UsageError: If the key or an array is not one that can be stored.
        """
        stored = self.get(key)
        if stored is not None:
            return stored
        arrays = dict(compute())
        try:
            self.put(key, arrays, meta)
        except CacheError as error:
            _warn(f"A result could not be stored, the run goes on without. {error}")
        return arrays

    def entries(self) -> list[Entry]:
        """Return all entries, the newest first."""
        found = []
        for item in self._files(_SUFFIX):
            with contextlib.suppress(OSError):  # another process has just removed it
                status = item.stat()
                key, date = item.name.removesuffix(_SUFFIX), _date(status.st_mtime)
                found.append(Entry(key, Path(item.path), status.st_size, date))
        return sorted(found, key=lambda entry: (entry.created, entry.key), reverse=True)

    def show(self, prefix: str) -> Entry:
        """Return the one entry whose key begins with ``prefix``.

        Args:
            prefix: The first digits of a key.

        Raises:
            UsageError: If no entry or more than one begins like that.
        """
        found = [entry for entry in self.entries() if entry.key.startswith(prefix)]
        if len(found) != 1:
            keys = ", ".join(entry.key[:16] for entry in found[:8])
            raise UsageError(
                f"{len(found)} results in the cache {self.path} have a key that begins {prefix!r}"
                + (f" ({keys}, ...): give more digits." if found else ".")
            )
        return found[0]

    def verify(self) -> list[Entry]:
        """Read every entry and compare it with its checksum: ``damage`` says what is wrong; nothing is changed."""
        checked = []
        for entry in self.entries():
            try:
                _read(entry.path)
            except FileNotFoundError:  # another process has just removed it
                continue
            except (UsageError, OSError) as error:
                entry = replace(entry, damage=str(error))  # noqa: PLW2901
            checked.append(entry)
        return checked

    def clear(self, older_than: timedelta | None = None) -> list[Entry]:
        """Remove entries and return those removed. Files that are not the cache's stay.

        What was moved aside as damaged, and what killed writers left, goes in any case.

        Args:
            older_than: Remove only what was written longer ago than this.

        Raises:
            CacheError: If the folder is unwritable.
        """
        limit = _date(time.time() - (older_than or timedelta(0)).total_seconds())
        chosen = [entry for entry in self.entries() if not older_than or entry.created < limit]
        if not self.path.exists():
            return chosen
        stay: dict[Path, OSError] = {}
        with self._writing():
            for path in [e.path for e in chosen] + [Path(d.path) for d in self._files(_DAMAGED)]:
                try:
                    if path.is_symlink() or not path.is_dir():  # a folder is not the cache's work
                        path.unlink(missing_ok=True)
                except OSError as error:  # it may be another person's
                    stay[path] = error
        if stay:
            first, why = next(iter(stay.items()))
            raise CacheError(f"{len(stay)} results cannot be removed, the first: {first}: {why}")
        return chosen

    def _file(self, key: str) -> Path:
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            raise UsageError(
                f"{key!r} is not a cache key: expected the 64 hexadecimal digits that "
                "qkan.store.key() returns."
            )
        return self.path / f"{key}{_SUFFIX}"

    def _files(self, suffix: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.path) as items:
                return [
                    item
                    for item in items
                    if item.name.endswith(suffix) and _KEY.fullmatch(item.name.removesuffix(suffix))
                ]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise CacheError(f"The cache folder {self.path} cannot be read: {error}.") from error

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Path]:
        """Yield the folder for temporary files, tidied up; turn what fails into a CacheError."""
        scratch = self.path / "unfinished"
        try:
            private_folder(scratch)
            sweep(scratch)
            yield scratch
        except OSError as error:
            raise CacheError(
                f"The cache folder {self.path} cannot be written: {explained(error)}. Another is chosen with "
                "--cache-dir or the environment variable QKAN_CACHE."
            ) from error


def _read(path: Path) -> Arrays:
    """Return the arrays of the entry in a file that is named by its key."""
    found = read(path, _FORMAT, what="it")
    if found.facts.get("key") != path.stem:
        raise DamagedFileError(f"it holds the result {found.facts.get('key')!r}")
    return found.arrays


def _date(seconds: float) -> datetime:
    """Return a date in UTC; the first or the last there is for one beyond them."""
    return datetime.fromtimestamp(min(max(seconds, _FIRST), _LAST), UTC)


def _warn(message: str) -> None:
    warnings.warn(message, CacheWarning, stacklevel=3)


def write_tensors(
    path: str | Path, format: str, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> None:
    """Write a sealed file of tensors, on any device; :func:`circuits.store.write` says how."""
    write(path, format, facts, tensors)


def read_tensors(path: str | Path, *formats: str) -> Sealed:
    """Return what :func:`write_tensors` wrote, its ``arrays`` as tensors on the CPU.

    Raises:
        FileNotFoundError: If it is not there.
        DamagedFileError: If it is not a whole, unchanged safetensors file.
        OtherFormatError: If it is one of another format; a :class:`NewerFormatError` if of a later version.
    """
    try:
        return read(path, *formats, tensors=True)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"there is no file {path}") from error
    except OSError as error:
        raise DamagedFileError(f"{path} cannot be read: {error}") from error
