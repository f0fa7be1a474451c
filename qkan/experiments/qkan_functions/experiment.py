"""One run of the fits, from a configuration to a folder with a report."""

from __future__ import annotations

from functools import partial

from qkan.data.functions import FUNCTIONS
from qkan.experiments.qkan_functions.arms import arms_of
from qkan.experiments.qkan_functions.conclusion import conclude
from qkan.experiments.qkan_functions.config import Config
from qkan.experiments.qkan_functions.training import train_on_function
from qkan.studies.run import Places, RunFolder
from qkan.studies.study import Study

__all__ = ["run"]


def run(config: Config, places: Places | None = None) -> RunFolder:
    """Fit every function by every model from every seed; return the folder of the run.

    Args:
        config: What to run.
        places: Where to read and write.

    Raises:
        UsageError: If a setting or a folder is not what it should be.
    """
    arms = {
        f"{name}: {kind}": {**settings, "iterations": config.iterations, "points": config.points}
        for name in config.chosen
        for kind, settings in arms_of(name, config.single, config.edge).items()
    }
    sources = {name: FUNCTIONS[name].source for name in config.chosen}
    return Study(
        "qkan-functions",
        "Functions fitted by quantum KANs",
        config,
        arms,
        config.seeds,
        train_on_function,
        partial(conclude, config=config, arms=arms),
        {"functions": sources},
    ).run(places)
