"""The published models: their numbers, both protocols, and the verdict that follows from the intervals."""

import json
from dataclasses import replace

import numpy as np
import pytest

from circuits.errors import UsageError
from qkan.experiments import EXPERIMENTS, reproductions
from qkan.experiments.mnist_task import Images, arm
from qkan.experiments.notebook_networks import make
from qkan.experiments.reproductions import (
    CNN,
    MLP,
    SCIPY_KAN,
    SINEKAN,
    TABLE_KAN,
    Config,
    checks_of,
    published_sentence,
)
from qkan.models import load
from qkan.studies.run import Places

ALL = (CNN, MLP, SCIPY_KAN, SINEKAN, TABLE_KAN)
ARMS = {run.name: run for each in ALL for run in each.runs}


@pytest.mark.parametrize(
    ("arm", "parameters"),
    [
        # dense layers alone: the spline is not trained
        ("scipy_kan", 784 * 128 + 128 + 128 * 10 + 10),
        # 8 amplitudes an edge, 8 frequencies a layer, a bias an output
        ("width_64_gamma_0.8", 8 * (784 * 64 + 64 * 10) + 8 + 8 + 64 + 10),
        ("width_256_gamma_0.8", 8 * (784 * 256 + 256 * 10) + 8 + 8 + 256 + 10),
        # 28 -> 29 -> 14 -> 15 -> 7 pixels across
        ("cnn", 4 * 32 + 32 + 4 * 32 * 64 + 64 + 7 * 7 * 64 * 128 + 128 + 128 * 10 + 10),
        ("width_512", 784 * 512 + 512 + 512 * 10 + 10),
    ],
)
def test_the_architectures_are_the_published_ones(arm, parameters):
    assert make(ARMS[arm].model).num_parameters == parameters


def test_the_published_accuracies_and_epochs():
    published = {name: arm.published for name, arm in ARMS.items()}
    assert published["scipy_kan"] == 0.9502
    assert published["table_kan"] == 0.8947
    assert published["cnn"] is None
    assert [published[f"width_{w}_gamma_0.8"] for w in (64, 128, 256)] == [0.9651, 0.9707, 0.9739]
    assert [published[f"width_{w}_gamma_0.9"] for w in (64, 128)] == [0.9652, 0.9694]
    assert published["width_128_gamma_0.8_rate_0.04"] == 0.9306
    epochs = {name: arm.training["epochs"] for name, arm in ARMS.items()}
    assert (epochs["scipy_kan"], epochs["table_kan"], epochs["cnn"]) == (60, 10, 10)
    assert (epochs["width_64_gamma_0.8"], epochs["width_128_gamma_0.8_rate_0.04"]) == (5, 20)


FEW = {"seeds": 2, "epochs": 1, "train": 40, "validation": 10, "test": 20}


@pytest.fixture
def no_figures(monkeypatch):
    monkeypatch.setattr("qkan.studies.report.render", lambda plot, kind: b"figure")


def found(name):
    return EXPERIMENTS[name].load()


def run(name, places, **settings):
    return found(name).run(Config(**FEW, **settings), places)


def results_of(folder):
    return json.loads((folder.path / "results.json").read_text())


@pytest.mark.slow
def test_both_protocols_stand_side_by_side(tmp_path):
    folder = run("sinekan", Places(out=tmp_path / "run"), only="width_64_gamma_0.8")
    results = results_of(folder)
    arms = {"width_64_gamma_0.8_best_on_test", "width_64_gamma_0.8_validated"}
    assert set(results["arms"]) == arms
    assert results["published"]["arms"] == {
        "width_64_gamma_0.8_best_on_test": {"test_accuracy": 0.9651}
    }
    assert results["verdict"]["comparable"] is False
    assert results["verdict"]["reproduced"] is None
    names = {path.name for path in (folder.path / "figures").iterdir()}
    assert {"seeds.png", "curves.png", "network.png", "functions.pdf"} <= names
    assert (
        load(folder.path / "models/width_64_gamma_0.8_validated.safetensors")[0].in_features == 784
    )
    lines = (folder.path / "metrics.jsonl").read_text().splitlines()
    assert len(lines) == 2 * 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["scipy-kan", "cnn"])
def test_every_kind_of_network_has_a_report(name, tmp_path, no_figures):
    folder = run(name, Places(out=tmp_path / "run"))
    assert "PNG" not in (folder.path / "report.md").read_text()
    assert results_of(folder)["verdict"]["sentences"][1].startswith("Under our protocol (30 ")


def test_the_notebook_chooses_on_the_test_images_and_we_do_not():
    images = reproductions.SINEKAN.images(Config().settled(), None)
    assert (images["best_on_test"].train, images["best_on_test"].validation) == (5000, 0)
    assert (images["validated"].train, images["validated"].validation) == (4500, 500)
    assert images["validated"].test == images["best_on_test"].test == 1000
    assert images["validated"].pixels == "symmetric"


def test_fewer_epochs_are_fewer_in_every_arm():
    chosen = reproductions.SINEKAN.chosen(Config(epochs=2))
    arms = chosen.arms(chosen.images(Config(**FEW).settled(), None))
    assert {arm["training"]["epochs"] for arm in arms.values()} == {2}
    assert sum(arm["keep_weights"] for arm in arms.values()) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"only": "width_63"}, "did you mean 'width_64'"),
        ({"train": 5001}, "at most 5,000 .*--full"),
        ({"train": 10, "validation": 10}, "got 0 "),
        ({"test": 1001}, "1,000 for the test"),
    ],
)
def test_mistakes_are_found_before_the_folder_is_made(settings, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        reproductions.MLP.run(Config(**settings), Places(out=tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_every_reproduction_is_a_command():
    named = {name for name, each in EXPERIMENTS.items() if "reproductions" in each.place}
    assert named == {each.name for each in ALL}


FULL = Images(full=True, train=60_000, validation=0, test=10_000)
SMALL = Images(full=False, train=5_000, validation=0, test=1_000)


def values(offset=0.0):
    spread = np.array([-0.001, 0.0, 0.001])
    return {
        f"{run.name}_best_on_test": {"test_accuracy": run.published + offset + spread}
        for run in SINEKAN.runs
    }


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
        (Config(full=True), replace(FULL, name="KMNIST"), "this run took KMNIST, not MNIST"),
    ],
)
def test_another_protocol_reproduces_nothing(config, images, why):
    checks = checks_of(SINEKAN, config, images, values())
    sentence = published_sentence(SINEKAN, images, checks, 5)
    assert checks == {}
    assert sentence.startswith("Not comparable with the published figures")
    assert why in sentence
    assert "eproduced" not in sentence


def test_a_misspelt_setting_is_found_before_the_training():
    images = Images.of(train=20, test=10)
    with pytest.raises(UsageError, match="did you mean 'epochs'"):
        arm({"kind": "mlp", "sizes": [784, 10]}, {"epoch": 3}, images)
    with pytest.raises(UsageError, match="'sizes'"):
        arm({"kind": "mlp", "size": [784, 10]}, {}, images)


def test_the_verdict_follows_from_the_interval_of_one_more_run():
    config, ours = Config(full=True), values()
    checks = checks_of(SINEKAN, config, FULL, ours)
    sentence = published_sentence(SINEKAN, FULL, checks, 5)
    assert sentence.startswith("Reproduced under the notebook's protocol: all 6 published")
    assert published_sentence(SINEKAN, FULL, checks, 2).startswith(
        "No verdict, for 2 seeds are too few"
    )
    lost = published_sentence(SINEKAN, FULL, checks, 5, whole=False)
    assert lost.startswith("Not reproduced as a whole")
    ours["width_128_gamma_0.8_best_on_test"]["test_accuracy"] += 0.05
    sentence = published_sentence(SINEKAN, FULL, checks_of(SINEKAN, config, FULL, ours), 5)
    assert sentence.startswith("Not reproduced: 1 of 6 published accuracies lie outside")
    assert "width 128 gamma 0.8: published 97.07 %" in sentence
    assert "width 64" not in sentence
    # The level is joint over all figures; one alone has 95 %.
    one = replace(SINEKAN, runs=SINEKAN.runs[:1])
    alone = checks_of(one, config, FULL, values())
    (name,) = alone
    assert alone[name]["test_accuracy"]["level"] == pytest.approx(0.95)
    assert checks[name]["test_accuracy"]["level"] == pytest.approx(1 - 0.05 / 6)
    assert "width 64 gamma 0.8: published 96.51 %, ours [" in published_sentence(
        one, FULL, alone, 3
    )
    assert published_sentence(CNN, FULL, {}, 5).startswith("Nothing to compare with")
