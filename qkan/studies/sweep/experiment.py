"""One sweep, from a configuration to a folder with a report."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from filelock import FileLock
from numpy.typing import NDArray

from circuits.errors import UsageError
from qkan.config import from_mapping
from qkan.studies.executors import Failure
from qkan.studies.run import Places, RunFolder
from qkan.studies.sweep.config import SweepConfig
from qkan.studies.sweep.data import DataConfig, checksum, load
from qkan.studies.sweep.ledger import Claim, Ledger
from qkan.studies.sweep.report import write_sweep
from qkan.studies.sweep.sampler import number_of_trials
from qkan.studies.sweep.space import Dimension, merged, parse_space
from qkan.studies.sweep.trial import check_settings, loss_of, train_trial

__all__ = ["run"]


def run(config: SweepConfig, places: Places | None = None) -> RunFolder:
    """Run a sweep, or join one that is there, and return its folder.

    Everything that can be found wrong without training is found before the first trial. A trial that raises or kills
    its worker is reported and costs no other. Who finishes the last trial writes the report.

    Args:
        config: What to vary.
        places: Where to read and write, and where trials run. If ``out`` or ``resume`` is a sweep of the same
            configuration, its missing trials are done, beside other processes if there are any.

    Raises:
        UsageError: If a setting, the space, the data or the folder is not what it should be; or if all trials failed.
    """
    places = places or Places()
    sweep = _Sweep.of(config, places.data_dir)
    folder = _open(config, places)
    started = time.monotonic()
    try:
        with _quiet_optuna(), closing(sweep.ledger(folder)) as ledger:
            with places.progress.task("sweep", ledger.total) as advance:
                for told in _trials(sweep, ledger, places):
                    over = len(ledger.trials())
                    places.progress.say(f"{told}; {over} of {ledger.total}")
                    advance(over, ledger.total)
            if ledger.finished:
                write_sweep(
                    folder, config, sweep.space, ledger.trials(), sweep.facts | _since(started)
                )
            else:
                places.progress.say("The other trials are running in other processes.")
    except KeyboardInterrupt as stop:
        stop.add_note(f"Continue with: qkan sweep --resume {folder.path}")
        raise
    return folder


@dataclass(frozen=True)
class _Sweep:
    """A configuration that was found to be sound."""

    config: SweepConfig
    space: dict[str, Dimension]
    settings: dict[str, Any]
    facts: dict[str, Any]
    data_dir: Path | None

    @classmethod
    def of(cls, config: SweepConfig, data_dir: Path | None) -> _Sweep:
        space = parse_space(config.space)
        number_of_trials(config, space)
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
        facts = {"loss": loss, "data": {"sha256": checksum(data, data_dir)}}
        return cls(config, space, base | fixed, facts, data_dir)

    def ledger(self, folder: RunFolder) -> Ledger:
        return Ledger(folder.path, self.config, self.space, self.facts["data"]["sha256"])


def _trials(sweep: _Sweep, ledger: Ledger, places: Places) -> Iterator[str]:
    """Do trials until there are no more, and tell of each."""
    claims: list[Claim] = []

    def to_do() -> Iterator[dict[str, Any]]:
        while claim := ledger.claim():
            claims.append(claim)
            yield merged(sweep.settings, claim.point)

    train = partial(_train, sweep.data_dir)
    with closing(places.executor.outcomes(train, to_do())) as outcomes:
        for number, outcome in outcomes:
            claim = claims[number]
            if isinstance(outcome, Failure):
                ledger.fail(claim, outcome.reason)
                yield f"trial {claim.index} failed: {outcome.reason}"
            else:
                value = float(np.mean(outcome[sweep.config.metric]))
                ledger.tell(claim, value, outcome)
                yield f"trial {claim.index}: {sweep.config.metric} {value:.4g}"


def _since(started: float) -> dict[str, float]:
    return {"duration_s": round(time.monotonic() - started, 1)}


def _train(data_dir: Path | None, settings: dict[str, Any]) -> dict[str, NDArray[Any]]:
    return train_trial(**settings, data_dir=data_dir)


def _open(config: SweepConfig, places: Places) -> RunFolder:
    """Make the folder, or open it if the same sweep is in it; several processes may come at once."""
    path = places.resume or places.out
    if path is None:
        return RunFolder.create("sweep", config, None)
    if places.resume:
        return RunFolder.resume(path, config)
    path.parent.mkdir(parents=True, exist_ok=True)
    turn = path.with_name(f".{path.name}.lock")
    with FileLock(turn):
        if (path / "config.toml").is_file():
            return RunFolder.resume(path, config)
        return RunFolder.create("sweep", config, path)


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Let Optuna tell of warnings only."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
