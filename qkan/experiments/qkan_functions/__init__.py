"""Functions fitted by quantum KANs, and by other models with as many parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qkan.experiments.qkan_functions.config import Config

if TYPE_CHECKING:
    from qkan.studies.run import Places, RunFolder

__all__ = ["Config", "run"]


def run(config: Config, places: Places | None = None) -> RunFolder:
    """Run the experiment; see :func:`qkan.experiments.qkan_functions.experiment.run`."""
    from qkan.experiments.qkan_functions.experiment import run as run_now

    return run_now(config, places)
