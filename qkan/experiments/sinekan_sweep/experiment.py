"""One run of the sweep."""

from __future__ import annotations

from functools import partial

from qkan.experiments.mnist_task import Images, train_on_mnist
from qkan.experiments.mnist_task import arm as settings_of
from qkan.experiments.sinekan_sweep.arms import arms_of
from qkan.experiments.sinekan_sweep.conclusion import conclude
from qkan.experiments.sinekan_sweep.config import Config
from qkan.studies.run import Places, RunFolder
from qkan.studies.study import Study

__all__ = ["run"]


def run(config: Config, places: Places | None = None) -> RunFolder:
    """Train a SineKAN at every setting of the grids and return the folder with results, figures and reports.

    Settings are judged by validation images; only the best one's test accuracy is reported.

    Args:
        config: What to run.
        places: Where to read and write.

    Raises:
        UsageError: If a setting, a data set or a folder is not what it should be.
    """
    places = places or Places()
    config = config.settled()
    held_back = config.validation or 0
    images = Images.of(
        full=config.full,
        train=None if config.train is None else config.train - held_back,
        validation=held_back,
        test=config.test,
        pixels="symmetric",
        data_dir=places.data_dir,
    )
    grids = arms_of(config)
    study = Study(
        "sinekan-sweep",
        "SineKAN's settings on MNIST",
        config,
        {
            arm.name: settings_of(arm.model, arm.training(config.epochs), images)
            for grid in grids.values()
            for arm in grid
        },
        config.seeds,
        partial(train_on_mnist, data_dir=places.data_dir),
        partial(conclude, config, images, grids),
        {"data": images.facts},
    )
    return study.run(places)
