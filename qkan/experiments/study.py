"""A study: arms times seeds as independent tasks, then one record and one report.

To write one, say what an arm is, how one arm is trained from one seed, and what follows::

    # my_study/training.py: imported by the workers, so a function of a module
    def train(seed, model, data):          # the arm's settings by name, and a seed
        net = qkan.models.make(model, generator=torch.Generator().manual_seed(seed))
        history = fit(net, ...)
        return {
            "test_accuracy": np.array(0.97),            # no axis: a metric, one value a seed
            "train_loss": history.train_loss,           # one axis: a curve over epochs
            "weights.0": np.ones((784, 64)),            # a name with a dot: only for the figures
        }

    # my_study/experiment.py
    def run(config, places=None):
        config = config.settled()
        arms = {"kan": {"model": {"kind": "kan", "sizes": [784, 64, 10]}, "data": data.sha256}, ...}
        study = Study("my-study", "My study", config, arms, config.seeds, train, conclude, facts)
        return study.run(places)

    def conclude(results, folder):
        values = results.metrics()
        sentences = [...]
        sections = [Section("All arms", table=...), ...]
        return Record(summarise(values), {"sentences": sentences}, sections)

Every finished task is kept in the run's folder, so that a killed run goes on where it was; the tasks are spread over
the workers of ``places.executor``; all files of the folder are written from what ``conclude`` returns. What is wrong
with the settings must be found before :meth:`Study.run`, which makes the folder. For classifiers of MNIST, ``train``
and the arms' settings are there already: see :mod:`qkan.experiments.mnist_training`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qkan.experiments.places import Places
from qkan.experiments.provenance import provenance
from qkan.experiments.record import Record, metric_lines, opened, write_record
from qkan.experiments.run_folder import RunFolder
from qkan.experiments.tasks import run_tasks
from qkan.experiments.trained import keep_models

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["Results", "Study"]

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Results:
    """What the tasks returned, ``runs[arm][seed][name]``."""

    runs: Mapping[str, Sequence[Arrays]] = field(repr=False)

    def metrics(self) -> dict[str, dict[str, NDArray[np.float64]]]:
        """Return ``{arm: {metric: one value a seed}}`` of all arrays without axes."""
        return {
            arm: {
                name: np.array([float(seed[name]) for seed in seeds])
                for name in _names(seeds[0], ndim=0)
            }
            for arm, seeds in self.runs.items()
        }

    def curves(self, *names: str) -> dict[str, dict[str, NDArray[np.float64]]]:
        """Return ``{arm: {metric: (seeds, epochs)}}`` of the arrays with one axis.

        Args:
            names: Which, in which order; by default all. Seeds that stopped early are continued by their last value.
        """
        return {
            arm: {
                name: _stack([np.asarray(seed[name], dtype=np.float64) for seed in seeds])
                for name in names or _names(seeds[0], ndim=1)
                if name in seeds[0]
            }
            for arm, seeds in self.runs.items()
        }

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield one mapping for every arm, seed and epoch."""
        for arm, seeds in self.runs.items():
            for seed, arrays in enumerate(seeds):
                curves = {name: arrays[name] for name in _names(arrays, ndim=1)}
                yield from metric_lines(arm, seed, curves)


@dataclass(frozen=True)
class Study:
    """Arms, each trained from the same seeds.

    Attributes:
        name: The experiment, as ``qkan reproduce`` calls it.
        title: The report's title.
        config: The settings, all filled in.
        arms: ``{arm: its settings}``: strings, numbers, lists and mappings, and all that changes the arm's numbers
            (also what it is trained on: a checksum of the data).
        seeds: How many seeds; seed k is the same number in every arm, so that differences are paired.
        train: Trains one arm from one seed: ``train(seed=..., **settings)`` returns named arrays. A function of a
            module, or a partial of one; what it is bound to must not change a number (a folder of data).
        conclude: From all results and the folder (for the figures) to the record.
        facts: Added to the provenance.
    """

    name: str
    title: str
    config: DataclassInstance
    arms: Mapping[str, Mapping[str, Any]]
    seeds: int
    train: Callable[..., Arrays]
    conclude: Callable[[Results, RunFolder], Record]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def tasks(self) -> dict[str, dict[str, Any]]:
        """Return every task by its name; seeds first, so that all arms grow together."""
        return {
            f"{arm}, seed {seed}": {**settings, "seed": seed}
            for seed in range(self.seeds)
            for arm, settings in self.arms.items()
        }

    def run(self, places: Places | None = None) -> RunFolder:
        """Run what is not finished yet, write the folder and return it.

        Raises:
            UsageError: If the folder is not empty, or what is to be resumed is another run.
        """
        places = places or Places()
        started = time.monotonic()
        with opened(self.name, self.config, places) as folder:
            arrays = run_tasks(
                self.train,
                self.tasks(),
                folder,
                places.executor,
                places.progress,
                what=self.name,
            )
            runs = {
                arm: [arrays[f"{arm}, seed {seed}"] for seed in range(self.seeds)]
                for arm in self.arms
            }
            results = Results(runs)
            keep_models(folder, self.arms, runs)
            write_record(
                folder,
                self.conclude(results, folder),
                experiment=self.name,
                title=self.title,
                config=self.config,
                facts=provenance() | {"seeds": list(range(self.seeds))} | dict(self.facts),
                lines=results.lines(),
                started=started,
            )
        return folder


def _names(arrays: Arrays, ndim: int) -> list[str]:
    """Return the names in one order, whether the arrays were computed now or read from a file."""
    return sorted(n for n, array in arrays.items() if array.ndim == ndim and "." not in n)


def _stack(curves: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    longest = max(len(curve) for curve in curves)
    return np.stack([np.pad(curve, (0, longest - len(curve)), mode="edge") for curve in curves])
