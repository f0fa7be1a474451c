import json
import math

import numpy as np
import pytest

from circuits.errors import UsageError
from qkan.experiments.quanvolution import Config
from qkan.store import CacheWarning
from qkan.studies.run import RunFolder


@pytest.fixture
def folder(tmp_path):
    return RunFolder.create("test", Config(epochs=3), tmp_path / "run")


def test_a_new_run_holds_its_configuration(folder):
    assert RunFolder.config_of(folder.path, Config) == Config(epochs=3)


def test_the_default_folder_is_named_by_experiment_and_time(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = RunFolder.create("test", Config(), None)
    assert folder.path.parent.name == "runs"
    assert folder.path.name.startswith("test-20")


def test_what_is_there_is_never_overwritten(folder, tmp_path):
    with pytest.raises(UsageError, match="--resume"):
        RunFolder.create("test", Config(), folder.path)
    file = tmp_path / "file"
    file.write_text("precious")
    with pytest.raises(UsageError, match="not an empty folder"):
        RunFolder.create("test", Config(), file)
    assert file.read_text() == "precious"


def test_resume_names_the_settings_that_differ(folder):
    assert RunFolder.resume(folder.path, Config(epochs=3)).path == folder.path
    with pytest.raises(UsageError, match="epochs: 3, now 4"):
        RunFolder.resume(folder.path, Config(epochs=4))


def test_resume_needs_a_run(tmp_path):
    with pytest.raises(UsageError, match="no run to resume"):
        RunFolder.resume(tmp_path, Config())
    with pytest.raises(UsageError, match="no run to resume"):
        RunFolder.resume(tmp_path / "nowhere", Config())


def test_a_stage_is_computed_once(folder):
    calls = []

    def compute():
        calls.append(1)
        return {"x": np.arange(3.0)}

    for _ in range(2):
        np.testing.assert_array_equal(folder.stage("a", {"seed": 1}, compute)["x"], [0, 1, 2])
    folder.stage("a", {"seed": 2}, compute)
    folder.stage("b", {"seed": 1}, compute)
    assert len(calls) == 3


def test_a_damaged_stage_is_computed_again(folder):
    def stage():
        return folder.stage("a", {}, lambda: {"x": np.arange(64.0)})["x"]

    stage()
    (file,) = (folder.path / "stages").glob("*.safetensors")
    content = bytearray(file.read_bytes())
    content[-7] ^= 4
    file.write_bytes(content)
    with pytest.warns(CacheWarning, match="damaged"):
        np.testing.assert_array_equal(stage(), np.arange(64.0))


def test_a_failed_write_leaves_the_old_file_and_nothing_else(folder, monkeypatch):
    folder.write("results.json", "old")
    before = sorted(folder.path.iterdir())

    def no_space(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        folder.write("results.json", "new")
    assert sorted(folder.path.iterdir()) == before
    assert (folder.path / "results.json").read_text() == "old"


def test_json_refuses_what_json_has_not(folder):
    with pytest.raises(ValueError, match="JSON"):
        folder.write_json("results.json", {"mean": math.nan})
    assert not (folder.path / "results.json").exists()


def test_the_summary_is_the_verdict_of_a_finished_run(folder):
    with pytest.raises(UsageError, match="not finished"):
        folder.summary()
    folder.write("results.json", json.dumps({"verdict": {"sentences": ["One.", "Two."]}}))
    assert folder.summary().splitlines()[:2] == ["One.", "Two."]
