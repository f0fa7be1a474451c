"""The IDX files in which MNIST was published: big-endian sizes, then plain bytes."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from circuits.errors import UsageError

__all__ = ["parse_idx", "read_bytes"]

_UINT8 = 0x08


def read_bytes(path: Path) -> bytes:
    """Return the content of a file, unzipped if its name ends in ``.gz``.

    Args:
        path: The file.

    Raises:
        UsageError: If it is a folder, cannot be read, or is not a whole gzip file.
    """
    if path.is_dir():
        raise UsageError(
            f"{path} is a folder; expected the file of that name. Move the file out of it."
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from error
    if path.suffix != ".gz":
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UsageError(
            f"{path} ({len(content):,} bytes) is not a whole gzip file: {error}. "
            "The download was probably cut off: delete the file and get it again."
        ) from error


def parse_idx(content: bytes, name: str = "the IDX data") -> npt.NDArray[np.uint8]:
    r"""Return the array of unsigned bytes that an IDX file holds.

    The file starts with two zero bytes, the type (8: unsigned byte) and the number of axes, then
    the length of every axis as a big-endian 32-bit integer, then the elements in C order.

    Args:
        content: The bytes of the file.
        name: What to call it in an error.

    Shape:
        Whatever the header says: ``(N, 28, 28)`` for MNIST's images, ``(N,)`` for its labels.

    Raises:
        UsageError: If the header is not that of an IDX file of bytes, or the length is not the
            one it announces.

    Example:
        >>> parse_idx(b"\0\0\x08\x02" + b"\0\0\0\x02" + b"\0\0\0\x03" + bytes(range(6)))
        array([[0, 1, 2], [3, 4, 5]], dtype=uint8)

    Reference: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits",
    section "File formats".
    """
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != _UINT8:
        raise UsageError(
            f"{name} is not an IDX file of unsigned bytes: expected it to start with '00 00 08' "
            f"and the number of axes, it starts with {content[:4].hex(' ')!r}."
        )
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise UsageError(f"{name} ends inside its header, after {len(content)} bytes.")
    shape = tuple(int(n) for n in np.frombuffer(content[4:start], ">u4"))
    expected = start + math.prod(shape)
    if len(content) != expected:
        raise UsageError(
            f"{name} has {len(content):,} bytes, but its header announces shape {shape}, which "
            f"takes {expected:,}. Delete the file and get it again."
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
