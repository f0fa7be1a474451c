"""One run of the comparison."""

from __future__ import annotations

from functools import partial

from qkan.experiments.comparison.arms import arms_of
from qkan.experiments.comparison.conclusion import conclude
from qkan.experiments.comparison.config import Config
from qkan.experiments.mnist_images import Images
from qkan.experiments.mnist_training import arm as settings_of
from qkan.experiments.mnist_training import train_on_mnist
from qkan.studies.run import Places, RunFolder
from qkan.studies.study import Study

__all__ = ["run"]


def run(config: Config, places: Places | None = None) -> RunFolder:
    """Compare all models and return the folder with results, figures and reports.

    Every model is trained in the same way (AdamW, weight decay 0.01, the learning rate times 0.8 an epoch, pixels from
    0 to 1); for every seed the validation images choose the learning rate and the epoch, and the test images are used
    once.

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
        data_dir=places.data_dir,
    )
    training = {
        "epochs": config.epochs,
        "batch_size": config.batch_size,
        "optimizer": "adamw",
        "weight_decay": 0.01,
        "gamma": 0.8,
    }
    arms = arms_of(config.width, qkan=config.qkan)
    study = Study(
        "mnist",
        "All models on MNIST" if config.full else "All models on 5,000 images of MNIST",
        config,
        {
            arm.name: settings_of(arm.model, training, images, rates=config.learning_rates)
            for arm in arms
        },
        config.seeds,
        partial(train_on_mnist, data_dir=places.data_dir),
        partial(conclude, config, images, arms),
        {"data": images.facts},
    )
    return study.run(places)
