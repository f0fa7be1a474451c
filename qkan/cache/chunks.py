"""A long computation in pieces, each stored at once: who is killed goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from circuits.errors import UsageError
from qkan.cache.keys import digest, key
from qkan.cache.store import Store

__all__ = ["cached_chunks"]

_Array = npt.NDArray[Any]


def cached_chunks(
    store: Store | None,
    fields: Mapping[str, object],
    inputs: _Array,
    compute: Callable[[_Array, int], _Array],
    chunk_size: int,
    *,
    random: bool = False,
    what: str = "chunk",
    progress: Callable[[int, int], None] | None = None,
) -> _Array:
    """Return ``compute`` of all rows, in chunks that are read from the store or stored at once.

    A chunk is known by ``fields`` and its rows. Where the computation is ``random`` (shots), its
    index is part of the key, too, for equal rows must be sampled independently; where it is not,
    equal chunks share one result, wherever they stand.

    Args:
        store: Where chunks are kept; None keeps none.
        fields: All that changes the numbers but the rows; see :func:`qkan.cache.key`. With
            ``random`` that includes the seed: what has none should not be cached.
        inputs: The rows.
        compute: Takes rows and the index of the chunk (from which a random computation derives its
            seed) and returns one result per row.
        chunk_size: Rows in a chunk: what a kill can cost.
        random: Whether two calls with equal rows may differ.
        what: Names the chunks in ``qkan cache ls``; not part of the key.
        progress: Is told the rows done and all rows, after every chunk.

    Shape:
        ``inputs`` ``(N, ...)``, the result ``(N, ...)`` with the trailing shape and dtype that
        ``compute`` returns.

    Raises:
        UsageError: If there are no rows, ``chunk_size`` is not positive, or a chunk's result does
            not have one row per input row and the trailing shape and dtype of the first chunk's.

    Example:
        >>> cached_chunks(None, {}, np.arange(5.0), lambda rows, index: 2 * rows, chunk_size=2)
        array([0., 2., 4., 6., 8.])
    """
    if chunk_size < 1:
        raise UsageError(f"chunk_size={chunk_size}: expected a positive number of rows.")
    if np.ndim(inputs) == 0 or len(inputs) == 0:
        raise UsageError(f"expected at least one row of inputs, got shape {np.shape(inputs)}.")

    def chunks() -> Iterator[_Array]:
        for index, start in enumerate(range(0, len(inputs), chunk_size)):
            rows = inputs[start : start + chunk_size]

            def run(rows: _Array = rows, index: int = index) -> dict[str, _Array]:
                return {"values": _one_per_row(compute(rows, index), rows, index)}

            if store is None:
                yield run()["values"]
                continue
            chunk = {"rows": digest(rows), "index": index if random else None}
            meta = {"what": what, "fields": fields, "chunk": chunk}
            yield store.get_or_compute(key(fields=fields, chunk=chunk), run, meta)["values"]

    return _stack(chunks(), len(inputs), progress)


def _one_per_row(values: _Array, rows: _Array, index: int) -> _Array:
    if values.shape[:1] != rows.shape[:1]:
        raise UsageError(
            f"chunk {index}: expected one result for each of {len(rows)} rows, got {values.shape}."
        )
    return values


def _stack(
    chunks: Iterator[_Array], total: int, progress: Callable[[int, int], None] | None
) -> _Array:
    """Copy chunk after chunk into one array: a list of them would take the memory twice."""
    chunk = next(chunks)
    result = np.empty((total, *chunk.shape[1:]), chunk.dtype)
    done = 0
    while True:
        if chunk.shape[1:] != result.shape[1:] or chunk.dtype != result.dtype:
            raise UsageError(
                f"rows {done} and on: expected results of shape {result.shape[1:]} and "
                f"{result.dtype} as in the first chunk, got {chunk.shape[1:]} and {chunk.dtype}."
            )
        result[done : done + len(chunk)] = chunk
        done += len(chunk)
        if progress is not None:
            progress(done, total)
        if done == total:
            return result
        chunk = next(chunks)
