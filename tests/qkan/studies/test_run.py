import json
import math
import os
import platform
import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import qkan
from circuits.errors import UsageError
from qkan.store import CacheWarning
from qkan.studies import run as run_module
from qkan.studies.run import Places, RunFolder, provenance, run_tasks
from qkan.studies.tasks import TaskError
from qkan.training import TrainingConfig


@pytest.fixture
def folder(tmp_path):
    return RunFolder.create("test", TrainingConfig(epochs=3), tmp_path / "run")


def test_a_new_run_holds_its_configuration(folder):
    assert RunFolder.config_of(folder.path, TrainingConfig) == TrainingConfig(epochs=3)


def test_the_default_folder_is_named_by_experiment_and_time(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = RunFolder.create("test", TrainingConfig(), None)
    assert folder.path.parent.name == "runs"
    assert folder.path.name.startswith("test-20")


def test_what_is_there_is_never_overwritten(folder, tmp_path):
    with pytest.raises(UsageError, match="--resume"):
        RunFolder.create("test", TrainingConfig(), folder.path)
    file = tmp_path / "file"
    file.write_text("precious")
    with pytest.raises(UsageError, match="not an empty folder"):
        RunFolder.create("test", TrainingConfig(), file)
    assert file.read_text() == "precious"


def test_resume_names_the_settings_that_differ(folder):
    assert RunFolder.resume(folder.path, TrainingConfig(epochs=3)).path == folder.path
    with pytest.raises(UsageError, match="epochs: 3, now 4"):
        RunFolder.resume(folder.path, TrainingConfig(epochs=4))


def test_a_run_of_another_version_is_refused(folder):
    file = folder.path / "config.toml"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[1:]))
    with pytest.raises(UsageError, match="begun by another version"):
        RunFolder.resume(folder.path, TrainingConfig(epochs=3))


def test_a_configuration_that_was_edited_is_refused(folder):
    file = folder.path / "config.toml"
    file.write_text(file.read_text().replace("epochs = 3", "epochs = 4"))
    for config in (TrainingConfig(epochs=4), RunFolder.config_of(folder.path, TrainingConfig)):
        with pytest.raises(UsageError, match=r"config.toml was edited since the run was begun"):
            RunFolder.resume(folder.path, config)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"verdict": {"sentences": 3}}'])
def test_a_damaged_result_is_said(folder, content):
    folder.write("results.json", content)
    with pytest.raises(UsageError, match=r"results.json is damaged .*--resume"):
        folder.summary()


@pytest.mark.parametrize(
    "name", ["../thesis.tex", "/etc/passwd", "figures/../../thesis.tex", "link/a"]
)
def test_nothing_outside_of_the_folder_is_written(folder, tmp_path, name):
    (folder.path / "link").symlink_to(tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UsageError, match="is no name of a file in"):
        folder.write(name, "mine")
    assert sorted(tmp_path.iterdir()) == before


def test_resume_needs_a_run(tmp_path):
    with pytest.raises(UsageError, match="no run to resume"):
        RunFolder.resume(tmp_path, TrainingConfig())
    with pytest.raises(UsageError, match="no run to resume"):
        RunFolder.resume(tmp_path / "nowhere", TrainingConfig())


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


def test_a_failed_write_leaves_the_old_file_and_nothing_else(folder, monkeypatch):
    folder.write("results.json", "old")
    before = sorted(folder.path.iterdir())

    def no_space(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(UsageError, match=r"cannot write .*results.json: .*No space.*--resume"):
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


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def square(x, log):
    with open(log, "a") as lines:
        lines.write(f"{x}\n")
    if x == 13:
        raise ValueError("unlucky")
    return {"y": np.array([x**2, 0.1 * x]), "x": x}


def settings(log, *numbers):
    return {f"x = {x}": {"x": x, "log": str(log)} for x in numbers}


def test_finished_tasks_are_read_back_in_order(folder, log):
    first = run_tasks(square, settings(log, 2, 1), folder)
    again = run_tasks(square, settings(log, 1, 3, 2), folder)
    assert log.read_text().split() == ["2", "1", "3"]
    assert list(again) == ["x = 1", "x = 3", "x = 2"]
    for name in first:
        np.testing.assert_array_equal(first[name]["y"], again[name]["y"])
    assert int(again["x = 3"]["x"]) == 3


def test_what_else_changes_the_numbers_is_part_of_a_task(folder, log):
    for data in ("a", "b", "a"):
        run_tasks(square, settings(log, 1), folder, fields={"data": data})
    assert log.read_text().split() == ["1", "1"]


def test_a_failed_task_costs_no_other_and_is_tried_again(folder, log):
    with pytest.raises(TaskError, match="x = 13: ValueError: unlucky"):
        run_tasks(square, settings(log, 1, 13, 2), folder)
    with pytest.raises(TaskError, match="1 of 1 tasks failed"):
        run_tasks(square, settings(log, 1, 13, 2), folder)
    assert log.read_text().split() == ["1", "13", "2", "13"]


BAD = {
    "object": {"x": np.array([{}], dtype=object)},
    "text": {"x": "three"},
    "complex": {"x": np.array([1j])},
    "dates": {"x": np.array(["2026-12-01"], dtype="datetime64[D]")},
    "NaN as a name": {math.nan: np.ones(1)},
    "a name of the format": {"__metadata__": np.ones(1)},
    "a ragged list": {"x": [[1.0], [1.0, 2.0]]},
}


def odd(kind):
    return BAD.get(kind, {"x": 1.0})


def test_a_result_that_cannot_be_kept_is_the_failure_of_its_task(folder):
    tasks = {kind: {"kind": kind} for kind in ["first", *BAD, "last"]}
    with pytest.raises(TaskError) as caught:
        run_tasks(odd, tasks, folder)
    assert list(caught.value.failures) == list(BAD)
    assert caught.value.total == len(tasks)
    kept = [name for name in tasks if folder.finished(name, {"settings": tasks[name], "of": {}})]
    assert kept == ["first", "last"]


def test_a_full_disk_ends_a_run_and_says_how_to_go_on(tmp_path, log, monkeypatch):
    def no_space(descriptor):
        raise OSError(28, "No space left on device")

    def run():
        with run_module.opened("test", TrainingConfig(), Places(out=tmp_path / "new")) as new:
            monkeypatch.setattr("os.fsync", no_space)
            run_tasks(square, settings(log, 1, 2), new)

    with pytest.raises(UsageError, match=r"No space(.|\n)*qkan reproduce test --resume .*new$"):
        run()
    assert log.read_text().split() == ["1"]


def test_a_damaged_result_is_computed_again(folder, log):
    run_tasks(square, settings(log, 1, 2), folder)
    victim = max((folder.path / "stages").glob("*.safetensors"))
    victim.write_bytes(victim.read_bytes()[:-3])
    with pytest.warns(CacheWarning, match="damaged"):
        run_tasks(square, settings(log, 1, 2), folder)
    assert len(log.read_text().split()) == 3
    assert run_tasks(square, settings(log, 1, 2), folder)["x = 2"]["y"][0] == 4


@pytest.mark.parametrize("bad", [float("nan"), object(), print])
def test_settings_that_cannot_name_a_task_are_refused_before_any_runs(folder, log, bad):
    tasks = {**settings(log, 1), "bad": {"x": bad, "log": str(log)}}
    with pytest.raises(UsageError, match="cannot be part of a cache key"):
        run_tasks(square, tasks, folder)
    assert not log.exists()


def test_a_task_must_return_named_arrays(folder):
    with pytest.raises(TaskError, match=r"a: expected a task to return named arrays.*got a list"):
        run_tasks(lambda: [1.0], {"a": {}}, folder)


RUN = """
import os, signal, sys
from functools import partial
from pathlib import Path
from qkan.studies.executors import executor
from qkan.studies.run import RunFolder
from qkan.studies.run import run_tasks

def work(n, log, victim):
    if n == 3 and victim:
        os.kill(victim, signal.SIGKILL)
        signal.pause()
    with open(log, "a") as lines:
        lines.write(f"{n} ")
    return {"n": n}

if __name__ == "__main__":
    path, how, kill = Path(sys.argv[1]), sys.argv[2], len(sys.argv) > 3
    tasks = {f"task {n}": {"n": n, "log": str(path / "log")} for n in range(6)}
    run = partial(work, victim=os.getpid() if kill else 0)
    done = run_tasks(run, tasks, RunFolder(path), executor(how, 1))
    print(*(int(each["n"]) for each in done.values()))
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["serial", "processes"])
def test_a_killed_run_goes_on_with_what_is_missing(folder, log, tmp_path, how):
    file = tmp_path / "script.py"
    file.write_text(RUN)
    command = [sys.executable, file, tmp_path, how]
    path = os.pathsep.join(filter(None, sys.path))
    run = partial(
        subprocess.run, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    assert run([*command, "kill"]).returncode == -signal.SIGKILL
    assert log.read_text() == "0 1 2 "
    assert run(command).stdout == "0 1 2 3 4 5\n"
    assert log.read_text() == "0 1 2 3 4 5 "


def test_it_names_versions_and_platform_but_no_machine():
    facts = provenance()
    assert facts["versions"]["hybrid-qkan"] == qkan.__version__
    assert facts["versions"]["python"] == platform.python_version()
    text = json.dumps(facts)
    assert str(Path.home()) not in text
    assert platform.node() not in text


def test_only_a_checkout_of_the_package_has_a_commit(tmp_path):
    def git(*arguments):
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *arguments],
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )

    package = tmp_path / "qkan"
    package.mkdir()
    (package / "_version.py").write_text("")
    assert run_module._commit(package) is None
    git("init")
    assert run_module._commit(package) is None  # somebody else's checkout around it
    git("add", ".")
    git("commit", "-m", "first", "--no-gpg-sign")
    clean = run_module._commit(package)
    assert re.fullmatch("[0-9a-f]{40}", clean)
    (package / "_version.py").write_text("edited")
    assert run_module._commit(package) == clean + "-dirty"
