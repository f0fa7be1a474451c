"""All models on MNIST at equal widths and at equal parameter counts, over seeds, with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qkan.experiments.comparison.config import Config

if TYPE_CHECKING:
    from qkan.studies.run import Places, RunFolder

__all__ = ["Config", "run"]


def run(config: Config, places: Places | None = None) -> RunFolder:
    """Run the experiment; see :func:`qkan.experiments.comparison.experiment.run`."""
    from qkan.experiments.comparison.experiment import run as run_now

    return run_now(config, places)
