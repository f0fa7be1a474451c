"""Handwritten digits by a quantum KAN, its classical twin, and other models of equal size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qkan.experiments.qkan_mnist.config import Config

if TYPE_CHECKING:
    from qkan.studies.run import Places, RunFolder

__all__ = ["Config", "run"]


def run(config: Config, places: Places | None = None) -> RunFolder:
    """Run the experiment; see :func:`qkan.experiments.qkan_mnist.experiment.run`."""
    from qkan.experiments.qkan_mnist.experiment import run as run_now

    return run_now(config, places)
