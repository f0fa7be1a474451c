import json
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from circuits.errors import UsageError
from qkan.studies.report import Record, Section, Table
from qkan.studies.run import Places
from qkan.studies.statistics import summarise
from qkan.studies.study import Results, Study


@dataclass(frozen=True)
class Config:
    seeds: int = 3


def train(seed, slope, log):
    with log.open("a") as lines:
        lines.write(f"{slope} {seed}\n")
    epochs = 2 + seed  # as if some seeds stopped early
    return {
        "test_accuracy": np.array(slope * seed),
        "train_loss": np.linspace(1, slope, epochs),
        "val_accuracy": np.linspace(slope, 1, epochs),
        "learning_rate": np.ones(epochs),
        "weights.0": np.full(3, slope),
        "weights.1": np.array(slope),
    }


def conclude(results, folder):
    values = results.metrics()
    sections = [Section("All arms", ["Text."], Table(["arm"], [[arm] for arm in values]))]
    return Record(summarise(values), {"sentences": ["One.", "Two."]}, sections)


def study_of(function):
    arms = {"flat": {"slope": 0.0}, "steep": {"slope": 2.0}}
    facts = {"data": {"source": "none"}}
    return Study("test", "A title", Config(), arms, 3, function, conclude, facts)


@pytest.fixture
def study(tmp_path):
    return study_of(partial(train, log=tmp_path / "log"))


def trained(tmp_path):
    return (tmp_path / "log").read_text().splitlines()


def test_a_study_writes_the_folder_of_a_run(study, tmp_path):
    folder = study.run(Places(out=tmp_path / "run"))
    results = json.loads((folder.path / "results.json").read_text())
    assert set(results) == {"experiment", "config", "provenance", "arms", "published", "verdict"}
    assert results["arms"]["steep"]["test_accuracy"]["values"] == [0.0, 2.0, 4.0]
    assert set(results["arms"]["steep"]) == {"test_accuracy"}
    assert results["provenance"]["data"] == {"source": "none"}
    assert results["provenance"]["seeds"] == [0, 1, 2]
    lines = [json.loads(line) for line in (folder.path / "metrics.jsonl").read_text().splitlines()]
    assert len(lines) == 2 * (2 + 3 + 4)
    last = {"learning_rate": 1.0, "train_loss": 2.0, "val_accuracy": 1.0}
    assert lines[-1] == {"arm": "steep", "seed": 2, "epoch": 4, **last}
    assert "A title" in (folder.path / "report.html").read_text()
    assert folder.summary().startswith("One.\nTwo.")


def test_every_arm_is_trained_from_every_seed_and_seeds_grow_together(study, tmp_path):
    study.run(Places(out=tmp_path / "run"))
    assert trained(tmp_path) == ["0.0 0", "2.0 0", "0.0 1", "2.0 1", "0.0 2", "2.0 2"]


def test_a_stopped_study_goes_on_with_what_is_missing(study, tmp_path):
    def stop_at(seed, slope, log):
        if (seed, slope) == (1, 2.0):
            raise KeyboardInterrupt
        return train(seed, slope, log)

    stopping = partial(stop_at, log=tmp_path / "log")
    places = Places(out=tmp_path / "run")
    with pytest.raises(KeyboardInterrupt) as stop:
        replace(study, train=stopping).run(places)
    assert stop.value.__notes__ == [f"Continue with: qkan reproduce test --resume {places.out}"]
    resumed = study.run(Places(resume=places.out))
    assert sorted(trained(tmp_path)) == sorted({*trained(tmp_path)})
    whole = study.run(Places(out=tmp_path / "whole"))
    lines = [(run.path / "metrics.jsonl").read_text() for run in (resumed, whole)]
    assert lines[0] == lines[1]


KILLED = """
import os, signal, sys
import numpy as np
from functools import partial
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import test_study as here

def dies(seed, slope, log):
    if (seed, slope) == (1, 2.0):
        os.kill(os.getpid(), signal.SIGKILL)
    return here.train(seed, slope, log)

folder = Path(sys.argv[2])
here.study_of(partial(dies, log=folder / "log")).run(here.Places(out=folder / "run"))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_killed_study_goes_on_and_ends_the_same(study, tmp_path):
    command = [sys.executable, "-c", KILLED, str(Path(__file__).parent), str(tmp_path)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert trained(tmp_path) == ["0.0 0", "2.0 0", "0.0 1"]
    resumed = study.run(Places(resume=tmp_path / "run"))
    assert trained(tmp_path)[3:] == ["2.0 1", "0.0 2", "2.0 2"]
    whole = study.run(Places(out=tmp_path / "whole"))
    lines = [(run.path / "metrics.jsonl").read_bytes() for run in (resumed, whole)]
    assert lines[0] == lines[1]
    arms = [json.loads((run.path / "results.json").read_text())["arms"] for run in (resumed, whole)]
    assert arms[0] == arms[1]


def test_results_are_by_arm_and_seed():
    early, late = ({"loss": np.ones(n), "accuracy": np.array(n)} for n in (2, 4))
    results = Results({"a": [early, late]})
    np.testing.assert_array_equal(results.metrics()["a"]["accuracy"], [2, 4])
    assert results.curves()["a"]["loss"].shape == (2, 4)
    assert results.curves("other") == {"a": {}}


def test_curves_come_in_the_order_that_was_asked_for():
    run = {name: np.ones(2) for name in ("b", "a", "c")}
    results = Results({"arm": [run]})
    assert list(results.curves()["arm"]) == ["a", "b", "c"]
    assert list(results.curves("c", "a")["arm"]) == ["c", "a"]


def test_what_is_to_be_resumed_must_be_there(study, tmp_path):
    with pytest.raises(UsageError, match="no run to resume"):
        study.run(Places(resume=tmp_path / "nowhere"))


def train_together(seeds, slope):
    return {"val_loss": slope * np.outer(seeds, [1.0, 2.0]), "test_loss": np.array(seeds) + slope}


def test_the_seeds_of_an_arm_may_be_trained_together(tmp_path):
    study = replace(study_of(train_together), together=True)
    assert list(study.tasks()) == ["flat", "steep"]
    folder = study.run(Places(out=tmp_path / "run"))
    results = json.loads((folder.path / "results.json").read_text())
    assert results["arms"]["steep"]["test_loss"]["values"] == [2.0, 3.0, 4.0]
    last = json.loads((folder.path / "metrics.jsonl").read_text().splitlines()[-1])
    assert last == {"arm": "steep", "seed": 2, "epoch": 2, "val_loss": 8.0}


def test_a_training_that_failed_is_counted_and_costs_no_other(tmp_path):
    def fails(seed, slope, log):
        arrays = train(seed, slope, log)
        if (seed, slope) == (1, 2.0):
            arrays |= {"test_accuracy": np.array(np.nan), "train_loss": np.full(3, np.inf)}
        return arrays

    folder = study_of(partial(fails, log=tmp_path / "log")).run(Places(out=tmp_path / "run"))
    results = json.loads((folder.path / "results.json").read_text())
    assert results["arms"]["steep"]["test_accuracy"]["values"] == [0.0, 4.0]
    assert results["arms"]["steep"]["test_accuracy"]["failed"] == 1
    assert "1 of 3 trainings of steep failed" in folder.summary()
    lines = map(json.loads, (folder.path / "metrics.jsonl").read_text().splitlines())
    assert [
        line["train_loss"] for line in lines if (line["arm"], line["seed"]) == ("steep", 1)
    ] == 3 * [None]
