"""What every run leaves behind: the record, every epoch's numbers, and the report."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qkan.config import as_mapping
from qkan.experiments.places import Places
from qkan.experiments.report import Report, Section, write_report
from qkan.experiments.run_folder import RunFolder

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["Record", "metric_lines", "opened", "write_record"]


@dataclass(frozen=True)
class Record:
    """What a run found.

    Attributes:
        arms: ``{arm: {metric: {"mean", "sd", "n", "values"}}}``; see :func:`summarise`.
        verdict: What follows from them, by name; ``sentences`` says it in words.
        sections: The report, below the sentences.
        published: The numbers that ours are held against.
    """

    arms: Mapping[str, Any]
    verdict: Mapping[str, Any]
    sections: list[Section] = field(repr=False)
    published: Mapping[str, Any] = field(default_factory=dict)


@contextmanager
def opened(experiment: str, config: DataclassInstance, places: Places) -> Iterator[RunFolder]:
    """Make the folder of a run, or open the one to resume; an interrupt says how to go on.

    Raises:
        UsageError: If the folder is not empty, or what is to be resumed is another run.
    """
    if places.resume:
        folder = RunFolder.resume(places.resume, config)
    else:
        folder = RunFolder.create(experiment, config, places.out)
    try:
        yield folder
    except KeyboardInterrupt as stop:
        stop.add_note(f"Continue with: qkan reproduce {experiment} --resume {folder.path}")
        raise


def write_record(
    folder: RunFolder,
    record: Record,
    *,
    experiment: str,
    title: str,
    config: DataclassInstance,
    facts: Mapping[str, Any],
    lines: Iterable[Mapping[str, Any]],
    started: float,
) -> None:
    """Write ``metrics.jsonl``, ``report.md``, ``report.html`` and, last, ``results.json``.

    Args:
        folder: The folder of the run.
        record: What it found.
        experiment: Its name.
        title: The report's.
        config: Its settings, all filled in.
        facts: Its provenance.
        lines: One mapping for every arm, seed and epoch; see :func:`metric_lines`.
        started: When it was started, by ``time.monotonic()``.
    """
    facts = {**facts, "duration_s": round(time.monotonic() - started, 1)}
    head = {"experiment": experiment, "config": as_mapping(config), "provenance": facts}
    text = (json.dumps(line, allow_nan=False) + "\n" for line in lines)
    folder.write("metrics.jsonl", "".join(text))
    summary = record.verdict["sentences"]
    write_report(folder, Report(title, summary, record.sections, _flat(head)))
    body = {"arms": record.arms, "published": record.published, "verdict": record.verdict}
    # Last, for it says that the run is complete.
    folder.write_json("results.json", head | body)


def metric_lines(arm: str, seed: int, curves: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield one line for every epoch of one run.

    Args:
        arm: The arm.
        seed: The seed.
        curves: ``{metric: one value an epoch}``.

    Example:
        >>> list(metric_lines("kan", 0, {"train_loss": [0.5]}))
        [{'arm': 'kan', 'seed': 0, 'epoch': 1, 'train_loss': 0.5}]
    """
    for epoch, values in enumerate(zip(*curves.values(), strict=True), start=1):
        numbers = dict(zip(curves, map(float, values), strict=True))
        yield {"arm": arm, "seed": seed, "epoch": epoch, **numbers}


def _flat(head: Mapping[str, Any]) -> dict[str, Any]:
    """Return configuration and provenance as one table for the report."""
    rows: dict[str, Any] = {f"config: {k}": v for k, v in head["config"].items()}
    for name, value in head["provenance"].items():
        if isinstance(value, dict):
            rows[name] = ", ".join(f"{k} {v}" for k, v in value.items() if v not in (None, ""))
        elif isinstance(value, list):
            rows[name] = f"{value[0]} to {value[-1]}"
        else:
            rows[name] = value
    return rows
