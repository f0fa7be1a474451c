"""Sweeps: many trainings of one model, to find its settings.

A sweep is a model, data, a training, and which of their settings are varied. It is written as TOML, like what
``qkan sweep --example`` prints. In ``[space]``, a list holds values (which may be lists themselves), and
``{ low = ..., high = ... }`` is a range: of whole numbers if both ends are, with ``log = true`` logarithmic, with
``step`` in steps. The training's seed may be varied like any other setting.

The trials are kept by Optuna, in ``trials.db`` in the sweep's folder (SQLite: on a disk of this machine). A killed
sweep goes on where it stopped; several processes may share one. Every trial is written down as waiting before the first
one runs, so that none is done twice; a process that runs one is heard of every few seconds, and where one falls silent,
its trial waits again, with the same settings. The same seed gives the same trials: those of a grid and random ones
always, those of TPE while trials are done one after the other (else they depend on which result comes first).

References:
    J. Bergstra, R. Bardenet, Y. Bengio, B. Kegl, "Algorithms for Hyper-Parameter Optimization", NIPS 2011 (TPE).
    T. Akiba et al., "Optuna", KDD 2019, arXiv:1907.10902.
"""

from __future__ import annotations

import math
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import product
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from circuits.errors import MissingExtraError, UsageError
from qkan.config import from_mapping
from qkan.studies.run import Places, RunFolder
from qkan.studies.sweep_config import Dimension, SweepConfig, merged, parse_space
from qkan.studies.sweep_report import Trial, write_sweep
from qkan.studies.sweep_trial import (
    DataConfig,
    check_settings,
    checksum,
    load,
    loss_of,
    train_trial,
)
from qkan.studies.tasks import Failure, SerialExecutor

if TYPE_CHECKING:
    import optuna
    from optuna.storages import RDBStorage

__all__ = ["run"]

_HEARTBEAT = 5
"""Seconds between two signs of life of a process that runs a trial."""

_SILENCE = 20
"""Seconds after which a process counts as dead."""

_TRIES = 3
"""Processes that may die of one trial."""


def run(config: SweepConfig, places: Places | None = None) -> RunFolder:
    """Run a sweep, or join one that is there, and return its folder when all its trials are over.

    Everything that can be found wrong without training is found before the first trial. A trial that raises or kills
    its worker is reported and costs no other.

    Args:
        config: What to vary.
        places: Where to read and write, and where trials run. If ``out`` or ``resume`` is a sweep of the same
            configuration, its missing trials are done, beside other processes if there are any.

    Raises:
        MissingExtraError: If Optuna is not installed.
        UsageError: If a setting, the space, the data or the folder is not what it should be; or if all trials failed.
    """
    places, started = places or Places(), time.monotonic()
    space = parse_space(config.space)
    settings, facts = _checked(config, space, places.data_dir)
    with _quiet_optuna():
        folder = _folder(config, places)
        storage = _storage(folder, config, space, facts["data"]["sha256"])
        try:
            trials = _Trials(config, space, settings, places, storage).run()
        except KeyboardInterrupt as stop:
            stop.add_note(f"Continue with: qkan sweep --resume {folder.path}")
            raise
        finally:
            storage.engine.dispose()
    write_sweep(folder, config, space, trials, facts, started)
    return folder


@dataclass
class _Trials:
    """The trials of a sweep, as one process does them; each of its threads waits for one worker."""

    config: SweepConfig
    space: Mapping[str, Dimension]
    settings: Mapping[str, Any]
    places: Places
    storage: RDBStorage
    stopped: threading.Event = field(default_factory=threading.Event)

    def run(self) -> list[Trial]:
        """Do trials until all are over, and return them."""
        total = _number_of_trials(self.config, self.space)
        with self.places.progress.task("sweep", total) as self._advance:
            if isinstance(self.places.executor, SerialExecutor):
                self._work()
            else:
                self._spread()
        return _over(self._study())

    def _spread(self) -> None:
        working: set[Future[None]] = set()
        with ThreadPoolExecutor(1000) as threads:
            try:
                while not any(each.done() for each in working):
                    free = max(1, self.places.executor.workers) - len(working)  # some may have come
                    working |= {threads.submit(self._work) for _ in range(free)}
                    wait(working, 1, return_when=FIRST_COMPLETED)
                for each in wait(working, return_when=FIRST_EXCEPTION).done:
                    each.result()
            except BaseException:
                self.stopped.set()
                self.places.executor.close()
                raise

    def _study(self) -> optuna.Study:
        study: optuna.Study = _optuna().load_study(study_name=_NAME, storage=self.storage)
        return study

    def _work(self) -> None:
        """Do one trial after the other; then wait for those of others, which may be left to do."""
        optuna, study = _optuna(), self._study()
        while not self.stopped.is_set():
            optuna.storages.fail_stale_trials(study)
            _give_back_unheard(study)
            states = {trial.state.name for trial in _latest(study).values() if not _is_over(trial)}
            if "WAITING" in states:
                study.optimize(self._objective, 1, catch=_FailedError, callbacks=[self._tell])
            elif states:
                self.stopped.wait(1)
            else:
                break
        self.storage.remove_session()

    def _objective(self, trial: optuna.Trial) -> float:
        index, samplers = trial.user_attrs.get("index"), _optuna().samplers
        if index is None:  # another process took the last one that was waiting
            raise _FailedError
        self.storage.record_heartbeat(trial._trial_id)  # at once; Optuna's thread may be late
        # From the index, so that neither a death nor another process changes what is drawn.
        seed = int(np.random.SeedSequence([self.config.seed, index]).generate_state(1)[0])
        kind = samplers.TPESampler if self.config.sampler == "tpe" else samplers.RandomSampler
        trial.study.sampler = kind(seed=seed)
        point = {name: each.suggest(trial, name) for name, each in self.space.items()}
        trial.set_user_attr("point", point)
        train = partial(_train, self.places.data_dir)
        try:
            outcome = self.places.executor.call(train, merged(self.settings, point))
        except BaseException:
            self.stopped.set()
            raise
        finally:
            if self.stopped.is_set():  # then it is to be done again
                trial.study.enqueue_trial(trial.params, user_attrs={"index": index})
        if self.stopped.is_set():
            raise _FailedError
        reason, value = "", math.nan
        if isinstance(outcome, Failure):
            reason = outcome.reason
        else:
            lists = {name: np.atleast_1d(array).tolist() for name, array in outcome.items()}
            trial.set_user_attr("results", lists)
            value = float(np.mean(lists[self.config.metric]))
        if not math.isfinite(value):
            trial.set_user_attr("reason", reason or f"its metric is {value}")
            raise _FailedError
        return value

    def _tell(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        if not _is_over(trial):
            return
        trials, end = _latest(study), f"failed: {trial.user_attrs.get('reason')}"
        if trial.value is not None:
            end = f"{self.config.metric} {trial.value:.4g}"
        done = sum(map(_is_over, trials.values()))
        self.places.progress.say(
            f"trial {trial.user_attrs['index']}: {end}; {done} of {len(trials)}"
        )
        self._advance(done, len(trials))


class _FailedError(Exception):
    """A trial has no metric, for a reason that is written down, or is to be done again."""


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
        UsageError: If a grid has no end.
    """
    if config.sampler != "grid":
        return config.trials or 0
    points = prod(len(dimension.grid(name)) for name, dimension in space.items())
    return points if config.trials is None else min(points, config.trials)


def _folder(config: SweepConfig, places: Places) -> RunFolder:
    """Make the folder, or open it if the same sweep is in it; several processes may come at once."""
    path = places.resume or places.out
    if path is None:
        return RunFolder.create("sweep", config, None)
    if places.resume:
        return RunFolder.resume(path, config)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        if (path / "config.toml").is_file():
            return RunFolder.resume(path, config)
        return RunFolder.create("sweep", config, path)


def _storage(
    folder: RunFolder, config: SweepConfig, space: Mapping[str, Dimension], data: str
) -> RDBStorage:
    """Open the file of the trials, in which all of them wait from the beginning.

    Raises:
        UsageError: If the trials that are there were made with other data.
    """
    optuna, storages = _optuna(), _optuna().storages
    import sqlalchemy  # Optuna brings it

    with FileLock(folder.path / "trials.lock"):
        storage: RDBStorage = storages.RDBStorage(
            f"sqlite:///{folder.path.resolve() / 'trials.db'}",
            {"connect_args": {"timeout": 60}},
            heartbeat_interval=_HEARTBEAT,
            grace_period=_SILENCE,
            heartbeat_stale_trial_callback=storages.RetryHeartbeatStaleTrialCallback(_TRIES - 1),
        )
        # Optuna takes a waiting trial by SELECT ... FOR UPDATE, which SQLite ignores: two processes would take one.
        sqlalchemy.event.listen(storage.engine, "begin", _begin)
        study = optuna.create_study(
            storage=storage, study_name=_NAME, direction=config.direction, load_if_exists=True
        )
        if study.user_attrs.get("data", data) != data:
            raise UsageError(
                f"the data are not those that the sweep in {folder.path} was begun with; begin another one with --out"
            )
        study.set_user_attr("data", data)
        points: Iterator[tuple[Any, ...]] = iter(())
        if config.sampler == "grid":
            points = product(*(dimension.grid(name) for name, dimension in space.items()))
        there = _latest(study)
        for index in range(_number_of_trials(config, space)):
            point = dict(zip(space, next(points, ()), strict=False))
            if index not in there:
                study.enqueue_trial(point, user_attrs={"index": index})
    return storage


def _begin(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")  # from its first read on, a transaction is alone


def _give_back_unheard(study: optuna.Study) -> None:
    """Let trials wait again whose process died before its first sign of life, of which Optuna knows nothing."""
    for index, trial in _latest(study).items():
        if trial.state.name != "RUNNING" or "point" in trial.user_attrs or not trial.datetime_start:
            continue
        if (datetime.now() - trial.datetime_start).total_seconds() > 5 * _SILENCE:
            study.tell(trial.number, state=_optuna().trial.TrialState.FAIL, skip_if_finished=True)
            point = trial.system_attrs.get("fixed_params", {})
            study.enqueue_trial(point, user_attrs={"index": index})


def _latest(study: optuna.Study) -> dict[int, optuna.trial.FrozenTrial]:
    """Return every index's trial, the last one where it was tried again."""
    trials = study.get_trials(deepcopy=False)
    return {t.user_attrs["index"]: t for t in trials if "index" in t.user_attrs}


def _is_over(trial: optuna.trial.FrozenTrial) -> bool:
    """Tell whether a trial has its result or failed for good: one whose process died is tried again."""
    given_up = len(trial.system_attrs.get("retry_history", ())) >= _TRIES - 1
    failed = trial.state.name == "FAIL" and ("reason" in trial.user_attrs or given_up)
    return trial.state.name == "COMPLETE" or failed


def _over(study: optuna.Study) -> list[Trial]:
    """Return all trials that are over, by index."""
    return [
        Trial(
            index,
            trial.user_attrs.get("point", {}),
            trial.value,
            trial.user_attrs.get("results", {}),
            "" if trial.value is not None else trial.user_attrs.get("reason", _GIVEN_UP),
        )
        for index, trial in sorted(_latest(study).items())
        if _is_over(trial)
    ]


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise MissingExtraError(
            "Optuna is not installed; the extra 'sweep' brings it: pip install 'hybrid-qkan[sweep]'"
        ) from error
    return optuna


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Let Optuna tell of errors only, and not that its heartbeats are an experimental feature of it."""
    optuna = _optuna()
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


_NAME = "sweep"

_GIVEN_UP = (
    f"it was tried {_TRIES} times, and each time its process died (was there too little memory?)"
)
