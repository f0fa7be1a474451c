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
    alike: dict[str, list[int]] = {}  # chunks that share a result
    chunks = []
    for index, rows in enumerate(slices):
        chunks.append(
            {"rows": digest(inputs[rows]) if store else None, "index": index if random else None}
        )
        name = key(fields=fields, chunk=chunks[index]) if store else str(index)
        alike.setdefault(name, []).append(index)
    whole: list[_Array] = []  # one array: a list of the chunks would take the memory twice
    done = 0

    def put(name: str, values: _Array) -> None:
        nonlocal done
        if not whole:
            whole.append(np.empty((len(inputs), *values.shape[1:]), values.dtype))
        kind, found = (f"shape {array.shape[1:]} and {array.dtype}" for array in (whole[0], values))
        for rows in (slices[index] for index in alike[name]):
            if kind != found:
                raise UsageError(
                    f"rows {rows.start} and on: results of {found}, but another chunk has results of {kind}."
                )
            whole[0][rows] = values
            done += len(values)
            if progress is not None:
                progress(done, len(inputs))

    missing: list[str] = []
    for name in alike:
        stored = None if store is None else store.get(name)
        if stored is None:
            missing.append(name)
        else:
            put(name, stored["values"])

    firsts = [alike[name][0] for name in missing]
    tasks = [(inputs[slices[first]], first) for first in firsts]
    work = partial(_compute, compute)
    if executor is None:
        finished = ((number, work(task)) for number, task in enumerate(tasks))
    else:
        names = [f"{what}, rows {slices[first].start} and on" for first in firsts]
        finished = executor.unordered(work, tasks, names=names)
    with closing(finished):
        for number, values in finished:
            if store is not None:
                meta = {"what": what, "fields": fields, "chunk": chunks[firsts[number]]}
                keep: Callable[[], dict[str, _Array]] = partial(dict, values=values)
                values = store.get_or_compute(missing[number], keep, meta)["values"]  # noqa: PLW2901
            put(missing[number], values)
    return whole[0]


def _compute(compute: Callable[[_Array, int], _Array], chunk: _Chunk) -> _Array:
    rows, index = chunk
    values = compute(rows, index)
    if values.shape[:1] != rows.shape[:1]:
        raise UsageError(
            f"chunk {index}: expected one result for each of {len(rows)} rows, got {values.shape}."
        )
    return values
