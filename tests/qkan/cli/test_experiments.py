import dataclasses
import io
import sys

import pytest

from circuits.backends.aer import FakeDeviceBackend
from qkan.cli import main
from qkan.experiments import EXPERIMENTS, quanvolution
from qkan.experiments.quanvolution import Config
from qkan.studies.run import RunFolder


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What the experiment is asked to run; it is not run."""
    calls = []

    def run(config, places):
        calls.append((config, places))
        folder = RunFolder(tmp_path)
        folder.write_json("results.json", {"verdict": {"sentences": ["It ran."]}})
        return folder

    monkeypatch.setattr(quanvolution, "run", run)
    return calls


def test_without_options_the_defaults_are_run(asked, capsys):
    assert main(["reproduce", "quanvolution"]) == 0
    ((config, places),) = asked
    assert config == Config()
    assert places.out is None
    assert capsys.readouterr().out.startswith("It ran.\nReport: ")


def test_every_setting_is_an_option(asked):
    values = {
        "circuit": "demo-legacy",
        "backend": "default.mixed",
        "evaluate": "direct",
        "shots": 7,
        "seed": 3,
        "noise": "bit-flip:0.1",
        "full": True,
        "seeds": 4,
        "epochs": 5,
        "batch_size": 6,
        "train": 8,
        "validation": 9,
    }
    assert set(values) == {field.name for field in dataclasses.fields(Config)}
    arguments = ["reproduce", "quanvolution"]
    for name, value in values.items():
        option = f"--{name.replace('_', '-')}"
        arguments += [option] if value is True else [option, str(value)]
    assert main(arguments) == 0
    assert asked[0][0] == Config(**values)


def test_the_help_says_what_a_setting_is(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    assert main(["reproduce", "quanvolution", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "What shots are drawn from (default: 0)." in text
    assert "--resume" in text


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_has_its_options(experiment, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    assert main(["reproduce", experiment, "--help"]) == 0
    text = capsys.readouterr().out
    assert all(option in text for option in ("--seeds", "--out", "--resume", "--workers"))


def test_options_win_over_a_file(asked, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("epochs = 7\nseeds = 8\n")
    assert main(["reproduce", "quanvolution", "--config", str(file), "--seeds", "9"]) == 0
    assert asked[0][0] == Config(epochs=7, seeds=9)


def test_a_resumed_run_takes_its_own_settings(asked, tmp_path):
    old = RunFolder.create("test", Config(epochs=3, seeds=5), tmp_path / "old")
    assert main(["reproduce", "quanvolution", "--resume", str(old.path)]) == 0
    config, places = asked[0]
    assert config == Config(epochs=3, seeds=5)
    assert places.resume == old.path


def test_the_work_is_spread_over_as_many_processes_as_asked(asked):
    assert main(["reproduce", "quanvolution", "--workers", "3"]) == 0
    assert main(["reproduce", "quanvolution"]) == 0
    assert [places.executor.workers for _, places in asked] == [3, 1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--resume", "nowhere"], "no run to resume in nowhere"),
        (["--config", "nowhere.toml"], "nowhere.toml"),
        (["--seeds", "1"], "seeds must be an integer of at least 2"),
        (["--seeds", "many"], "--seeds"),
        (["--workers", "0"], "1 worker or more"),
        (["--scheduler", "tcp://127.0.0.1"], "no Dask scheduler answers"),
    ],
)
def test_mistakes_are_messages(asked, capsys, monkeypatch, tmp_path, options, message):
    monkeypatch.chdir(tmp_path)
    assert main(["reproduce", "quanvolution", *options]) == 2
    assert message in capsys.readouterr().err
    assert asked == []


def lines(capsys):
    return [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]


@pytest.mark.slow
def test_cost_counts_nodes_or_patches(capsys):
    settings = ["--train", "3", "--validation", "2", "--shots", "100"]
    assert main(["cost", "quanvolution", "--backend", "default.qubit", *settings]) == 0
    *_, total, _ = lines(capsys)
    assert total[:3] == ["all", "12", "1,200"]
    assert main(["cost", "quanvolution", "--evaluate", "direct", *settings]) == 0
    *_, total, note = lines(capsys)
    assert total[:3] == ["all", "1,960", "196,000"]
    assert "extrapolated" in note


def test_cost_reads_a_configuration(capsys, tmp_path):
    file = tmp_path / "c.toml"
    file.write_text('circuit = "basic-entangler"\n')
    assert main(["cost", "quanvolution", "--config", str(file)]) == 0
    assert "basic-entangler" in capsys.readouterr().out
    assert main(["cost", "quanvolution", "--backend", "nowhere"]) == 2


COMMAND = ["reproduce", "quanvolution", "--shots", "10", "--backend"]


@pytest.mark.parametrize(("answer", "code"), [("n\n", 130), ("y\n", 0)])
def test_what_is_paid_for_is_asked_about(monkeypatch, capsys, asked, answer, code):
    monkeypatch.setattr(FakeDeviceBackend, "paid", True)
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    assert main([*COMMAND, "aer:fake_manila"]) == code
    assert bool(asked) == (code == 0)
    assert "demo/no-entanglement" in capsys.readouterr().out


def test_what_is_free_or_agreed_to_is_not(monkeypatch, capsys, asked):
    assert main([*COMMAND, "aer:fake_manila"]) == 0
    monkeypatch.setattr(FakeDeviceBackend, "paid", True)
    assert main([*COMMAND, "aer:fake_manila", "--yes"]) == 0
    assert len(asked) == 2
