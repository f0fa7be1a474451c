"""Files that are there whole or not at all, and arrays in files that say what they are and prove it.

Arrays and tensors are kept as safetensors files, which hold numbers and text and nothing that could run. Their header
has three texts beside the arrays' names, types and shapes: ``format``, what kind of file it is, and its version;
``facts``, JSON; ``sha256``, the hash of both and of the arrays, by which a file is found out that was changed, cut or
exchanged.

Reference: https://github.com/huggingface/safetensors, "Format".
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib
import json
import os
import re
import stat
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import platformdirs
import safetensors
import safetensors.numpy

from circuits.errors import UsageError

__all__ = [
    "Arrays",
    "DamagedFileError",
    "Header",
    "NewerFormatError",
    "OtherFormatError",
    "Sealed",
    "cache_folder",
    "decode",
    "encode",
    "explained",
    "header",
    "inside",
    "private_folder",
    "read",
    "read_header",
    "sweep",
    "write",
    "write_whole",
]

Arrays: TypeAlias = dict[str, npt.NDArray[Any]]

_DTYPES = frozenset(
    ["bool", "complex64", "float16", "float32", "float64"]
    + [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)]
)
_LENGTH_BYTES = 8
_NAME = re.compile(r"[^\x00-\x1f\x7f\\\ud800-\udfff]+")
_A_HEADER_TAKES_AT_MOST = 100_000_000  # as in safetensors
_LARGEST = 2**35
"""Bytes; no file of ours comes near."""

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
    """What a file held: its format, facts in words and numbers, and arrays or tensors by their names."""

    format: str
    facts: dict[str, Any]
    arrays: dict[str, Any]


class Header(NamedTuple):
    """What the beginning of a file says, unchecked: each array's type and shape, texts, and the file's length."""

    arrays: dict[str, str]
    texts: dict[str, str]
    size: int


def cache_folder() -> Path:
    """Return the folder for what is kept: the environment variable ``QKAN_CACHE``, else the platform's."""
    chosen = os.environ.get("QKAN_CACHE")
    default = platformdirs.user_cache_path("hybrid-qkan", appauthor=False)
    return Path(chosen).expanduser() if chosen else default


def inside(folder: Path, name: str) -> Path:
    """Return the path of a file in a folder, by a name that may come from a file: it is a name, never a way out.

    Args:
        folder: The folder.
        name: The file's name, or names of folders and the file's with ``/`` between them.

    Raises:
        UsageError: If the name is a path of another kind, or a folder on the way is a link that leads out.

    Example:
        >>> inside(Path("run"), "../thesis.tex")
        Traceback (most recent call last):
        circuits.errors.UsageError: '../thesis.tex' is no name of a file in run; give it another name
    """
    parts = name.split("/") if isinstance(name, str) else [""]
    odd = any(p in {"", ".", ".."} or len(p.encode("utf-8", "replace")) > 255 for p in parts)
    path = folder if odd or not _NAME.fullmatch(name) else folder.joinpath(*parts)
    if path == folder or not path.parent.resolve().is_relative_to(folder.resolve()):
        raise UsageError(f"{name!r} is no name of a file in {folder}; give it another name")
    return path


def explained(error: OSError) -> str:
    """Return what went wrong with a file, and what to do."""
    if error.errno in {errno.ENOSPC, getattr(errno, "EDQUOT", None)}:
        return f"{error}. Free some space, and go on with --resume"
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return f"{error}. Choose a folder that is yours to write"
    return str(error)


def private_folder(path: Path) -> None:
    """Make a folder, and those above it that are not there, for their owner alone.

    Raises:
        OSError: If it cannot be made.
    """
    for folder in [*reversed(path.parents), path]:
        if not folder.is_dir():
            folder.mkdir(mode=0o700, exist_ok=True)


def encode(format: str, facts: Mapping[str, Any], arrays: Mapping[str, Any]) -> bytes:
    """Return the bytes of a sealed file.

    Args:
        format: What kind of file it is, and its version: ``"hybrid-qkan result 1"``.
        facts: What JSON can hold.
        arrays: NumPy arrays of bools, integers or floats of at most 64 bits, any shape; or torch's tensors.

    Raises:
        UsageError: For an array that the format cannot hold.

    Example:
        >>> decode(encode("test 1", {"n": 2}, {"x": np.array([1.5])}), "test 1")
        Sealed(format='test 1', facts={'n': 2}, arrays={'x': array([1.5])})
    """
    laid_out = {name: _laid_out(name, array) for name, array in arrays.items()}
    texts = {"format": format, "facts": json.dumps(facts)}
    texts["sha256"] = _hash(texts, laid_out)
    library = _library(any(map(_is_tensor, laid_out.values())))
    return bytes(library.save(laid_out, texts))


def decode(content: bytes, *formats: str, what: str = "the file", tensors: bool = False) -> Sealed:
    """Return what :func:`encode` was given, bit by bit.

    Args:
        content: The bytes of a file.
        formats: The formats that are expected.
        what: The file's name, for errors.
        tensors: Whether to return torch's tensors in place of NumPy's arrays.

    Raises:
        DamagedFileError: If they are no whole, unchanged safetensors file.
        OtherFormatError: If it is one of another format; a :class:`NewerFormatError` if of a later version.
    """
    try:
        texts = header(content).texts
        loaded = _library(tensors).load(content)
        # Copies: NumPy's are read-only views, and torch's may lie unaligned, on which sums depend.
        arrays = {n: array.clone() if tensors else array.copy() for n, array in loaded.items()}
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise DamagedFileError(f"{what} is not a whole safetensors file: {error}") from error
    found, sealed = texts.get("format", ""), texts.get("sha256")
    if sealed != _hash(texts, arrays) and (sealed or found in formats):
        raise DamagedFileError(f"{what} is damaged: its content and its checksum differ")
    if found not in formats:
        raise _other_format(found, formats, what)
    try:
        return Sealed(found, json.loads(texts["facts"]), arrays)
    except (ValueError, KeyError, RecursionError) as error:
        raise DamagedFileError(f"{what} is damaged: {error}") from error


def _other_format(found: str, formats: Iterable[str], what: str) -> OtherFormatError:
    kind, _, version = found.rpartition(" ")
    for expected in formats:
        name, _, ours = expected.rpartition(" ")
        if kind == name and version.isdecimal() and int(version) > int(ours):
            return NewerFormatError(
                f"{what} is {found!r}, which a newer version of hybrid-qkan wrote; this one reads {expected!r}"
            )
    arrived = repr(found) if found else "a file of another program"
    return OtherFormatError(f"{what} is {arrived}, not {' or '.join(map(repr, formats))}")


def header(content: bytes) -> Header:
    """Return what the beginning of a file says, unchecked.

    Raises:
        DamagedFileError: If there is no readable header.

    Example:
        >>> header(encode("test 1", {}, {"x": np.zeros((2, 3))})).arrays
        {'x': 'F64(2, 3)'}
    """
    length = int.from_bytes(content[:_LENGTH_BYTES], "little")
    try:
        arrays = json.loads(content[_LENGTH_BYTES : _LENGTH_BYTES + length])
        texts = {str(name): str(text) for name, text in arrays.pop("__metadata__", {}).items()}
        kinds = {name: f"{one['dtype']}{tuple(one['shape'])}" for name, one in arrays.items()}
        ends = [int(one["data_offsets"][1]) for one in arrays.values()]
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise DamagedFileError(f"a header cannot be read: {error}") from error
    return Header(kinds, texts, _LENGTH_BYTES + length + max([0, *ends]))


def write(
    path: str | Path,
    format: str,
    facts: Mapping[str, Any],
    arrays: Mapping[str, Any],
    *,
    mode: int = 0o644,
) -> None:
    """Write a sealed file whole or not at all, as :func:`encode` has it and with these permissions.

    Raises:
        UsageError: If it cannot be written.
    """
    content = encode(format, facts, arrays)
    try:
        write_whole(Path(path), content, mode=mode)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {explained(error)}") from error


def read(path: str | Path, *formats: str, what: str = "", tensors: bool = False) -> Sealed:
    """Return what :func:`write` wrote, as :func:`decode` does.

    Raises:
        OSError: If it is not there (FileNotFoundError) or cannot be read.
        DamagedFileError, OtherFormatError: As in :func:`decode`.
    """
    what = what or str(path)
    with _regular(Path(path)) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            expected = _header_of(file).size
        except DamagedFileError as error:
            raise DamagedFileError(f"{what} is not a whole safetensors file: {error}") from error
        if size != expected or size > _LARGEST:  # before it is read: it may be a terabyte of zeros
            raise DamagedFileError(
                f"{what} is not a whole safetensors file: it has {size} bytes, expected {expected}"
            )
        file.seek(0)
        content = file.read()
    return decode(content, *formats, what=what, tensors=tensors)


def read_header(path: Path) -> Header:
    """Return what the beginning of a file says, unchecked, and read no more of it.

    Raises:
        OSError: If it is not there or cannot be read.
        DamagedFileError: If there is no readable header.
    """
    with _regular(path) as file:
        return _header_of(file)


@contextlib.contextmanager
def _regular(path: Path) -> Iterator[BinaryIO]:
    """Open a file; neither a folder nor a pipe, which would block."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise DamagedFileError(f"{path} is not a file")
        with os.fdopen(handle, "rb", closefd=False) as file:
            yield file
    finally:
        os.close(handle)


def _header_of(file: BinaryIO) -> Header:
    start = file.read(_LENGTH_BYTES)
    length = int.from_bytes(start, "little")
    return header(start + file.read(min(length, _A_HEADER_TAKES_AT_MOST)))


def _is_tensor(value: object) -> bool:
    torch = sys.modules.get("torch")  # who passes a tensor has imported it
    return torch is not None and isinstance(value, torch.Tensor)


def _library(tensors: bool) -> Any:
    return importlib.import_module("safetensors.torch") if tensors else safetensors.numpy


def _laid_out(name: object, array: Any) -> Any:
    """Return an array in C order, for the writer takes its memory as it lies; of a tensor a copy.

    Safetensors refuses tensors that share memory.
    """
    if not isinstance(name, str) or name == "__metadata__":  # taken by the format
        raise UsageError(f"cannot keep an array named {name!r}; give it another name, a str.")
    if _is_tensor(array):
        return array.detach().cpu().contiguous().clone()
    if not isinstance(array, np.ndarray | np.generic) or array.dtype.name not in _DTYPES:
        kind = getattr(array, "dtype", type(array).__name__)
        raise UsageError(
            f"cannot keep {name!r} ({kind}): expected a NumPy array of bools, integers or floats of at most 64 bits. "
            "Split complex numbers into real and imaginary part."
        )
    return np.asarray(array.astype(array.dtype.newbyteorder("="), copy=False), order="C")


def _hash(texts: Mapping[str, str], arrays: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps([texts.get("format"), texts.get("facts")]).encode())
    for name, array in sorted(arrays.items()):
        kind = str(array.dtype).removeprefix("torch.")
        digest.update(f"{name} torch.{kind} {tuple(array.shape)}".encode())
        flat = array.reshape(-1)
        if _is_tensor(array):
            flat = flat.view(sys.modules["torch"].uint8).numpy()
        digest.update(flat.view(np.uint8).data)
    return digest.hexdigest()


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
    handle, temporary = tempfile.mkstemp(prefix=f"{path.name}-", suffix=_SUFFIX, dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            error.filename = error.filename or str(path)  # a full disk names none
        raise
    with contextlib.suppress(OSError):  # Windows opens no folders; the content is safe already
        handle = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(handle)  # makes the renaming last through a power cut
        finally:
            os.close(handle)


def sweep(scratch: Path) -> None:
    """Remove the temporary files of entries named by hashes that killed writers left long ago in a folder.

    Raises:
        OSError: If one cannot be removed.
    """
    oldest = time.time() - _A_WRITE_TAKES_AT_MOST
    for path in scratch.glob(f"{'[0-9a-f]' * 64}-*{_SUFFIX}"):
        with contextlib.suppress(FileNotFoundError):  # another process sweeps, too
            if path.stat().st_mtime < oldest:
                path.unlink()
