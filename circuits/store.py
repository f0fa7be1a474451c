"""Files that are there whole or not at all, and arrays in files that say what they are and prove it.

Arrays are kept as safetensors files, which hold numbers and text and nothing that could run. Their header has three
texts beside the arrays' names, types and shapes: ``format``, what kind of file it is, and its version; ``facts``, JSON;
``sha256``, the hash of both and of the arrays, by which a file is found out that was changed, cut or exchanged.

Reference: https://github.com/huggingface/safetensors, "Format".
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from circuits.errors import UsageError

__all__ = [
    "Arrays",
    "DamagedFileError",
    "NewerFormatError",
    "OtherFormatError",
    "Piece",
    "Sealed",
    "check_seal",
    "decode",
    "encode",
    "header",
    "read",
    "read_regular",
    "seal",
    "sweep",
    "write",
    "write_whole",
]

Arrays: TypeAlias = dict[str, npt.NDArray[Any]]

Piece: TypeAlias = tuple[str, str, tuple[int, ...], Any]
"""What is sealed of an array: its name, type and shape, and its elements as a buffer of bytes."""

_DTYPES = frozenset(
    ["bool", "complex64", "float16", "float32", "float64"]
    + [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)]
)
_LENGTH_BYTES = 8
_SUFFIX = ".tmp"
_A_WRITE_TAKES_AT_MOST = 3600.0
"""Seconds after which a temporary file must be what a killed writer left."""


class DamagedFileError(UsageError):
    """A file that cannot be read, or of which something was changed or is missing."""


class OtherFormatError(UsageError):
    """A readable file that holds something else."""


class NewerFormatError(OtherFormatError):
    """A file that a newer version of this library wrote."""


@dataclass(frozen=True)
class Sealed:
    """What a file held: its format, facts in words and numbers, and arrays."""

    format: str
    facts: dict[str, Any]
    arrays: Arrays


def encode(format: str, facts: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return the bytes of a sealed file.

    Args:
        format: What kind of file it is, and its version: ``"hybrid-qkan result 1"``.
        facts: What JSON can hold.
        arrays: Bools, integers or floats of at most 64 bits, any shape.

    Raises:
        UsageError: For an array that the format cannot hold.

    Example:
        >>> decode(encode("test 1", {"n": 2}, {"x": np.array([1.5])}), "test 1")
        Sealed(format='test 1', facts={'n': 2}, arrays={'x': array([1.5])})
    """
    # The writer takes an array's memory as it lies, so it must be in C order.
    laid_out = {_name(name): _dense(name, array) for name, array in arrays.items()}
    return safetensors.numpy.save(laid_out, seal(format, facts, _pieces(laid_out)))


def decode(content: bytes, *formats: str, what: str = "the file") -> Sealed:
    """Return what :func:`encode` was given, bit by bit.

    Args:
        content: The bytes of a file.
        formats: The formats that are expected.
        what: The file's name, for errors.

    Raises:
        DamagedFileError: If they are no whole, unchanged safetensors file.
        OtherFormatError: If it is one of another format; a :class:`NewerFormatError` if of a later version.
    """
    try:
        texts = header(content)[1]
        arrays = safetensors.numpy.load(content)
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise DamagedFileError(f"{what} is not a whole safetensors file: {error}") from error
    facts = check_seal(texts, _pieces(arrays), formats, what)
    # What the reader returns are read-only views of ``content``.
    return Sealed(texts["format"], facts, {name: array.copy() for name, array in arrays.items()})


def write(
    path: str | Path,
    format: str,
    facts: Mapping[str, Any],
    arrays: Mapping[str, npt.NDArray[Any]],
    *,
    mode: int = 0o644,
) -> None:
    """Write a sealed file whole or not at all; its folder is made if it is not there.

    Args:
        path: The file.
        format: What kind of file it is, and its version.
        facts: What JSON can hold.
        arrays: As in :func:`encode`.
        mode: The permissions of the file.

    Raises:
        UsageError: If it cannot be written.
    """
    content = encode(format, facts, arrays)
    try:
        write_whole(Path(path), content, mode=mode)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error}") from error


def read(path: str | Path, *formats: str) -> Sealed:
    """Return what :func:`write` wrote.

    Raises:
        OSError: If it is not there (FileNotFoundError) or cannot be read.
        DamagedFileError, OtherFormatError: As in :func:`decode`.
    """
    return decode(read_regular(Path(path)), *formats, what=str(path))


def seal(format: str, facts: Mapping[str, Any], pieces: Iterable[Piece]) -> dict[str, str]:
    """Return the texts of a sealed file's header."""
    texts = {"format": format, "facts": json.dumps(facts)}
    return {**texts, "sha256": _hash(texts, pieces)}


def check_seal(
    texts: Mapping[str, str], pieces: Iterable[Piece], formats: Iterable[str], what: str
) -> dict[str, Any]:
    """Return the facts in a header's texts; :func:`decode` says what is raised if they are not proved."""
    found = texts.get("format", "")
    if found not in formats:
        kind, _, version = found.rpartition(" ")
        for expected in formats:
            name, _, ours = expected.rpartition(" ")
            if kind == name and version.isdecimal() and int(version) > int(ours):
                raise NewerFormatError(
                    f"{what} is {found!r}, which a newer version of hybrid-qkan wrote; this one reads {expected!r}"
                )
        arrived = repr(found) if found else "a file of another program"
        raise OtherFormatError(f"{what} is {arrived}, not {' or '.join(map(repr, formats))}")
    if texts.get("sha256") != _hash(texts, pieces):
        raise DamagedFileError(f"{what} is damaged: its content and its checksum differ")
    try:
        facts: dict[str, Any] = json.loads(texts["facts"])
    except (ValueError, KeyError, RecursionError) as error:
        raise DamagedFileError(f"{what} is damaged: {error}") from error
    return facts


def header(content: bytes) -> tuple[dict[str, str], dict[str, str]]:
    """Return the type and shape of each array, and the texts, unchecked, from the beginning of a file.

    Raises:
        DamagedFileError: If there is no readable header.

    Example:
        >>> header(encode("test 1", {}, {"x": np.zeros((2, 3))}))[0]
        {'x': 'F64(2, 3)'}
    """
    length = int.from_bytes(content[:_LENGTH_BYTES], "little")
    try:
        arrays = json.loads(content[_LENGTH_BYTES : _LENGTH_BYTES + length])
        texts = {str(name): str(text) for name, text in arrays.pop("__metadata__", {}).items()}
        kinds = {name: f"{one['dtype']}{tuple(one['shape'])}" for name, one in arrays.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedFileError(f"a header cannot be read: {error}") from error
    return kinds, texts


def _hash(texts: Mapping[str, str], pieces: Iterable[Piece]) -> str:
    digest = hashlib.sha256(json.dumps([texts.get("format"), texts.get("facts")]).encode())
    for name, dtype, shape, data in sorted(pieces, key=lambda piece: piece[0]):
        digest.update(f"{name} torch.{dtype} {shape}".encode())  # the types by torch's names
        digest.update(data)
    return digest.hexdigest()


def _pieces(arrays: Mapping[str, npt.NDArray[Any]]) -> list[Piece]:
    return [
        (name, array.dtype.name, array.shape, array.reshape(-1).view(np.uint8).data)
        for name, array in arrays.items()
    ]


def _name(name: object) -> str:
    if not isinstance(name, str) or name == "__metadata__":  # taken by the format
        raise UsageError(f"cannot keep an array named {name!r}; give it another name, a str.")
    return name


def _dense(name: str, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if not isinstance(array, np.ndarray | np.generic) or array.dtype.name not in _DTYPES:
        kind = getattr(array, "dtype", type(array).__name__)
        raise UsageError(
            f"cannot keep {name!r} ({kind}): expected a NumPy array of bools, integers or floats of at most 64 bits. "
            "Split complex numbers into real and imaginary part."
        )
    return np.asarray(array.astype(array.dtype.newbyteorder("="), copy=False), order="C")


def write_whole(
    path: Path, content: bytes, *, scratch: Path | None = None, mode: int = 0o644
) -> None:
    """Replace a file by one with this content, in one step that other processes see or do not see.

    The content goes to a temporary file, which is flushed to the disk before it takes the name:
    else a power cut could leave the name with half the content.

    Args:
        path: The file.
        content: What it shall hold.
        scratch: Folder for the temporary file, on the same file system; by default the file's own. It is made.
        mode: The permissions of the file.

    Raises:
        OSError: If it cannot be written; then no temporary file stays.
    """
    folder = scratch or path.parent
    folder.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f"{path.stem}-", suffix=_SUFFIX, dir=folder)
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
    with contextlib.suppress(OSError):  # Windows opens no folders; the content is safe already
        handle = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(handle)  # makes the renaming last through a power cut
        finally:
            os.close(handle)


def read_regular(path: Path, limit: int = -1) -> bytes:
    """Return the content of a file, at most ``limit`` bytes of it.

    Raises:
        OSError: If it is not there or cannot be read.
        DamagedFileError: If it is no file (a pipe would block).
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise DamagedFileError(f"{path} is not a file")
    with path.open("rb") as file:
        return file.read(limit)


def sweep(scratch: Path) -> None:
    """Remove the temporary files that killed writers left long ago in a folder.

    Raises:
        OSError: If one cannot be removed.
    """
    oldest = time.time() - _A_WRITE_TAKES_AT_MOST
    for path in scratch.glob(f"*{_SUFFIX}"):
        with contextlib.suppress(FileNotFoundError):  # another process sweeps, too
            if path.stat().st_mtime < oldest:
                path.unlink()
