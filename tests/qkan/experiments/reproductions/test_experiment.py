import json

import pytest

from circuits.errors import UsageError
from qkan.experiments import EXPERIMENTS, reproductions
from qkan.experiments.reproductions import Config, Reproduction
from qkan.experiments.reproductions.definitions import DEFINITIONS
from qkan.experiments.reproductions.experiment import arms_of, chosen, images_of
from qkan.models import load
from qkan.studies.run import Places

FEW = {"seeds": 2, "epochs": 1, "train": 40, "validation": 10, "test": 20}


@pytest.fixture
def no_figures(monkeypatch):
    monkeypatch.setattr("qkan.studies.report.render", lambda plot, kind: b"figure")


def run(name, places, **settings):
    return Reproduction(name).run(Config(**FEW, **settings), places)


def results_of(folder):
    return json.loads((folder.path / "results.json").read_text())


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


@pytest.mark.parametrize("name", ["scipy-kan", "cnn"])
def test_every_kind_of_network_has_a_report(name, tmp_path, no_figures):
    folder = run(name, Places(out=tmp_path / "run"))
    assert "PNG" not in (folder.path / "report.md").read_text()
    assert results_of(folder)["verdict"]["sentences"][1].startswith("Under our protocol (30 ")


def test_the_notebook_chooses_on_the_test_images_and_we_do_not():
    definition = chosen(reproductions.SINEKAN.definition, Config())
    images = images_of(definition, Config().settled(), Places())
    assert (images["best_on_test"].train, images["best_on_test"].validation) == (5000, 0)
    assert (images["validated"].train, images["validated"].validation) == (4500, 500)
    assert images["validated"].test == images["best_on_test"].test == 1000
    assert images["validated"].pixels == "symmetric"


def test_fewer_epochs_are_fewer_in_every_arm():
    definition = chosen(reproductions.SINEKAN.definition, Config(epochs=2))
    images = images_of(definition, Config(**FEW).settled(), Places())
    arms = arms_of(definition, Config(), images)
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
        Reproduction("mlp").run(Config(**settings), Places(out=tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_every_reproduction_is_a_command():
    named = {name for name, each in EXPERIMENTS.items() if "reproductions" in each.place}
    assert named == set(DEFINITIONS)
