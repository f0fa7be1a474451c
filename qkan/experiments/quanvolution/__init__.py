"""The quanvolution benchmark: a quantum filter on MNIST, its controls, the published run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qkan.experiments.quanvolution.config import Config

if TYPE_CHECKING:
    from circuits import Circuit
    from circuits.backends import Backend
    from qkan.studies.run import Places, RunFolder

__all__ = ["Config", "run", "workload"]


def run(config: Config, places: Places | None = None) -> RunFolder:
    """Run the experiment; see :func:`qkan.experiments.quanvolution.experiment.run`.

    The work is imported here, so that the command line can show the settings at once.
    """
    from qkan.experiments.quanvolution.experiment import run as run_now

    return run_now(config, places)


def workload(config: Config, places: Places) -> list[tuple[Circuit, Backend, int]]:
    """Return the circuits to run; see :func:`qkan.experiments.quanvolution.counts.workload`."""
    from qkan.experiments.quanvolution.counts import workload as work

    return work(config, places)
