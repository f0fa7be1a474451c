import contextlib
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from circuits.errors import UsageError
from qkan.cli import main
from qkan.cli.studies import EXAMPLE
from qkan.studies import sweep
from qkan.studies.executors import executor
from qkan.studies.run import Places, RunFolder
from qkan.studies.sweep import run
from qkan.studies.sweep_config import DataConfig, SweepConfig, load, parse_space, read_config
from qkan.studies.tasks import TaskError

CONFIG = SweepConfig(
    model={"kind": "mlp", "sizes": [784, 10]},
    data={"train": 40, "validation": 20},
    training={"epochs": 1},
    space={
        "model": {"sizes": [[784, 10], [784, 4, 10]]},
        "training": {"learning_rate": {"low": 1e-3, "high": 1e-1, "log": True}},
    },
    metric="val_accuracy",
    sampler="random",
    trials=4,
)


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    monkeypatch.setattr("qkan.studies.report.render", lambda plot, kind: b"figure")


def with_(**settings):
    return SweepConfig(**{**vars(CONFIG), "direction": None, **settings})


def results_in(folder):
    return json.loads((folder.path / "results.json").read_text())


def trials_in(folder):
    return results_in(folder)["verdict"]["trials"]


@pytest.mark.slow
def test_a_sweep_and_its_folder(tmp_path):
    folder = run(CONFIG, Places(out=tmp_path / "run"))
    results = results_in(folder)
    assert len(results["verdict"]["trials"]) == len(results["arms"]) == 4
    best = max(trial["value"] for trial in results["verdict"]["trials"])
    assert results["verdict"]["best"]["value"] == best
    for trial in results["verdict"]["trials"]:
        assert trial["results"]["val_accuracy"] == [trial["value"]]
    for name in ("report.html", "report.md", "figures/sweep.png", "config.toml"):
        assert (folder.path / name).stat().st_size > 0
    assert "training.learning_rate" in folder.summary()


def counted(folder, fail_at=None, stop_at=None):
    """Stands in for a training; writes down that it was called."""

    def train(*, training, **_):
        with (folder / "calls").open("a") as calls:
            calls.write(f"{training['learning_rate']:.6f}\n")
        number = len((folder / "calls").read_text().split())
        if number == fail_at:
            raise UsageError("no")
        if number == stop_at:
            raise KeyboardInterrupt
        return {"val_accuracy": np.array(training["learning_rate"])}

    return train


@pytest.mark.slow
def test_an_interrupted_sweep_says_how_to_go_on_and_loses_no_trial(tmp_path, monkeypatch):
    places = Places(out=tmp_path / "run")
    for stop_at in (3, 4, 5, 6):  # each time in the third trial
        monkeypatch.setattr(sweep, "train_trial", counted(tmp_path, stop_at=stop_at))
        with pytest.raises(KeyboardInterrupt) as stop:
            run(CONFIG, places)  # the same folder is the same sweep
        assert f"qkan sweep --resume {tmp_path / 'run'}" in stop.value.__notes__[0]
    monkeypatch.setattr(sweep, "train_trial", counted(tmp_path))
    folder = run(CONFIG, places)
    calls = (tmp_path / "calls").read_text().split()
    assert len(calls) == 8
    assert len(set(calls[2:7])) == 1
    assert len(set(calls)) == len(trials_in(folder)) == 4
    run(CONFIG, Places(resume=folder.path))
    assert len((tmp_path / "calls").read_text().split()) == 8


KILL = """
import os, signal, sys
from pathlib import Path
from qkan.studies.run import Places
from qkan.studies import sweep
from qkan.studies.sweep_config import read_config

calls, train = [], sweep.train_trial

def killed_at_the_third(**settings):
    calls.append(1)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return train(**settings)

sweep.train_trial = killed_at_the_third
sweep.run(read_config(Path(sys.argv[1])), Places(out=Path(sys.argv[2])))
"""

TOML = """
metric = "val_accuracy"
sampler = "random"
trials = 4
repeats = 2
[model]
kind = "mlp"
sizes = [784, 10]
[data]
train = 40
validation = 20
[training]
epochs = 1
[space]
training.learning_rate = { low = 1e-3, high = 1e-1, log = true }
"""


@pytest.mark.slow
def test_a_killed_sweep_goes_on_to_the_same_numbers_and_does_nothing_twice(
    tmp_path, monkeypatch, capsys
):
    file, out = tmp_path / "sweep.toml", tmp_path / "run"
    file.write_text(TOML)
    path = os.pathsep.join(filter(None, sys.path))
    killed = subprocess.run(
        [sys.executable, "-c", KILL, file, out],
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    train, rates = sweep.train_trial, []

    def noted(**settings):
        rates.append(settings["training"]["learning_rate"])
        return train(**settings)

    monkeypatch.setattr(sweep, "train_trial", noted)
    assert main(["sweep", "--resume", str(out)]) == 0
    assert "The best of 4 trials" in capsys.readouterr().out
    assert len(rates) == 2
    whole = trials_in(run(read_config(file), Places(out=tmp_path / "whole")))
    trials = trials_in(RunFolder(out))
    points = [t["point"]["training.learning_rate"] for t in trials[2:] + whole]
    assert sorted(rates) == sorted(points)
    for trial in trials + whole:
        assert trial["results"].pop("seconds")
        assert len(trial["results"]["val_loss"]) == 2
        assert trial["value"] == np.mean(trial["results"]["val_accuracy"])
    assert trials == whole


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["grid", "random", "tpe"])
def test_the_same_seed_gives_the_same_trials(tmp_path, monkeypatch, sampler):
    space = {"model.sizes": [[784, 10], [784, 4, 10]], "training.learning_rate": [0.1, 0.2, 0.3]}
    if sampler != "grid":
        space["training.learning_rate"] = {"low": 1e-3, "high": 1e-1, "log": True}
    trials = 6 if sampler == "grid" else 12  # TPE draws its first ten at random
    config = with_(space=space, sampler=sampler, trials=trials)
    stopped, whole, other = (Places(out=tmp_path / name) for name in ("stopped", "whole", "other"))
    monkeypatch.setattr(sweep, "train_trial", counted(tmp_path, stop_at=trials - 1))
    with pytest.raises(KeyboardInterrupt):
        run(config, stopped)
    monkeypatch.setattr(sweep, "train_trial", counted(tmp_path))
    points = [[t["point"] for t in trials_in(run(config, p))] for p in (stopped, whole)]
    assert points[0] == points[1]
    assert len({str(point) for point in points[0]}) == trials
    assert len((tmp_path / "calls").read_text().split()) == 2 * trials + 1
    if sampler == "random":
        another = trials_in(run(with_(space=space, trials=trials, seed=1), other))
        assert not {str(t["point"]) for t in another} & {str(point) for point in points[0]}


SHARE = """
import os, signal, sys, time
from pathlib import Path
import numpy as np
from qkan.studies import sweep
from qkan.studies.run import Places
from qkan.studies.sweep_config import read_config

folder, how, done = Path(sys.argv[1]), sys.argv[2], []

def train(*, training, **_):
    if how == "dies" and len(done) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "survives" and not done:
        print("has one", flush=True)
        sys.stdin.readline()
    done.append(1)
    with open(folder / "log", "a") as log:
        log.write(f"{training['learning_rate']}\\n")
    return {"val_accuracy": np.array(0.5)}

sweep.train_trial = train
sweep.run(read_config(folder / "sweep.toml"), Places(out=folder / "run"))
"""


@pytest.mark.slow
def test_processes_share_a_sweep_and_two_are_killed(tmp_path):
    (tmp_path / "sweep.toml").write_text(TOML.replace("trials = 4", "trials = 20"))
    path = os.pathsep.join(filter(None, sys.path))

    def start(how):
        return subprocess.Popen(
            [sys.executable, "-c", SHARE, tmp_path, how],
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    with start("survives") as survivor, start("dies") as one, start("dies") as other:
        assert survivor.stdout.readline()
        assert [victim.wait(timeout=100) for victim in (one, other)] == [-signal.SIGKILL] * 2
        survivor.communicate("go on\n", timeout=100)
        assert survivor.returncode == 0
    rates = (tmp_path / "log").read_text().split()
    assert len(rates) == len(set(rates)) == 20
    assert len(trials_in(RunFolder(tmp_path / "run"))) == 20


@pytest.mark.slow
def test_workers_share_the_trials(tmp_path):
    with executor("processes", 2) as pool:
        spread = trials_in(run(CONFIG, Places(out=tmp_path / "spread", executor=pool)))
    alone = trials_in(run(CONFIG, Places(out=tmp_path / "alone")))
    for trial in spread + alone:
        trial["results"].pop("seconds")
    assert spread == alone


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["locks", "locks/0", "stages", "figures", "results.json", "report.md"]
)
def test_a_foreign_folder_leads_nowhere(tmp_path, monkeypatch, name):
    monkeypatch.setattr(sweep, "train_trial", counted(tmp_path))
    victim, out = tmp_path / "victim", tmp_path / "run"
    victim.mkdir()
    (victim / "thesis.tex").write_text("precious")
    RunFolder.create("sweep", CONFIG, out)
    (out / "locks").mkdir() if "/" in name else None
    (out / name).symlink_to(
        victim if "." not in name and "/" not in name else victim / "thesis.tex"
    )
    with contextlib.suppress(UsageError, OSError):  # the link is refused, or replaced
        run(CONFIG, Places(resume=out))
    assert [(f.name, f.read_text()) for f in victim.iterdir()] == [("thesis.tex", "precious")]


@pytest.mark.parametrize(
    "trial",
    [
        b"{",
        b"[]",
        b'{"index": 0}',
        b'{"index": "../../victim/thesis.tex", "point": {}, "value": 1, "results": {}}',
        b'{"index": 0, "point": {"training.learning_rate": 1}, "value": "x", "results": {}}',
    ],
)
def test_a_record_that_no_sweep_wrote_is_no_trial(tmp_path, monkeypatch, trial):
    monkeypatch.setattr(sweep, "train_trial", counted(tmp_path))
    config = with_(space={"training.learning_rate": [0.1, 0.2]}, sampler="grid", trials=1)
    folder = RunFolder.create("sweep", config, tmp_path / "run")
    folder.stage("trial 0", {}, lambda: {"trial": np.frombuffer(trial, np.uint8)})
    assert trials_in(run(config, Places(resume=folder.path)))[0]["value"] == 0.1


def test_points_of_a_grid_are_counted_not_listed(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "train_trial", counted(tmp_path))
    space = {"training.learning_rate": [0.1, 0.2], "training.seed": {"low": 0, "high": 2 * 10**9}}
    config = with_(space=space, sampler="grid", trials=3)
    points = [trial["point"] for trial in trials_in(run(config, Places(out=tmp_path / "run")))]
    assert points == [{"training.learning_rate": 0.1, "training.seed": n} for n in range(3)]
    with pytest.raises(UsageError, match="has 4,000,000,002 points; say how many are tried"):
        run(with_(space=space, sampler="grid", trials=None), Places(out=tmp_path / "all"))


@pytest.mark.slow
def test_a_metric_that_is_none_fails_its_trial_alone(tmp_path, monkeypatch):
    def train(*, training, **_):
        value = np.nan if training["learning_rate"] == 0.2 else 0.5
        return {"val_accuracy": np.array([value])}

    monkeypatch.setattr(sweep, "train_trial", train)
    config = with_(space={"training.learning_rate": [0.1, 0.2, 0.3]}, sampler="grid", trials=None)
    trials = trials_in(run(config, Places(out=tmp_path / "run")))
    assert [trial["reason"] for trial in trials] == ["", "its metric is nan", ""]


@pytest.mark.slow
def test_a_failed_trial_is_reported_and_costs_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "train_trial", counted(tmp_path, fail_at=2))
    folder = run(CONFIG, Places(out=tmp_path / "run"))
    trials = trials_in(folder)
    assert [trial["reason"] for trial in trials] == ["", "no", "", ""]
    assert "1 trials failed" in folder.summary()
    assert "| no |" in (folder.path / "report.md").read_text()


@pytest.mark.slow
def test_a_sweep_of_failures_is_an_error(tmp_path, monkeypatch):
    def fail(**_):
        raise UsageError("never")

    monkeypatch.setattr(sweep, "train_trial", fail)
    with pytest.raises(TaskError, match="4 of 4 tasks failed"):
        run(CONFIG, Places(out=tmp_path / "run"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"metric": "val_acuracy"}, "unknown metric .* did you mean 'val_accuracy'"),
        ({"loss": "mse", "metric": "val_loss"}, "cannot run: .*shape"),
        ({"model": {"kind": "mpl"}}, "unknown model 'mpl'"),
        ({"model": {"sizes": [784, 10]}}, "need a kind"),
        ({"training": {"epoch": 1}}, "did you mean 'epochs'"),
        ({"training": {"epochs": 0}}, "epochs to be 1 or more"),
        ({"data": {"trian": 1}}, "did you mean 'train'"),
        ({"data": {"train": 5000}}, "together at most 5,000"),
        ({"space": {"model.grid": [3]}}, "model.grid = 3 cannot run: unknown setting 'grid'"),
        ({"space": {"model.sizes": [[784, 10], [5, 10]]}}, r"model.sizes = \[5, 10\] cannot run"),
        ({"space": {"training.gamma": {"low": 0.0, "high": 1.0}}}, "gamma to be positive"),
        (
            {"sampler": "grid", "space": {"training.gamma": {"low": 0.1, "high": 1.0}}},
            "a grid needs a list",
        ),
    ],
)
def test_mistakes_are_found_before_anything_is_written(tmp_path, settings, message):
    with pytest.raises(UsageError, match=message):
        run(with_(**settings), Places(out=tmp_path / "run"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"trials": 0}, "trials to be 1 or more"),
        ({"sampler": "grd"}, "did you mean 'grid'"),
        ({"seed": -1}, "seed to be 0 or more"),
        ({"model": 3}, "expected model to be dict, got 3"),
    ],
)
def test_settings_out_of_range(settings, message):
    with pytest.raises(UsageError, match=message):
        with_(**settings)


@pytest.mark.slow
def test_another_sweep_is_not_continued(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "train_trial", counted(tmp_path))
    run(CONFIG, Places(out=tmp_path / "run"))
    with pytest.raises(UsageError, match="trials: 4, now 5"):
        run(with_(trials=5), Places(out=tmp_path / "run"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(UsageError, match="not an empty folder"):
        run(CONFIG, Places(out=tmp_path / "mine"))


@pytest.mark.slow
def test_data_from_a_file(tmp_path, monkeypatch):
    x = np.random.default_rng(0).normal(size=(50, 2))
    np.savez(tmp_path / "data.npz", x=x, y=x.sum(axis=1))
    (tmp_path / "sweep.toml").write_text(
        '[model]\nkind = "kan"\n[data]\nfile = "data.npz"\n[training]\nepochs = 1\n'
        "[space]\nmodel.sizes = [[2, 1], [2, 2, 1]]\n"
    )
    monkeypatch.chdir(tmp_path.parent)  # the file's name is relative to the TOML file
    config = read_config(tmp_path / "sweep.toml")
    results = results_in(run(config, Places(out=tmp_path / "run")))
    assert {len(trial["results"]) for trial in results["verdict"]["trials"]} == {4}  # no accuracy
    (train, _), (validation, _) = load(DataConfig(file=str(tmp_path / "data.npz")), seed=0)
    assert (len(train), len(validation)) == (40, 10)
    np.savez(tmp_path / "data.npz", x=x, y=x.prod(axis=1))
    with pytest.raises(UsageError, match="the data are not those"):
        run(config, Places(resume=tmp_path / "run"))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (None, "is not a .npz file"),
        ({"x": np.zeros((3, 2))}, "expected arrays x and y"),
        ({"x": np.zeros((3, 2)), "y": np.zeros(4)}, r"got float64 \(3, 2\) and float64 \(4,\)"),
        ({"x": np.full((3, 2), np.nan), "y": np.zeros(3)}, "NaN or infinite"),
        ({"x": np.array([["a"]]), "y": np.zeros(1)}, "expected numbers"),
        ({"x": np.array([[{}]], dtype=object), "y": np.zeros(1)}, "is not a .npz file"),
    ],
)
def test_files_that_are_no_data(tmp_path, arrays, message):
    file = tmp_path / "data.npz"
    if arrays is None:
        file.write_text("x, y")
    else:
        np.savez(file, **arrays)
    with pytest.raises(UsageError, match=message):
        load(DataConfig(file=str(file)), seed=0)


@pytest.mark.slow
def test_the_example_is_a_sweep(capsys, tmp_path):
    assert main(["sweep", "--example"]) == 0
    assert capsys.readouterr().out == EXAMPLE
    (tmp_path / "sweep.toml").write_text(EXAMPLE)
    config = read_config(tmp_path / "sweep.toml")
    sweep._checked(config, parse_space(config.space), None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected CONFIG.toml for a new sweep"),
        (["nowhere.toml"], "nowhere.toml"),
        (["--resume", "nowhere"], "no run to resume in nowhere"),
        (["a.toml", "--resume", "b"], "expected CONFIG.toml for a new sweep, or --resume"),
        (["--resume", "b", "--out", "c"], "got both"),
    ],
)
def test_mistakes_on_the_command_line(capsys, monkeypatch, tmp_path, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", *arguments]) == 2
    assert message in capsys.readouterr().err
