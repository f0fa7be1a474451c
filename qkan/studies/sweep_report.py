"""What a sweep found: the record, a table of all trials, and a figure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qkan.plotting import Axis, plot_sweep
from qkan.studies.report import Picture, Record, Section, Table, write_record
from qkan.studies.run import RunFolder, provenance
from qkan.studies.statistics import summarise
from qkan.studies.sweep_config import Dimension, Range, SweepConfig
from qkan.studies.tasks import Failure, TaskError

__all__ = ["Trial", "write_sweep"]


@dataclass(frozen=True)
class Trial:
    """A trial that is over.

    Attributes:
        index: Which one, from 0.
        point: The values of what was varied, by names with dots.
        value: The metric; None if it failed.
        results: All that was measured, one value a repetition.
        reason: Why it failed; else empty.
    """

    index: int
    point: dict[str, Any]
    value: float | None
    results: dict[str, list[float]]
    reason: str = ""


def write_sweep(
    folder: RunFolder,
    config: SweepConfig,
    space: Mapping[str, Dimension],
    trials: Sequence[Trial],
    facts: Mapping[str, Any],
    started: float,
) -> None:
    """Write the record, the report and its figure into the sweep's folder.

    Args:
        folder: The folder.
        config: The sweep.
        space: What was varied.
        trials: All of them, by index.
        facts: Added to the provenance.
        started: When the run was started, by ``time.monotonic()``.

    Raises:
        TaskError: If all trials failed.
    """
    good = [trial for trial in trials if trial.value is not None]
    failed = [trial for trial in trials if trial.value is None]
    if not good:
        raise TaskError({f"trial {t.index}": Failure(t.reason) for t in failed}, len(failed))
    maximize = config.direction == "maximize"
    ranked = sorted(good, key=lambda t: ((t.value or 0.0) * (-1 if maximize else 1), t.index))
    axes = [
        Axis(name, [_plain(t.point[name]) for t in good], isinstance(d, Range) and d.log)
        for name, d in space.items()
    ]
    values = [trial.value or 0.0 for trial in good]
    plot = plot_sweep([t.index for t in good], values, axes, config.metric, maximize=maximize)
    caption = f"Every trial's {config.metric} in their order, with the best so far, and against each setting."
    picture = Picture.save(folder, "sweep", caption, plot)
    sections = [
        Section("Trials, the best first", table=_table(config, space, ranked), pictures=[picture])
    ]
    if failed:
        rows = [[str(t.index), _words(t.point), t.reason] for t in failed]
        sections.append(Section("Failed", table=Table(["trial", "settings", "why"], rows)))
    arms = {f"trial {t.index}": {k: np.array(v) for k, v in t.results.items()} for t in good}
    verdict = {
        "best": vars(ranked[0]),
        "trials": [vars(trial) for trial in trials],
        "sentences": _sentences(config, trials, ranked),
    }
    write_record(
        folder,
        Record(summarise(arms), verdict, sections),
        experiment="sweep",
        title=f"Sweep of {config.model['kind']}: {', '.join(space)}",
        config=config,
        facts=provenance() | dict(facts),
        lines=[],
        started=started,
    )


def _sentences(config: SweepConfig, trials: Sequence[Trial], ranked: Sequence[Trial]) -> list[str]:
    best, failed = ranked[0], len(trials) - len(ranked)
    told = [
        f"The best of {len(ranked)} trials is trial {best.index}, with {config.metric} {best.value:.4g}: "
        f"{_words(best.point)}.",
        "It is the best of as many looks at the same validation data, and so flattered: judge it on data that no trial "
        "has seen, from several seeds.",
    ]
    return told + ([f"{failed} trials failed."] if failed else [])


def _table(config: SweepConfig, space: Mapping[str, Dimension], ranked: Sequence[Trial]) -> Table:
    names = list(ranked[0].results)
    first = [config.metric, *(name for name in names if name != config.metric)]
    rows = [
        [
            str(t.index),
            *(str(_plain(t.point[n])) for n in space),
            *(_mean(t.results[n]) for n in first),
        ]
        for t in ranked
    ]
    return Table(["trial", *space, *first], rows)


def _mean(values: Sequence[float]) -> str:
    average = float(np.mean(values))
    mean = f"{average:,.0f}" if average.is_integer() else f"{average:.4g}"
    return mean if len(values) == 1 else f"{mean} ± {np.std(values, ddof=1):.2g}"


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    return value if isinstance(value, str | int) else json.dumps(value)


def _words(point: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {_plain(value)}" for name, value in point.items())
