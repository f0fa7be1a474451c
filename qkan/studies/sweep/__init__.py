"""Sweeps: many trainings of one model, to find its settings; see :mod:`qkan.studies.sweep.config`.

A killed sweep goes on where it stopped, several processes and machines may share one, and the same seed gives the same
trials: those of a grid and random ones always, those of TPE while trials are done one after the other (with several
workers they depend on which result comes first).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuits._lazy import lazy_exports

if TYPE_CHECKING:
    from qkan.studies.sweep.config import SweepConfig
    from qkan.studies.sweep.experiment import run

__all__ = ["SweepConfig", "run"]

__getattr__ = lazy_exports(
    __name__,
    {
        "SweepConfig": "qkan.studies.sweep.config",
        "run": "qkan.studies.sweep.experiment",
    },
)
