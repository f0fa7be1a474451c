"""Sweeps: many trainings of one model, to find its settings; see :mod:`qkan.studies.sweep.config`.

A killed sweep goes on where it stopped, several processes and machines may share one, and the same seed gives the same
trials: those of a grid and random ones always, those of TPE while trials are done one after the other (with several
workers they depend on which result comes first).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qkan.studies.sweep.config import SweepConfig as SweepConfig
    from qkan.studies.sweep.experiment import run as run
else:
    from circuits._lazy import lazy_exports

    __getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
