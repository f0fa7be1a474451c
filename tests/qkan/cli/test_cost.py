"""``qkan cost`` and the question before circuits are paid for."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace

import pytest

from circuits.backends.aer import FakeDeviceBackend
from qkan.cli import main
from qkan.experiments import quanvolution


def lines(capsys):
    return [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]


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


@pytest.fixture
def started(monkeypatch):
    """Stand in for the run, and keep the settings of those that were started."""
    runs = []

    def run(config, places):
        runs.append(config)
        return SimpleNamespace(summary=lambda: "done")

    monkeypatch.setattr(quanvolution, "run", run)
    return runs


COMMAND = ["reproduce", "quanvolution", "--shots", "10", "--backend"]


@pytest.mark.parametrize(("answer", "code"), [("n\n", 130), ("y\n", 0)])
def test_what_is_paid_for_is_asked_about(monkeypatch, capsys, started, answer, code):
    monkeypatch.setattr(FakeDeviceBackend, "paid", True)
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    assert main([*COMMAND, "aer:fake_manila"]) == code
    assert bool(started) == (code == 0)
    assert "demo/no-entanglement" in capsys.readouterr().out


def test_what_is_free_or_agreed_to_is_not(monkeypatch, capsys, started):
    assert main([*COMMAND, "aer:fake_manila"]) == 0
    monkeypatch.setattr(FakeDeviceBackend, "paid", True)
    assert main([*COMMAND, "aer:fake_manila", "--yes"]) == 0
    assert len(started) == 2
    assert capsys.readouterr().out == "done\ndone\n"
