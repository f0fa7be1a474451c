"""Who does which trial: claimed, told and, if its process has died, given to another.

Optuna's journal knows no heartbeats, so a trial that is running looks alike whether its process lives or not. Here
every process holds a lock on a file of its own as long as it lives, and its trials carry the file's name. The operating
system drops the lock when the process ends, however it ends: a running trial whose owner's lock can be taken is taken
up again, with the same settings and the same index. No time has to pass, and no slow trial is taken for a dead one. The
locks are those of the file system: several machines may share a sweep where it passes locks on (NFS 4, Lustre with
``flock``); where it does not, let one process spread its trials with ``--scheduler``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import optuna
from filelock import FileLock, Timeout
from optuna.trial import FrozenTrial, TrialState, create_trial

from circuits.errors import UsageError
from qkan.studies.sweep.config import SweepConfig
from qkan.studies.sweep.journal import open_journal
from qkan.studies.sweep.sampler import IndexedSampler, number_of_trials
from qkan.studies.sweep.space import Dimension

__all__ = ["Claim", "Ledger", "Trial"]

_TRIES = 3
"""Processes that may die of one trial."""


@dataclass(frozen=True)
class Claim:
    """A trial that this process has to do.

    Attributes:
        index: Which one, from 0.
        point: The values of what is varied, by names with dots.
    """

    index: int
    point: dict[str, Any]
    _trial: optuna.Trial


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


class Ledger:
    """The trials of a sweep in its folder; close it, for only then others may take up what is not told.

    Args:
        folder: The run's folder.
        config: The sweep.
        space: What is varied.
        data: The checksum of the data.

    Raises:
        UsageError: If the trials that are there were made with other data.
    """

    def __init__(
        self, folder: Path, config: SweepConfig, space: Mapping[str, Dimension], data: str
    ) -> None:
        self._space = space
        self._distributions = {name: each.distribution for name, each in space.items()}
        self.total = number_of_trials(config, space)
        self._owners = folder / "owners"
        self._owners.mkdir(exist_ok=True)
        self._me = uuid4().hex
        self._alive = FileLock(self._owners / self._me)
        self._alive.acquire()
        self._turn = FileLock(folder / "claims.lock")
        self._sampler = IndexedSampler(config, space)
        with self._turn:
            self._study = optuna.create_study(
                storage=open_journal(folder / "trials.jsonl"),
                study_name="sweep",
                direction=config.direction,
                sampler=self._sampler,
                load_if_exists=True,
            )
            known = self._study.user_attrs.get("data", data)
            if known == data:
                self._study.set_user_attr("data", data)
        if known != data:
            self.close()
            raise UsageError(
                f"the data are not those that the sweep in {folder} was begun with; begin another one with --out"
            )

    def close(self) -> None:
        """Let others take up what this process has not told."""
        self._alive.release()
        (self._owners / self._me).unlink(missing_ok=True)

    def claim(self) -> Claim | None:
        """Return a trial to do: one that a dead process left, or a new one; None if there are no more."""
        with self._turn:
            self._take_up()
            left = self._study.get_trials(deepcopy=False, states=[TrialState.WAITING])
            index = left[0].user_attrs["index"] if left else len(self._latest())
            if index >= self.total:
                return None
            self._sampler.begin(index)
            trial = self._study.ask(self._distributions)
            trial.set_user_attr("owner", self._me)
            trial.set_user_attr("index", index)  # last: with it, the trial counts
        point = {name: self._space[name].value(label) for name, label in trial.params.items()}
        return Claim(index, {name: point[name] for name in self._space}, trial)

    def tell(self, claim: Claim, value: float, results: Mapping[str, npt.NDArray[Any]]) -> None:
        """Write down a trial's metric, and all that was measured."""
        if math.isfinite(value):
            lists = {name: np.atleast_1d(array).tolist() for name, array in results.items()}
            claim._trial.set_user_attr("results", lists)
            self._study.tell(claim._trial, value)
        else:
            self.fail(claim, f"its metric is {value}")

    def fail(self, claim: Claim, reason: str) -> None:
        """Write down why a trial has no metric; it is not tried again."""
        claim._trial.set_user_attr("reason", reason)
        self._study.tell(claim._trial, state=TrialState.FAIL)

    def trials(self) -> list[Trial]:
        """Return all trials that are over, by index."""
        return [
            Trial(
                index,
                {n: d.value(trial.params[n]) for n, d in self._space.items() if n in trial.params},
                trial.value if trial.state == TrialState.COMPLETE else None,
                trial.user_attrs.get("results", {}),
                trial.user_attrs.get("reason", ""),
            )
            for index, trial in sorted(self._latest().items())
            if trial.state in (TrialState.COMPLETE, TrialState.FAIL)
        ]

    @property
    def finished(self) -> bool:
        """Whether every trial is over."""
        return len(self.trials()) == self.total

    def _latest(self) -> dict[int, FrozenTrial]:
        """Return every index's trial, the last one where it was taken up again."""
        trials = self._study.get_trials(deepcopy=False)
        return {t.user_attrs["index"]: t for t in trials if "index" in t.user_attrs}

    def _take_up(self) -> None:
        """Put the trials of dead processes back; only while it is this process' turn."""
        latest = self._latest()
        for trial in self._study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
            if self._is_alive(trial.user_attrs.get("owner")):
                continue
            index, tries = trial.user_attrs.get("index"), trial.user_attrs.get("tries", 1)
            if index is not None and latest[index].number == trial.number:
                if tries < _TRIES:
                    marks = {"index": index, "tries": tries + 1}
                    self._study.enqueue_trial(trial.params, user_attrs=marks)
                else:
                    self._study.add_trial(
                        create_trial(
                            state=TrialState.FAIL,
                            params=trial.params,
                            distributions=trial.distributions,
                            user_attrs={"index": index, "reason": _GIVEN_UP.format(tries)},
                        )
                    )
            self._study.tell(trial.number, state=TrialState.FAIL)

    def _is_alive(self, owner: str | None) -> bool:
        if owner is None:  # it died between two lines of claim()
            return False
        if owner == self._me:
            return True
        file = self._owners / owner
        try:
            with FileLock(file, timeout=0):
                pass
        except Timeout:
            return True
        file.unlink(missing_ok=True)
        return False


_GIVEN_UP = "it was tried {} times, and each time its process died (was there too little memory?)"
