"""Studies: arms times seeds as independent tasks, kept one by one, then one record and one report.

A new experiment is one file and one line in ``qkan.experiments.EXPERIMENTS``; how to write one is said in
:mod:`qkan.studies.study`. Below it are the folder of a run and its tasks (:mod:`~qkan.studies.run`), the report
(:mod:`~qkan.studies.report`), intervals over seeds (:mod:`~qkan.studies.statistics`), the places where tasks run
(:mod:`~qkan.studies.executors`), and sweeps of a model's settings (:mod:`~qkan.studies.sweep`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuits._lazy import lazy_exports

if TYPE_CHECKING:
    from qkan.studies.report import Record, Section
    from qkan.studies.run import Places, RunFolder, run_tasks
    from qkan.studies.study import Results, Study

__all__ = ["Places", "Record", "Results", "RunFolder", "Section", "Study", "run_tasks"]

__getattr__ = lazy_exports(
    __name__,
    {
        "Places": "qkan.studies.run",
        "Record": "qkan.studies.report",
        "Results": "qkan.studies.study",
        "RunFolder": "qkan.studies.run",
        "Section": "qkan.studies.report",
        "Study": "qkan.studies.study",
        "run_tasks": "qkan.studies.run",
    },
)
