import io
import itertools
import types

import pytest
from rich.console import Console

from qkan.progress import Progress


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Every look at the clock is two seconds later."""
    ticks = itertools.count(0, 2)
    monkeypatch.setattr("qkan.progress.time", types.SimpleNamespace(monotonic=lambda: next(ticks)))


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
    assert first == "training [a]: 2.0 s"
    assert second == "done [bold]"


def test_a_terminal_gets_a_bar(stream, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    progress = Progress(Console(file=stream, force_terminal=True, width=80))
    with progress.task("training", total=2) as advance:
        advance()
    assert "1/2" in stream.getvalue()


def test_a_status_is_shown_behind_the_bar(stream, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with Progress(Console(file=stream, force_terminal=True, width=80)).task("fit", 2) as advance:
        advance(1, status="loss [0.5]")
    assert "loss [0.5]" in stream.getvalue()


def test_a_task_of_unknown_length_is_told_it(stream, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    progress = Progress(Console(file=stream, force_terminal=True, width=80))
    with progress.task("circuits") as advance:
        advance(1024, 3000)
    assert "1024/3000" in stream.getvalue()


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


def test_what_took_no_time_is_not_reported(stream, monkeypatch):
    monkeypatch.setattr("qkan.progress.time", types.SimpleNamespace(monotonic=lambda: 0.0))
    with Progress(Console(file=stream)).task("training", total=1) as advance:
        advance()
    assert stream.getvalue() == ""
