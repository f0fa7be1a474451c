"""Studies: arms times seeds as independent tasks, kept one by one, then one record and one report.

A new experiment is one file and one line in ``qkan.experiments.EXPERIMENTS``; how to write one is said in
:mod:`qkan.studies.study`. Below it are the folder of a run and its tasks (:mod:`~qkan.studies.run`), the report
(:mod:`~qkan.studies.report`), intervals over seeds (:mod:`~qkan.studies.statistics`), the places where tasks run
(:mod:`~qkan.studies.executors`), and sweeps of a model's settings (:mod:`~qkan.studies.sweep`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qkan.studies.report import (
        Picture as Picture,
        Record as Record,
        Section as Section,
        Table as Table,
    )
    from qkan.studies.run import Places as Places, RunFolder as RunFolder, run_tasks as run_tasks
    from qkan.studies.statistics import summarise as summarise
    from qkan.studies.study import Results as Results, Study as Study, trained as trained
else:
    from circuits._lazy import lazy_exports

    __getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
