"""One result as the bytes of a safetensors file that says which result it is and proves it.

The header holds three texts beside the arrays' names, types and shapes: ``key``, the name of the
result; ``meta``, what it is, for people; ``sha256``, the hash of both and of the arrays. A file in
which any of it was changed, cut or exchanged for another result's is found out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from circuits.errors import UsageError
from qkan.cache.keys import describe, digest

__all__ = ["Arrays", "DamagedEntryError", "decode", "encode", "read_header"]

Arrays: TypeAlias = dict[str, npt.NDArray[Any]]

_DTYPES = frozenset(
    ["bool", "float16", "float32", "float64"]
    + [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)]
)
_LENGTH_BYTES = 8


class DamagedEntryError(Exception):
    """The bytes are not a whole, unchanged entry of that key; the message is the reason."""


def encode(key: str, arrays: Mapping[str, npt.NDArray[Any]], meta: Mapping[str, object]) -> bytes:
    """Return the bytes of an entry: a safetensors file with a checksum in its header.

    Args:
        key: The name of the result.
        arrays: The result: bools, integers or floats of at most 64 bits, any shape.
        meta: What it is, for people; see :func:`qkan.cache.describe`.

    Raises:
        UsageError: For an array that the format cannot hold.

    Example:
        >>> decode(encode("ab12", {"x": np.array([1.5])}, {"what": "test"}), "ab12")
        {'x': array([1.5])}

    Reference: https://github.com/huggingface/safetensors, "Format".
    """
    # The writer takes an array's memory as it lies, so it must be in C order.
    laid_out = {_name(name): _dense(name, array) for name, array in arrays.items()}
    text = json.dumps(describe(meta), ensure_ascii=False)
    seal = _seal(key, text, laid_out)
    return safetensors.numpy.save(laid_out, {"key": key, "meta": text, "sha256": seal})


def decode(content: bytes, key: str) -> Arrays:
    """Return the arrays of an entry, bit by bit as they were written.

    Args:
        content: The bytes of the file.
        key: The name of the result that it should hold.

    Raises:
        DamagedEntryError: If they are anything but what :func:`encode` made for that key.
    """
    try:
        arrays = safetensors.numpy.load(content)
        _, texts = _header(content)
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise DamagedEntryError(f"not a whole safetensors file ({error})") from error
    if set(texts) != {"key", "meta", "sha256"}:
        raise DamagedEntryError("its header is not that of a cache entry")
    if texts["key"] != key:
        raise DamagedEntryError(f"it holds the result {texts['key']!r}")
    if texts["sha256"] != _seal(key, texts["meta"], arrays):
        raise DamagedEntryError("its checksum is wrong")
    # What the reader returns are read-only views of ``content``.
    return {name: array.copy() for name, array in arrays.items()}


def read_header(beginning: bytes) -> tuple[dict[str, str], dict[str, Any]]:
    """Return each array's type and shape, and what the entry says of itself, unchecked.

    Args:
        beginning: The bytes of the file, as many as the header takes or more.

    Raises:
        DamagedEntryError: If there is no readable header.

    Example:
        >>> read_header(encode("ab12", {"x": np.zeros((2, 3))}, {"what": "test"}))
        ({'x': 'F64(2, 3)'}, {'what': 'test'})
    """
    try:
        tensors, texts = _header(beginning)
        meta = json.loads(texts["meta"])
        shapes = {
            name: f"{tensor['dtype']}{tuple(tensor['shape'])}" for name, tensor in tensors.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedEntryError(f"its header cannot be read ({error})") from error
    if not isinstance(meta, dict):
        raise DamagedEntryError("its header is not that of a cache entry")
    return shapes, meta


def _header(content: bytes) -> tuple[dict[str, Any], dict[str, str]]:
    length = int.from_bytes(content[:_LENGTH_BYTES], "little")
    header = json.loads(content[_LENGTH_BYTES : _LENGTH_BYTES + length])
    texts = header.pop("__metadata__")
    return header, dict(texts)


def _seal(key: str, meta: str, arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    return digest({"key": key, "meta": meta, "arrays": arrays})


def _name(name: object) -> str:
    if not isinstance(name, str) or name == "__metadata__":  # taken by the format
        raise UsageError(f"cannot cache an array named {name!r}; give it another name, a str.")
    return name


def _dense(name: str, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if not isinstance(array, np.ndarray | np.generic) or array.dtype.name not in _DTYPES:
        kind = getattr(array, "dtype", type(array).__name__)
        raise UsageError(
            f"cannot cache {name!r} ({kind}): expected a NumPy array of bools, integers or floats "
            "of at most 64 bits. Split complex numbers into real and imaginary part."
        )
    return np.asarray(array.astype(array.dtype.newbyteorder("="), copy=False), order="C")
