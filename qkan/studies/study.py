"""A study: arms times seeds as independent tasks, then one record and one report.

An experiment is one file and one line in ``qkan.experiments.EXPERIMENTS``. It says what an arm is, how one arm is
trained from one seed, and what follows::

    from qkan.studies import Record, Section, Study, Table, summarise

    @dataclass(frozen=True)
    class Config:                              # the options of the command line
        seeds: int = setting(10, "Trainings an arm.")

    def run(config, places=None):
        arms = {"kan": {"model": {"kind": "kan", "sizes": [784, 64, 10]}, "data": data.sha256}, ...}
        labels = {"kan": {"group": "classical"}, ...}     # for the report; they change no number
        study = Study("mine", "My study", config, arms, config.seeds, train, conclude, labels=labels)
        return study.run(places)

    def train(seed, model, data):              # an arm's settings by name, and a seed
        net = qkan.models.make(model, generator=torch.Generator().manual_seed(seed))
        history = fit(net, ...)
        return {
            "test_accuracy": np.array(0.97),            # no axis: a metric, one value a seed
            "train_loss": history.train_loss,           # one axis: a curve over epochs
            "weights.0": np.ones((784, 64)),            # a name with a dot: only for the figures
        }

    def conclude(results, folder):
        values = results.metrics()
        table = Table(["arm", "accuracy"], [[arm, percent(...)] for arm in results.labelled(group="classical")])
        return Record(summarise(values), {"sentences": [...]}, [Section("All arms", table=table)])

Every finished task is kept in the run's folder, so that a killed run goes on where it was; the tasks are spread over
the workers of ``places.executor``, which import the file; all files of the folder are written from what ``conclude``
returns. What is wrong with the settings must be found before :meth:`Study.run`, which makes the folder. For
classifiers of digits, ``train`` and the arms' settings are there already: see :mod:`qkan.experiments.mnist_task`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from circuits.errors import UsageError
from circuits.store import inside
from qkan.models import MODELS, make
from qkan.studies.report import Record, write_record
from qkan.studies.run import Places, RunFolder, opened, provenance, run_tasks

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["FOLDER", "Results", "Study", "keep_models", "trained"]

FOLDER = "models"
"""Where the folder of a run keeps its models, which ``qkan inspect`` looks at."""

_PREFIX = "weights."

_MOST = 1_000_000
"""Trainings of a study, which are listed before the first one."""

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Results:
    """What the tasks returned, ``runs[arm][seed][name]``, and what the arms are, ``labels[arm][name]``."""

    runs: Mapping[str, Sequence[Arrays]] = field(repr=False)
    labels: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def labelled(self, **labels: Any) -> list[str]:
        """Return the arms that carry these labels, in the study's order.

        Example:
            >>> labels = {"a": {"group": "quantum"}, "b": {"group": "classical"}}
            >>> Results({"a": [], "b": []}, labels).labelled(group="classical")
            ['b']
        """
        return [arm for arm in self.runs if labels.items() <= self.labels.get(arm, {}).items()]

    def metrics(self) -> dict[str, dict[str, NDArray[np.float64]]]:
        """Return ``{arm: {metric: one value a seed}}`` of all arrays without axes; NaN where a seed has none."""
        return {
            arm: {
                name: np.array([float(seed.get(name, np.nan)) for seed in seeds])
                for name in dict.fromkeys(name for seed in seeds for name in _names(seed, ndim=0))
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

    def failures(self) -> list[str]:
        """Return a sentence on every arm of which trainings failed: a metric of theirs is NaN or infinite.

        Example:
            >>> Results({"kan": [{"loss": np.array(0.5)}, {"loss": np.array(np.nan)}]}).failures()
            ['1 of 2 trainings of kan failed (NaN or infinity); means and differences leave them out.']
        """
        bad = {
            arm: int(np.sum(~np.isfinite([*values.values()]).all(axis=0)))
            for arm, values in self.metrics().items()
            if values
        }
        return [
            f"{n} of {len(self.runs[arm])} trainings of {arm} failed (NaN or infinity); means and differences leave "
            "them out."
            for arm, n in bad.items()
            if n
        ]

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield one mapping for every arm, seed and epoch; a number that is none is None.

        Example:
            >>> list(Results({"kan": [{"train_loss": np.array([0.5])}]}).lines())
            [{'arm': 'kan', 'seed': 0, 'epoch': 1, 'train_loss': 0.5}]
        """
        for arm, seeds in self.runs.items():
            for seed, arrays in enumerate(seeds):
                names = _names(arrays, ndim=1)
                rows = zip(*(arrays[name] for name in names), strict=True)
                for epoch, row in enumerate(rows, start=1):
                    finite = (float(value) if np.isfinite(value) else None for value in row)
                    numbers = dict(zip(names, finite, strict=True))
                    yield {"arm": arm, "seed": seed, "epoch": epoch, **numbers}


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
        labels: ``{arm: {name: value}}``: what an arm is called, which group it belongs to, what it is a control of:
            for :attr:`Results.labels`, so that no report reads it off the arm's name. They change no number.
        together: Whether ``train(seeds=..., **settings)`` trains all seeds of an arm at once, as many small models in
            one batch; its arrays then have a first axis over the seeds, and an arm is one task.
    """

    name: str
    title: str
    config: DataclassInstance
    arms: Mapping[str, Mapping[str, Any]]
    seeds: int
    train: Callable[..., Arrays]
    conclude: Callable[[Results, RunFolder], Record]
    facts: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    together: bool = False

    def __post_init__(self) -> None:
        trainings = self.seeds * len(self.arms)
        if trainings > _MOST:
            raise UsageError(
                f"{self.seeds:,} seeds are {trainings:,} trainings; expected at most {_MOST:,}"
            )

    def tasks(self) -> dict[str, dict[str, Any]]:
        """Return every task by its name; seeds first, so that all arms grow together."""
        if self.together:
            seeds = list(range(self.seeds))
            return {arm: {**settings, "seeds": seeds} for arm, settings in self.arms.items()}
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
            self.fill(folder, places, started)
        return folder

    def fill(self, folder: RunFolder, places: Places, started: float) -> None:
        """Run what is not finished yet and write the files of a folder that :func:`opened` has made.

        For a run that has something to do once before its arms; others call :meth:`run`.
        """
        arrays = run_tasks(
            self.train, self.tasks(), folder, places.executor, places.progress, what=self.name
        )
        runs = {arm: self._seeds(arm, arrays) for arm in self.arms}
        results = Results(runs, self.labels)
        keep_models(folder, self.arms, runs)
        record = self.conclude(results, folder)
        if failed := results.failures():
            told = [*record.verdict["sentences"], *failed]
            record = replace(record, verdict={**record.verdict, "sentences": told})
        write_record(
            folder,
            record,
            experiment=self.name,
            title=self.title,
            config=self.config,
            facts=provenance() | {"seeds": list(range(self.seeds))} | dict(self.facts),
            lines=results.lines(),
            started=started,
        )

    def _seeds(self, arm: str, arrays: Mapping[str, Arrays]) -> list[Arrays]:
        """Return the arrays of one arm, seed by seed."""
        if self.together:
            return [{n: a[seed] for n, a in arrays[arm].items()} for seed in range(self.seeds)]
        return [arrays[f"{arm}, seed {seed}"] for seed in range(self.seeds)]


def trained(
    model: Mapping[str, Any],
    arrays: Arrays,
    *,
    make: Callable[..., Any] = make,
    **options: Any,
) -> Any:
    """Return a model, ready to be evaluated, with the weights that a task returned as ``weights.NAME``.

    Args:
        model: Its configuration, with its kind.
        arrays: What the task returned.
        make: Makes a model from its configuration.
        options: Of the constructor: ``backend``, ``evaluate``.
    """
    state = {
        name.removeprefix(_PREFIX): torch.from_numpy(np.array(values))
        for name, values in arrays.items()
        if name.startswith(_PREFIX)
    }
    dtype = next((v.dtype for v in state.values() if v.is_floating_point()), None)
    net = make(model, generator=torch.Generator().manual_seed(0), dtype=dtype, **options)
    net.load_state_dict(state)
    return net.eval()


def keep_models(
    folder: RunFolder, arms: Mapping[str, Mapping[str, Any]], runs: Mapping[str, Sequence[Arrays]]
) -> None:
    """Write the first seed's model of every arm that kept its weights to ``models/ARM.safetensors``.

    Args:
        folder: Of the run.
        arms: Their settings; those of a model are called ``model``.
        runs: What the tasks returned, seed by seed.
    """
    for arm, settings in arms.items():
        model, arrays = settings.get("model"), runs[arm][0]
        if not isinstance(model, Mapping) or model.get("kind") not in MODELS:
            continue
        if settings.get("start", "random") != "random":  # it may be another model by now
            continue
        if any(name.startswith(_PREFIX) for name in arrays):
            name = arm.replace(": ", "-").replace("/", "-")
            trained(model, arrays).save(inside(folder.path / FOLDER, f"{name}.safetensors"))


def _names(arrays: Arrays, ndim: int) -> list[str]:
    """Return the names in one order, whether the arrays were computed now or read from a file."""
    return sorted(n for n, array in arrays.items() if array.ndim == ndim and "." not in n)


def _stack(curves: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    longest = max(len(curve) for curve in curves)
    return np.stack([np.pad(curve, (0, longest - len(curve)), mode="edge") for curve in curves])
