import io

import pytest
from rich.console import Console

from qkan.experiments.progress import Progress


@pytest.fixture
def stream():
    return io.StringIO()


def test_a_log_gets_one_line_a_task(stream):
    progress = Progress(Console(file=stream, force_terminal=False))
    with progress.task("training [a]", total=3) as advance:
        for _ in range(3):
            advance()
    progress.say("done [bold]")
    first, second = stream.getvalue().splitlines()
    assert first.startswith("training [a]: 0.")
    assert second == "done [bold]"


def test_a_terminal_gets_a_bar(stream, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    progress = Progress(Console(file=stream, force_terminal=True, width=80))
    with progress.task("training", total=2) as advance:
        advance()
    assert "1/2" in stream.getvalue()


def test_continuous_integration_is_no_terminal(stream, monkeypatch):
    monkeypatch.setenv("CI", "true")
    progress = Progress(Console(file=stream, force_terminal=True, width=80))
    with progress.task("training", total=2) as advance:
        advance()
    assert "1/2" not in stream.getvalue()


def test_a_library_is_silent(capfd):
    progress = Progress()
    progress.say("nothing")
    with progress.task("training", total=1) as advance:
        advance()
    assert capfd.readouterr() == ("", "")
