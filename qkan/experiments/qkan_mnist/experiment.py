"""One run of the comparison, from a configuration to a folder with a report."""

from __future__ import annotations

from functools import partial
from typing import Any

from qkan.experiments.mnist_task import Images, arm
from qkan.experiments.qkan_mnist.arms import models_of
from qkan.experiments.qkan_mnist.conclusion import conclude
from qkan.experiments.qkan_mnist.config import Config
from qkan.experiments.qkan_mnist.training import train_at_best_rate
from qkan.studies.run import Places, RunFolder
from qkan.studies.study import Study

__all__ = ["run"]


def run(config: Config, places: Places | None = None) -> RunFolder:
    """Train every arm from every seed; return the folder of the run.

    Args:
        config: What to run.
        places: Where to read and write.

    Raises:
        UsageError: If a setting, the data or a folder is not what it should be.
    """
    places = places or Places()
    config = config.settled()
    images = Images.of(
        full=config.full,
        train=config.train,
        validation=config.validation or 0,
        data_dir=places.data_dir,
    )
    training = {
        "epochs": config.epochs,
        "batch_size": config.batch_size,
        "gamma": config.gamma,
    }
    models = models_of(config.edge, config.width)
    rates = list(config.learning_rates)
    arms: dict[str, dict[str, Any]] = {
        name: {**arm(model, training, images, keep_weights=name == "qkan"), "rates": rates}
        for name, model in models.items()
    }
    quantum = {**arm(models["qkan"], training, images), "rates": rates}
    arms["twin"] = {**quantum, "start": "twin"}
    arms["qkan_warm"] = {**quantum, "start": "kan", "pruned": config.pruned}
    return Study(
        "qkan-mnist",
        f"A quantum KAN on {'all of' if config.full else '5,000 images of'} MNIST",
        config,
        arms,
        config.seeds or 1,
        partial(train_at_best_rate, data_dir=places.data_dir),
        partial(conclude, config=config, arms=arms, images=images),
        {"data": images.facts},
    ).run(places)
