"""A long computation in pieces, each stored at once: who is killed goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from circuits.errors import UsageError, check_integer
from qkan.store import Store, digest, key

__all__ = ["Spread", "cached_chunks"]

_Array = npt.NDArray[Any]

_Chunk = tuple[_Array, int]
"""Rows, and the index of their chunk."""


class Spread(Protocol):
    """Whatever computes chunks side by side, such as :class:`qkan.studies.tasks.Executor`."""

    def unordered(
        self,
        function: Callable[[_Chunk], _Array],
        tasks: Sequence[_Chunk],
        *,
        names: Sequence[str] | None = None,
    ) -> Generator[tuple[int, _Array]]:
        """Yield the index and the result of every task, in any order."""


class _Here:
    """Computes chunk after chunk."""

    def unordered(
        self,
        function: Callable[[_Chunk], _Array],
        tasks: Sequence[_Chunk],
        *,
        names: Sequence[str] | None = None,
    ) -> Generator[tuple[int, _Array]]:
        for number, task in enumerate(tasks):
            yield number, function(task)


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
    executor: Spread | None = None,
) -> _Array:
    """Return ``compute`` of all rows, in chunks that are read from the store or stored at once.

    A chunk is known by ``fields`` and its rows. Where the computation is ``random`` (shots), its
    index is part of the key, too, for equal rows must be sampled independently; where it is not,
    equal chunks share one result, wherever they stand.

    Args:
        store: Where chunks are kept; None keeps none.
        fields: All that changes the numbers but the rows; see :func:`qkan.store.key`. With
            ``random`` that includes the seed: what has none should not be cached.
        inputs: The rows.
        compute: Takes rows and the index of the chunk (from which a random computation derives its
            seed) and returns one result per row.
        chunk_size: Rows in a chunk: what a kill can cost.
        random: Whether two calls with equal rows may differ.
        what: Names the chunks in ``qkan cache ls``; not part of the key.
        progress: Is told the rows done and all rows, after every chunk.
        executor: Computes the chunks; by default here, one after the other. Results are stored here in any case.

    Shape:
        ``inputs`` ``(N, ...)``, the result ``(N, ...)`` with the trailing shape and dtype that
        ``compute`` returns.

    Raises:
        UsageError: If there are no rows, ``chunk_size`` is not positive, or a chunk's result does
            not have one row per input row and the trailing shape and dtype of another chunk's.

    Example:
        >>> cached_chunks(None, {}, np.arange(5.0), lambda rows, index: 2 * rows, chunk_size=2)
        array([0., 2., 4., 6., 8.])
    """
    check_integer("chunk_size", chunk_size)
    if np.ndim(inputs) == 0 or len(inputs) == 0:
        raise UsageError(f"expected at least one row of inputs, got shape {np.shape(inputs)}.")

    slices = [slice(start, start + chunk_size) for start in range(0, len(inputs), chunk_size)]
    whole = _Whole(len(inputs), progress)
    keys: dict[int, tuple[str, dict[str, object]]] = {}
    missing: dict[object, list[int]] = {}
    for index, rows in enumerate(slices):
        if store is None:
            missing[index] = [index]
            continue
        chunk = {"rows": digest(inputs[rows]), "index": index if random else None}
        keys[index] = (
            key(fields=fields, chunk=chunk),
            {"what": what, "fields": fields, "chunk": chunk},
        )
        stored = None if keys[index][0] in missing else store.get(keys[index][0])
        if stored is None:
            missing.setdefault(keys[index][0], []).append(index)
        else:
            whole.put(rows, stored["values"])

    alike = list(missing.values())
    tasks = [(inputs[slices[first]], first) for first, *_ in alike]
    names = [f"{what}, rows {slices[first].start} and on" for first, *_ in alike]
    spread = (executor or _Here()).unordered(partial(_compute, compute), tasks, names=names)
    with closing(spread) as finished:
        for number, values in finished:
            first = alike[number][0]
            if store is not None:
                name, meta = keys[first]
                values = store.get_or_compute(name, partial(dict, values=values), meta)["values"]  # noqa: PLW2901
            for index in alike[number]:
                whole.put(slices[index], values)
    return whole.values


def _compute(compute: Callable[[_Array, int], _Array], chunk: _Chunk) -> _Array:
    rows, index = chunk
    values = compute(rows, index)
    if values.shape[:1] != rows.shape[:1]:
        raise UsageError(
            f"chunk {index}: expected one result for each of {len(rows)} rows, got {values.shape}."
        )
    return values


class _Whole:
    """The array that chunks are copied into: a list of them would take the memory twice."""

    values: _Array

    def __init__(self, total: int, progress: Callable[[int, int], None] | None) -> None:
        self._total = total
        self._done = 0
        self._progress = progress

    def put(self, rows: slice, chunk: _Array) -> None:
        if self._done == 0:
            self.values = np.empty((self._total, *chunk.shape[1:]), chunk.dtype)
        if chunk.shape[1:] != self.values.shape[1:] or chunk.dtype != self.values.dtype:
            raise UsageError(
                f"rows {rows.start} and on: expected results of shape {self.values.shape[1:]} and "
                f"{self.values.dtype} as in another chunk, got {chunk.shape[1:]} and {chunk.dtype}."
            )
        self.values[rows] = chunk
        self._done += len(chunk)
        if self._progress is not None:
            self._progress(self._done, self._total)
