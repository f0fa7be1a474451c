"""Sweeps: many trainings of one model, to find its settings.

A sweep is a model, data, a training, and which of their settings are varied. It is written as TOML, like what
``qkan sweep --example`` prints. In ``[space]``, a list holds values (which may be lists themselves), and
``{ low = ..., high = ... }`` is a range: of whole numbers if both ends are, with ``log = true`` logarithmic, with
``step`` in steps. The training's seed may be varied like any other setting.

Every finished trial is kept in the sweep's folder, so that a killed sweep goes on where it stopped. Several processes
may share one: who runs a trial holds its lock, which the system takes from a process that dies (on a disk of this
machine; not every network's file system does). The same seed gives the same trials: those of a grid and random ones
always, those of TPE while trials are done one after the other (else they depend on which result comes first).

References:
    J. Bergstra, R. Bardenet, Y. Bengio, B. Kegl, "Algorithms for Hyper-Parameter Optimization", NIPS 2011 (TPE).
    T. Akiba et al., "Optuna", KDD 2019, arXiv:1907.10902.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from math import prod
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from circuits.errors import MissingExtraError, UsageError
from qkan.config import from_mapping
from qkan.plotting import Axis, plot_sweep
from qkan.studies.report import Picture, Record, Section, Table, write_record
from qkan.studies.run import Places, RunFolder, continued, provenance
from qkan.studies.statistics import summarise
from qkan.studies.sweep_config import (
    DataConfig,
    Dimension,
    Range,
    SweepConfig,
    check_settings,
    checksum,
    label,
    load,
    loss_of,
    merged,
    parse_space,
    train_trial,
)
from qkan.studies.tasks import Failure, TaskError

__all__ = ["Trial", "run"]

_POLL = 1
"""Seconds between two looks at the trials of other processes."""

_MOST_POINTS = 1_000_000
"""Of a grid that is to be tried whole."""


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


def run(config: SweepConfig, places: Places | None = None) -> RunFolder:
    """Run a sweep, or join one that is there, and return its folder when all its trials are over.

    Everything that can be found wrong without training is found before the first trial. A trial that raises or kills
    its worker is reported and costs no other.

    Args:
        config: What to vary.
        places: Where to read and write, and where trials run. If ``out`` or ``resume`` is a sweep of the same
            configuration, its missing trials are done, beside other processes if there are any.

    Raises:
        MissingExtraError: If Optuna is not installed; a grid does without.
        UsageError: If a setting, the space, the data or the folder is not what it should be; or if all trials failed.
    """
    places, started = places or Places(), time.monotonic()
    space = parse_space(config.space)
    settings, facts = _checked(config, space, places.data_dir)
    if config.sampler != "grid":
        _optuna()
    folder = _folder(config, places, facts["data"]["sha256"])
    folder.images = places.images
    with continued("qkan sweep", folder):
        found = _Trials(config, space, settings, places, folder).run()
        _write(folder, config, space, found, facts, started)
    return folder


@dataclass
class _Trials:
    """The trials of a sweep, as one process does them."""

    config: SweepConfig
    space: Mapping[str, Dimension]
    settings: Mapping[str, Any]
    places: Places
    folder: RunFolder
    found: dict[int, Trial] = field(default_factory=dict)
    asked: dict[int, Any] = field(default_factory=dict)

    def run(self) -> list[Trial]:
        """Do trials until all are over, and return them by index."""
        total = _number_of_trials(self.config, self.space)
        train = partial(_train, self.places.data_dir)
        with self.places.progress.task("sweep", total) as advance:
            while left := [index for index in range(total) if index not in self.found]:
                mine: list[tuple[int, dict[str, Any], FileLock]] = []
                outcomes = self.places.executor.outcomes(train, self._claimed(left, mine))
                try:
                    with closing(outcomes):
                        for number, outcome in outcomes:
                            index, point, lock = mine[number]
                            end = self._keep(index, point, outcome)
                            _release(lock)
                            done = len(self.found)
                            self.places.progress.say(f"trial {index}: {end}; {done} of {total}")
                            advance(done, total)
                finally:
                    for _, _, lock in mine:
                        _release(lock)
                if not mine:  # others do the rest
                    time.sleep(_POLL)
        return [self.found[index] for index in range(total)]

    def _claimed(
        self, left: Sequence[int], mine: list[tuple[int, dict[str, Any], FileLock]]
    ) -> Iterator[dict[str, Any]]:
        """Yield the settings of trials that nobody has done or does, each when there is a worker for it."""
        for index in left:
            if self._is_kept(index):
                continue
            lock = FileLock(self.folder.inside(f"locks/{index}"))
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            if self._is_kept(index):  # it was finished in between
                _release(lock)
                continue
            mine.append((index, self._point(index), lock))
            yield merged(self.settings, mine[-1][1])

    def _is_kept(self, index: int) -> bool:
        kept = self.folder.finished(f"trial {index}", {})
        try:
            trial = Trial(**json.loads(kept["trial"].tobytes())) if kept else None
            if trial is None or trial.index != index or trial.point.keys() != self.space.keys():
                return False
            float(trial.value or 0)
        except (ValueError, KeyError, TypeError, AttributeError):  # sealed, but not by a sweep
            return False
        self._learn(trial)
        return True

    def _keep(self, index: int, point: dict[str, Any], outcome: Any) -> str:
        """Write down how a trial ended, and say it."""
        value, results, reason = math.nan, {}, ""
        if isinstance(outcome, Failure):
            reason = outcome.reason
        else:
            results = {name: np.atleast_1d(array).tolist() for name, array in outcome.items()}
            value = float(np.mean(results[self.config.metric]))
        if not math.isfinite(value):
            trial = Trial(index, point, None, {}, reason or f"its metric is {value}")
        else:
            trial = Trial(index, point, value, results)
        self._learn(trial)
        # Without a traceback a worker died, which is no end of its trial: the sweep's next run tries it again.
        if not isinstance(outcome, Failure) or outcome.traceback:
            kept = {"trial": np.frombuffer(json.dumps(vars(trial)).encode(), np.uint8)}
            self.folder.stage(f"trial {index}", {}, lambda: kept)
        return f"failed: {trial.reason}" if trial.reason else f"{self.config.metric} {value:.4g}"

    def _point(self, index: int) -> dict[str, Any]:
        """Return what is varied in a trial; it follows from the index, whoever asks."""
        if self.config.sampler == "grid":
            point = {}
            for name in reversed(list(self.space)):  # the last one runs fastest
                index, position = divmod(index, self.space[name].count or 1)
                point[name] = self.space[name].at(position)
            return {name: point[name] for name in self.space}
        samplers = _optuna().samplers
        kind = samplers.TPESampler if self.config.sampler == "tpe" else samplers.RandomSampler
        seed = int(np.random.SeedSequence([self.config.seed, index]).generate_state(1)[0])
        self._study.sampler = kind(seed=seed)
        asked = self.asked[index] = self._study.ask(self._distributions)
        return {name: each.value(asked.params[name]) for name, each in self.space.items()}

    def _learn(self, trial: Trial) -> None:
        """Add a trial that is over to what the next ones are drawn from."""
        self.found[trial.index] = trial
        if self.config.sampler != "tpe":
            return
        optuna = _optuna()
        state = optuna.trial.TrialState.FAIL if trial.value is None else None
        if trial.index in self.asked:
            self._study.tell(self.asked.pop(trial.index), trial.value, state)
        elif trial.value is not None:
            known = {"params": {name: label(value) for name, value in trial.point.items()}}
            known |= {"distributions": self._distributions}
            self._study.add_trial(optuna.trial.create_trial(value=trial.value, **known))

    @cached_property
    def _distributions(self) -> dict[str, Any]:
        return {name: each.distribution() for name, each in self.space.items()}

    @cached_property
    def _study(self) -> Any:
        optuna = _optuna()
        before = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            return optuna.create_study(direction=self.config.direction)
        finally:
            optuna.logging.set_verbosity(before)


def _release(lock: FileLock) -> None:
    with suppress(OSError):  # what it guards is kept by now, or is to be done again
        Path(lock.lock_file).unlink()
    lock.release()


def _train(data_dir: Path | None, settings: dict[str, Any]) -> dict[str, NDArray[Any]]:
    return train_trial(**settings, data_dir=data_dir)


def _checked(
    config: SweepConfig, space: Mapping[str, Dimension], data_dir: Path | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the settings that all trials share, and facts; what is wrong is found here."""
    _number_of_trials(config, space)
    base = {"model": config.model, "data": config.data, "training": config.training}
    first = {name: dimension.extremes[0] for name, dimension in space.items()}
    data = from_mapping(DataConfig, merged(base, first)["data"])
    train, _ = load(data, config.seed, data_dir)
    loss = config.loss or loss_of(train[1])
    for name, dimension in space.items():
        for value in dimension.extremes:
            point = first | {name: value}
            try:
                settings = merged(base, point)
                check_settings(settings, loss=loss, metric=config.metric, train=train)
            except UsageError as error:
                told = ", ".join(f"{n} = {v!r}" for n, v in point.items())
                raise UsageError(f"a trial with {told} cannot run: {error}") from error
    fixed = {"loss": loss, "repeats": config.repeats, "seed": config.seed}
    return base | fixed, {"loss": loss, "data": {"sha256": checksum(data, data_dir)}}


def _number_of_trials(config: SweepConfig, space: Mapping[str, Dimension]) -> int:
    """Return how many trials a sweep has.

    Raises:
        UsageError: If a grid has no end, or none in sight.
    """
    if config.sampler != "grid":
        return config.trials or 0
    counts = {name: dimension.count for name, dimension in space.items()}
    for name, count in counts.items():
        if count is None:
            raise UsageError(
                f"space.{name}: a grid needs a list of values, or a range with a step; got a continuous one"
            )
    points = prod(count or 1 for count in counts.values())
    if config.trials is None and points > _MOST_POINTS:
        raise UsageError(f"the grid has {points:,} points; say how many are tried with trials = N")
    return min(points, config.trials or points)


def _folder(config: SweepConfig, places: Places, data: str) -> RunFolder:
    """Make the folder, or open it if the same sweep is in it; several processes may come at once.

    Raises:
        UsageError: If the trials that are there were made with other data.
    """
    path = places.resume or places.out
    if path is None:
        folder = RunFolder.create("sweep", config, None)
    elif places.resume:
        folder = RunFolder.resume(path, config)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock")):
            there = (path / "config.toml").is_file()
            folder = (
                RunFolder.resume(path, config) if there else RunFolder.create("sweep", config, path)
            )
    begun = folder.stage("data", {}, lambda: {"sha256": np.frombuffer(data.encode(), np.uint8)})
    if begun["sha256"].tobytes() != data.encode():
        raise UsageError(
            f"the data are not those that the sweep in {folder.path} was begun with; begin another one with --out"
        )
    return folder


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise MissingExtraError(
            "Optuna is not installed; the extra 'sweep' brings it: pip install 'hybrid-qkan[sweep]'"
        ) from error
    return optuna


def _write(
    folder: RunFolder,
    config: SweepConfig,
    space: Mapping[str, Dimension],
    trials: Sequence[Trial],
    facts: Mapping[str, Any],
    started: float,
) -> None:
    """Write the record, the report with a table of all trials, and its figure.

    Raises:
        TaskError: If all trials failed.
    """
    good = [(trial.value, trial) for trial in trials if trial.value is not None]
    failed = [trial for trial in trials if trial.value is None]
    if not good:
        raise TaskError({f"trial {t.index}": Failure(t.reason) for t in failed}, len(failed))
    maximize = config.direction == "maximize"
    ranked = [t for _, t in sorted(good, key=lambda g: (-g[0] if maximize else g[0], g[1].index))]
    axes = [
        Axis(name, [_plain(t.point[name]) for _, t in good], isinstance(d, Range) and d.log)
        for name, d in space.items()
    ]
    order, values = [t.index for _, t in good], [value for value, _ in good]
    plot = plot_sweep(order, values, axes, config.metric, maximize=maximize)
    caption = f"Every trial's {config.metric} in their order, with the best so far, and against each setting."
    picture = Picture.save(folder, "sweep", caption, plot)
    measured = sorted(ranked[0].results, key=lambda name: name != config.metric)  # that one first
    columns: dict[str, Callable[[Trial], object]] = {
        "trial": attrgetter("index"),
        **{name: partial(_setting, name) for name in space},
        **{name: partial(_mean, name) for name in measured},
    }
    table = Table.of(columns, ranked)
    sections = [Section("Trials, the best first", table=table, pictures=[picture])]
    best = ranked[0]
    sentences = [
        f"The best of {len(ranked)} trials is trial {best.index}, with {config.metric} {best.value:.4g}: "
        f"{_words(best.point)}.",
        "It is the best of as many looks at the same validation data, and so flattered: judge it on data that no trial "
        "has seen, from several seeds.",
    ]
    if failed:
        rows = [[str(t.index), _words(t.point), t.reason] for t in failed]
        sections.append(Section("Failed", table=Table(["trial", "settings", "why"], rows)))
        sentences.append(f"{len(failed)} trials failed.")
    arms = {f"trial {t.index}": {k: np.array(v) for k, v in t.results.items()} for _, t in good}
    told = [vars(trial) for trial in trials]
    verdict = {"best": vars(best), "trials": told, "sentences": sentences}
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


def _setting(name: str, trial: Trial) -> object:
    return _plain(trial.point[name])


def _mean(name: str, trial: Trial) -> str:
    values = trial.results[name]
    average = float(np.mean(values))
    mean = f"{average:,.0f}" if average.is_integer() else f"{average:.4g}"
    return mean if len(values) == 1 else f"{mean} ± {np.std(values, ddof=1):.2g}"


def _plain(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else label(value)


def _words(point: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {_plain(value)}" for name, value in point.items())
