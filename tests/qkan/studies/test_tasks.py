import os
import signal
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

from circuits.errors import UsageError
from qkan.store import CacheWarning
from qkan.studies.run import RunFolder, run_tasks
from qkan.studies.tasks import TaskError


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path)


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
