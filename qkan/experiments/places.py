"""Where a run reads and writes: nothing in here changes a number."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from qkan.experiments.executors import Executor, SerialExecutor
from qkan.progress import Progress

__all__ = ["Places"]


@dataclass(frozen=True)
class Places:
    """The folders of a run, who is told of its progress, and where its pieces run.

    Attributes:
        out: The folder of a new run; by default one named by experiment, date and time.
        resume: The folder of a run to continue.
        data_dir: Where the full MNIST lies; by default ``QKAN_DATA``.
        cache_dir: Where circuits' results are kept; by default ``QKAN_CACHE``.
        progress: Silent by default.
        executor: Where independent pieces of work run; by default here, one after the other.
    """

    out: Path | None = None
    resume: Path | None = None
    data_dir: Path | None = None
    cache_dir: Path | None = None
    progress: Progress = field(default_factory=Progress)
    executor: Executor = field(default_factory=SerialExecutor)
