"""Quark against gluon jets: classical and quantum taggers, their errors, and what they learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qkan.experiments.jets.config import Config

if TYPE_CHECKING:
    from qkan.studies.run import Places, RunFolder

__all__ = ["Config", "run"]


def run(config: Config, places: Places | None = None) -> RunFolder:
    """Run the study; see :func:`qkan.experiments.jets.experiment.run`.

    The work is imported here, so that the command line can show the settings at once.
    """
    from qkan.experiments.jets.experiment import run as run_now

    return run_now(config, places)
