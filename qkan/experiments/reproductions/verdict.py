"""Whether the published accuracies are some that our seeds could have given, in words that follow from intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qkan.experiments.mnist_task import Images
from qkan.experiments.reproductions.config import Config
from qkan.experiments.reproductions.definitions import Definition
from qkan.experiments.reproductions.protocols import arm_name
from qkan.plotting.style import arm_label
from qkan.studies.report import percent
from qkan.studies.statistics import Values, compare_with_published, summarise

__all__ = ["checks_of", "our_sentence", "published_sentence", "published_values"]

_LEVEL = 0.95


def published_values(definition: Definition) -> dict[str, dict[str, float]]:
    """Return the published accuracies, ``{arm: {metric: value}}``: they were chosen on the test images."""
    return {
        arm_name(arm, "best_on_test"): {"test_accuracy": arm.published}
        for arm in definition.arms
        if arm.published is not None
    }


def checks_of(definition: Definition, config: Config, values: Values) -> dict[str, Any]:
    """Return the comparison of every published accuracy with ours; none, if there is nothing to compare.

    The level is 95 % for all of them together (Bonferroni).
    """
    published = published_values(definition)
    if not published or not config.is_published_protocol:
        return {}
    return compare_with_published(values, published, 1 - (1 - _LEVEL) / len(published))


def published_sentence(
    definition: Definition, config: Config, images: Images, checks: Mapping[str, Any]
) -> str:
    """Return whether the published runs are some that our seeds could have given."""
    if all(arm.published is None for arm in definition.arms):
        return "Nothing to compare with: no published accuracy of this network is known to us."
    if not checks:
        figures = ", ".join(f"{100 * a.published:.2f} %" for a in definition.arms if a.published)
        why = (
            f"this run took {images.train:,} and {images.test:,}"
            if (images.train, images.test) != (60_000, 10_000)
            else "this run took another number of epochs"
        )
        return (
            f"Not comparable with the published figures: {figures} come from 60,000 training and 10,000 test images, "
            f"{why}. Nothing is said about them here; --full runs the published protocol."
        )
    found = [(arm, check["test_accuracy"]) for arm, check in checks.items()]
    outside = [_check_text(arm, check) for arm, check in found if not check["inside"]]
    interval = f"the {100 * _LEVEL:g} % interval for one more run of ours"
    if not outside:
        what = (
            "the published accuracy lies"
            if len(found) == 1
            else f"all {len(found)} published accuracies lie"
        )
        which = f" ({_check_text(*found[0])})" if len(found) == 1 else ", joint over all"
        return f"Reproduced under the notebook's protocol: {what} inside {interval}{which}."
    return (
        f"Not reproduced: {len(outside)} of {len(found)} published accuracies lie outside {interval}, joint over all "
        f"({'; '.join(outside)})."
    )


def _check_text(arm: str, check: Mapping[str, Any]) -> str:
    name = arm_label(arm.removesuffix("_best_on_test"))
    low, high = 100 * check["low"], 100 * check["high"]
    return f"{name}: published {100 * check['published']:.2f} %, ours [{low:.2f}, {high:.2f}]"


def our_sentence(definition: Definition, images: Images, values: Values) -> str:
    """Return the accuracies under our protocol."""
    summary = summarise(values)
    texts = [
        f"{percent(summary[arm_name(arm, 'validated')]['test_accuracy'])} % ({arm_label(arm.name)})"
        for arm in definition.arms
    ]
    return (
        f"Under our protocol ({images.train:,} training images, the epoch chosen on {images.chosen_on}, the "
        f"{images.test:,} test images used once) the test accuracy is {', '.join(texts)}."
    )
