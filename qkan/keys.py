r"""Names for results: a SHA-256 of exactly what changes the numbers.

A value is hashed as a tag for its type, a length, and its content, so that no two different values
are written as the same bytes:

.. math:: e(v) = \text{tag}(v) \,\|\, |c(v)| \,\|\, c(v)
"""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from circuits.errors import UsageError
from qkan._version import NUMERICS

__all__ = ["describe", "digest", "key"]

SCHEMA = 2
"""Raised when the format of the keys or of the entries changes: old entries are then not found."""

_DTYPES = frozenset(
    ["bool", "complex64", "complex128"]
    + [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)]
    + [f"float{bits}" for bits in (16, 32, 64)]
)


def key(**fields: object) -> str:
    """Return the name of a result in the cache: SHA-256 of the fields that determine it.

    The numerical version of this package and the schema of the cache are part of it.

    Args:
        **fields: What changes the numbers, and nothing else. Each is None, a bool, int, float, str,
            bytes, a NumPy array or torch tensor (by dtype, shape and elements: neither memory
            layout, byte order nor device matter), or a sequence or mapping of such values. A list
            counts as a tuple and a NumPy scalar as the Python number; 1, 1.0, True and "1" all
            differ, and so do 0.0 and -0.0. The order of a mapping does not matter.

    Returns:
        64 hexadecimal digits, the same in every process and on every machine.

    Raises:
        UsageError: For NaN and for any other type; the message tells where it is.

    Example:
        >>> key(circuit="demo", shots=None, seed=1) == key(seed=1, shots=None, circuit="demo")
        True
        >>> key(seed=1) == key(seed=1.0)
        False
        >>> key(circuit=print)
        Traceback (most recent call last):
        circuits.errors.UsageError: circuit: a builtin_function_or_method cannot be ...
    """
    hasher = hashlib.sha256()
    _feed(hasher, ("qkan.store", SCHEMA, NUMERICS), "version")
    _feed(hasher, fields, "")
    return hasher.hexdigest()


def digest(value: object) -> str:
    """Return the SHA-256 of a value of the kinds that :func:`key` takes, without any version.

    Args:
        value: The value.

    Raises:
        UsageError: For NaN and for a type that has no canonical form.

    Example:
        >>> digest([1, 2]) == digest((1, 2)) != digest((12,))
        True
    """
    hasher = hashlib.sha256()
    _feed(hasher, value, "value")
    return hasher.hexdigest()


def describe(value: object) -> Any:
    """Return a value as JSON can write it, for people to read: arrays as dtype, shape and hash.

    Args:
        value: A value of the kinds that :func:`key` takes.

    Example:
        >>> describe({"shots": None, "weights": np.zeros((2, 3))})
        {'shots': None, 'weights': 'float64(2, 3) sha256:ebfb05b3...'}
    """
    if isinstance(value, Mapping):
        return {str(name): describe(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [describe(item) for item in value]
    array = _as_array(value, "value")
    if array is not None:
        return f"{array.dtype.name}{array.shape} sha256:{digest(array)[:8]}..."
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, str | int | float | None) else repr(value)


def _feed(hasher: hashlib._Hash, value: object, where: str) -> None:
    if isinstance(value, Mapping):
        _tag(hasher, b"mapping", len(value))
        for name in value:
            if not isinstance(name, str):
                raise UsageError(
                    f"{where}: expected names that are str in a cache key, got {name!r}."
                )
        for name in sorted(value):
            _feed(hasher, name, where)
            _feed(hasher, value[name], f"{where}[{name!r}]" if where else name)
    elif isinstance(value, list | tuple):
        _tag(hasher, b"sequence", len(value))
        for index, item in enumerate(value):
            _feed(hasher, item, f"{where}[{index}]")
    elif (array := _as_array(value, where)) is not None:
        _tag(hasher, f"array {array.dtype.name}".encode(), array.ndim)
        for length in array.shape:
            _tag(hasher, b"axis", length)
        hasher.update(array.reshape(-1).view(np.uint8).data)
    else:
        tag, content = _scalar(value, where)
        _tag(hasher, tag, len(content))
        hasher.update(content)


def _tag(hasher: hashlib._Hash, tag: bytes, length: int) -> None:
    hasher.update(b"%s %d:" % (tag, length))


def _scalar(value: object, where: str) -> tuple[bytes, bytes]:
    """Return the tag and the content of a value that holds no others."""
    if isinstance(value, np.generic):
        value = value.item()
    match value:
        case None:
            return b"none", b""
        case bool():  # before int, which it is a kind of
            return b"bool", b"1" if value else b"0"
        case int():
            return b"int", b"%x" % value
        case float() if not math.isnan(value):
            return b"float", float.hex(value).encode()
        case str():
            return b"str", value.encode("utf-8", "surrogatepass")
        case bytes():
            return b"bytes", value
    what = "NaN" if isinstance(value, float) else f"a {type(value).__name__}"
    raise UsageError(
        f"{where}: {what} cannot be part of a cache key. Expected None, bool, int, float, str, "
        "bytes, an array of numbers, or lists, tuples and mappings (with str names) of these."
    )


def _as_array(value: object, where: str) -> npt.NDArray[Any] | None:
    """Return an array or tensor in C order and little-endian; None for what is neither."""
    torch = sys.modules.get("torch")  # who passes a tensor has imported it
    if torch is not None and isinstance(value, torch.Tensor):
        tensor = value
        try:
            value = tensor.detach().cpu().resolve_conj().resolve_neg().numpy()
        except (TypeError, RuntimeError, NotImplementedError) as error:
            raise UsageError(
                f"{where}: a {tensor.dtype} tensor on {tensor.device} cannot be part of a cache "
                f"key: {error} Convert it to a dense one of a usual dtype."
            ) from error
    if not isinstance(value, np.ndarray):
        return None
    if isinstance(value, np.ma.MaskedArray) or value.dtype.name not in _DTYPES:
        raise UsageError(
            f"{where}: expected an array of numbers or bools in a cache key, got "
            f"{type(value).__name__} of {value.dtype}."
        )
    return np.asarray(value.astype(value.dtype.newbyteorder("<"), copy=False), order="C")
