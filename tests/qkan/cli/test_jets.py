"""``qkan jets generate``: what it refuses, and how an interrupted run goes on."""

from pathlib import Path

import pytest

from qkan.cli.main import main
from qkan.experiments.jets import generation


def test_wrong_wishes_make_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "jets"
    assert main(["jets", "generate", "--process", "qgg", "--out", str(out)]) == 2
    assert "unknown process 'qgg'; did you mean 'qg'" in capsys.readouterr().err
    assert not out.exists()


def test_an_interrupt_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(**settings: object) -> dict[str, object]:
        raise KeyboardInterrupt

    monkeypatch.setattr(generation, "make_chunk", stopped)
    out = tmp_path / "jets"
    assert main(["jets", "generate", "--events", "4", "--out", str(out)]) == 130
    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"qkan jets generate --resume {out}" in printed.err
