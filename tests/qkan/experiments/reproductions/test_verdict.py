from dataclasses import replace

import numpy as np
import pytest

from qkan.experiments.mnist_task import Images
from qkan.experiments.reproductions import Config
from qkan.experiments.reproductions.definitions import DEFINITIONS
from qkan.experiments.reproductions.verdict import checks_of, published_sentence

FULL = Images(full=True, train=60_000, validation=0, test=10_000)
SMALL = Images(full=False, train=5_000, validation=0, test=1_000)
SINEKAN = DEFINITIONS["sinekan"]


def values(offset=0.0):
    spread = np.array([-0.001, 0.0, 0.001])
    return {
        f"{arm.name}_best_on_test": {"test_accuracy": arm.published + offset + spread}
        for arm in SINEKAN.arms
    }


def test_inside_the_spread_is_reproduced():
    config = Config(full=True)
    sentence = published_sentence(SINEKAN, config, FULL, checks_of(SINEKAN, config, values()))
    assert sentence.startswith("Reproduced under the notebook's protocol: all 6 published")


def test_outside_the_spread_is_not():
    config, ours = Config(full=True), values()
    ours["width_128_gamma_0.8_best_on_test"]["test_accuracy"] += 0.05
    sentence = published_sentence(SINEKAN, config, FULL, checks_of(SINEKAN, config, ours))
    assert sentence.startswith("Not reproduced: 1 of 6 published accuracies lie outside")
    assert "width 128 gamma 0.8: published 97.07 %" in sentence
    assert "width 64" not in sentence


def test_one_figure_alone():
    config, one = Config(full=True), replace(SINEKAN, arms=SINEKAN.arms[:1])
    sentence = published_sentence(one, config, FULL, checks_of(one, config, values()))
    assert "the published accuracy lies inside" in sentence
    assert "width 64 gamma 0.8: published 96.51 %, ours [" in sentence


@pytest.mark.parametrize(
    ("config", "images", "why"),
    [
        (Config(), SMALL, "this run took 5,000 and 1,000"),
        (Config(full=True, epochs=1), FULL, "this run took another number of epochs"),
        (
            Config(full=True, train=50_000),
            replace(FULL, train=50_000),
            "this run took 50,000 and 10,000",
        ),
    ],
)
def test_another_protocol_reproduces_nothing(config, images, why):
    checks = checks_of(SINEKAN, config, values())
    sentence = published_sentence(SINEKAN, config, images, checks)
    assert checks == {}
    assert sentence.startswith("Not comparable with the published figures")
    assert why in sentence
    assert "eproduced" not in sentence


def test_the_level_is_joint_over_all_figures():
    config = Config(full=True)
    all_six = checks_of(SINEKAN, config, values())
    one = checks_of(replace(SINEKAN, arms=SINEKAN.arms[:1]), config, values())
    name = "width_64_gamma_0.8_best_on_test"
    assert one[name]["test_accuracy"]["level"] == pytest.approx(0.95)
    assert all_six[name]["test_accuracy"]["level"] == pytest.approx(1 - 0.05 / 6)
    assert all_six[name]["test_accuracy"]["low"] < one[name]["test_accuracy"]["low"]


def test_without_a_published_figure_nothing_is_compared():
    cnn, config = DEFINITIONS["cnn"], Config(full=True)
    checks = checks_of(cnn, config, {})
    assert published_sentence(cnn, config, FULL, checks).startswith("Nothing to compare with")
