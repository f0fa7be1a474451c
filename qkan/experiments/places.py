"""Where a run reads and writes: nothing in here changes a number."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from qkan.progress import Progress

__all__ = ["Places"]


@dataclass(frozen=True)
class Places:
    """The folders of a run, and who is told of its progress.

    Attributes:
        out: The folder of a new run; by default one named by experiment, date and time.
        resume: The folder of a run to continue.
        data_dir: Where the full MNIST lies; by default ``QKAN_DATA``.
        cache_dir: Where circuits' results are kept; by default ``QKAN_CACHE``.
        progress: Silent by default.
    """

    out: Path | None = None
    resume: Path | None = None
    data_dir: Path | None = None
    cache_dir: Path | None = None
    progress: Progress = field(default_factory=Progress)
