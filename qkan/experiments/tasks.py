"""Many independent pieces of a run, each kept in its folder as soon as it is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuits.errors import UsageError
from qkan.experiments.executors import Executor, SerialExecutor
from qkan.experiments.run_folder import RunFolder
from qkan.progress import Progress

__all__ = ["Arrays", "run_tasks"]

_LONG = 90
"""Seconds; a shorter wait is not announced."""

Arrays = dict[str, NDArray[Any]]


def run_tasks(
    function: Callable[..., Mapping[str, NDArray[Any]]],
    tasks: Mapping[str, Mapping[str, Any]],
    folder: RunFolder,
    executor: Executor | None = None,
    progress: Progress | None = None,
    *,
    fields: Mapping[str, object] | None = None,
    what: str = "tasks",
) -> dict[str, Arrays]:
    """Return ``{name: function(**settings)}``, of which a run's folder keeps every single one at once.

    A run that was killed goes on with those that are missing; none is done twice. A damaged file counts as missing
    (with a warning). A task is known by its name, its settings and ``fields``.

    Args:
        function: Returns named arrays of numbers; its numbers must follow from its settings alone, so a seed is one of
            them. It is sent to its worker, as the settings are: load large data inside it.
        tasks: The settings of every task by its name. They may be what :func:`qkan.cache.key` takes.
        folder: Where results are kept.
        executor: Where tasks run; by default one after the other, here.
        progress: Is told of every finished task.
        fields: What else changes the numbers, such as the data's checksum.
        what: Names the whole in the progress.

    Raises:
        UsageError: If a setting cannot be part of a key; before anything runs.
        TaskError: If tasks failed; after all others are finished and kept.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> def square(x):
        ...     return {"y": np.array(x**2)}
        >>> with tempfile.TemporaryDirectory() as path:
        ...     results = run_tasks(square, {"two": {"x": 2}, "three": {"x": 3}}, RunFolder(Path(path)))
        >>> int(results["three"]["y"])
        9
    """
    progress = progress or Progress()
    names = list(tasks)
    keys: dict[str, dict[str, object]] = {
        name: {"settings": dict(tasks[name]), "of": dict(fields or {})} for name in names
    }
    found = {name: folder.finished(name, keys[name]) for name in names}
    results = {name: arrays for name, arrays in found.items() if arrays is not None}
    missing = [name for name in names if name not in results]
    if not missing:
        return results
    if results:
        progress.say(f"{what}: {len(results)} of {len(names)} are there already")

    before, started = len(results), time.monotonic()
    with progress.task(what, len(names)) as advance:
        advance(len(results), len(names))

        def keep(index: int, result: Mapping[str, NDArray[Any]]) -> None:
            name = missing[index]
            results[name] = folder.stage(name, keys[name], lambda: result)
            left = (
                (time.monotonic() - started) / (len(results) - before) * (len(names) - len(results))
            )
            about = f", about {left / 60:.0f} min left" if left > _LONG else ""
            progress.say(f"{name}: finished, {len(results)} of {len(names)}{about}")
            advance(len(results), len(names))

        call = partial(_call, function)
        settings = [dict(tasks[name]) for name in missing]
        (executor or SerialExecutor()).map(call, settings, keep, names=missing)
    return {name: results[name] for name in names}


def _call(
    function: Callable[..., Mapping[str, NDArray[Any]]], settings: dict[str, Any]
) -> Mapping[str, NDArray[Any]]:
    result = function(**settings)
    if not isinstance(result, Mapping):
        raise UsageError(
            f"expected a task to return named arrays, such as {{'loss': array}}, got a {type(result).__name__}"
        )
    return {name: np.asarray(values) for name, values in result.items()}
