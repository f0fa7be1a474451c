"""One reproduction: every published run under the notebook's protocol and under ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from circuits.errors import unknown_name
from qkan.experiments.mnist_task import Images, train_on_mnist
from qkan.experiments.mnist_task import arm as settings_of
from qkan.experiments.reproductions.conclusion import conclude
from qkan.experiments.reproductions.config import Config
from qkan.experiments.reproductions.definitions import DEFINITIONS, Arm, Definition
from qkan.experiments.reproductions.protocols import PROTOCOLS, arm_name
from qkan.studies.run import Places, RunFolder
from qkan.studies.study import Study

__all__ = ["run"]


def run(name: str, config: Config, places: Places | None = None) -> RunFolder:
    """Reproduce a published model and return the folder with results, figures and reports.

    Every run is trained twice from each seed: on all training images, with the epoch chosen on the test images, as it
    was published; and with some of them held back to choose the epoch, the test images used once.

    Args:
        name: Of a definition.
        config: How.
        places: Where to read and write.

    Raises:
        UsageError: If a setting, a data set or a folder is not what it should be.
    """
    places = places or Places()
    config = config.settled()
    definition = chosen(DEFINITIONS[name], config)
    images = images_of(definition, config, places)
    arms = arms_of(definition, config, images)

    study = Study(
        name,
        definition.title,
        config,
        arms,
        config.seeds or 0,
        partial(train_on_mnist, data_dir=places.data_dir),
        partial(conclude, definition, config, images, arms, places.data_dir),
        {"data": images["validated"].facts},
    )
    return study.run(places)


def chosen(definition: Definition, config: Config) -> Definition:
    """Return the definition with the arms that were asked for, and their epochs.

    Raises:
        UsageError: If there is no such arm.
    """
    arms = {arm.name: arm for arm in definition.arms}
    names = [n.strip() for n in config.only.split(",")] if config.only else list(arms)
    for name in names:
        if name not in arms:
            raise unknown_name("arm", name, arms)
    picked = [arms[name] for name in names]
    if config.epochs is not None:
        picked = [_for_epochs(arm, config.epochs) for arm in picked]
    return replace(definition, arms=tuple(picked))


def images_of(definition: Definition, config: Config, places: Places) -> dict[str, Images]:
    """Return which images each protocol takes."""
    held_back = config.validation or 0
    ours = Images.of(
        full=config.full,
        train=None if config.train is None else config.train - held_back,
        validation=held_back,
        test=config.test,
        pixels=definition.pixels,
        data_dir=places.data_dir,
    )
    return {
        "best_on_test": replace(ours, train=ours.train + ours.validation, validation=0),
        "validated": ours,
    }


def arms_of(
    definition: Definition, config: Config, images: Mapping[str, Images]
) -> dict[str, dict[str, Any]]:
    """Return the settings of every arm under every protocol."""
    return {
        arm_name(arm, protocol): settings_of(
            arm.model,
            arm.training,
            images[protocol],
            keep_weights=arm is definition.arms[0] and protocol == "validated",
        )
        for arm in definition.arms
        for protocol in PROTOCOLS
    }


def _for_epochs(arm: Arm, epochs: int) -> Arm:
    return replace(arm, training={**arm.training, "epochs": epochs})
