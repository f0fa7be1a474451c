"""SineKAN's learning rate, its decay, weight decay, width and depth on MNIST, on grids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qkan.experiments.sinekan_sweep.config import Config

if TYPE_CHECKING:
    from qkan.studies.run import Places, RunFolder

__all__ = ["Config", "run"]


def run(config: Config, places: Places | None = None) -> RunFolder:
    """Run the experiment; see :func:`qkan.experiments.sinekan_sweep.experiment.run`."""
    from qkan.experiments.sinekan_sweep.experiment import run as run_now

    return run_now(config, places)
