"""The benchmark harness: what it computes from the turns, and what it declares."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from rich.console import Console

from circuits.errors import UsageError
from qkan.benchmarks import harness
from qkan.benchmarks.harness import Case, measure

QUICK = {"repetitions": 3, "turn_ms": 0.01}


@pytest.fixture(autouse=True)
def keep_the_allocator(monkeypatch):
    """Leave this process's allocator alone: its thresholds cannot be put back."""
    monkeypatch.setattr(harness, "raise_malloc_thresholds", lambda: "as started")


def spin(count):
    return lambda: sum(range(count))


def test_rows_hold_the_contract(tmp_path):
    cases = [Case("short", spin(200)), Case("long", spin(20_000), against="short", floor="short")]
    report = measure("demo", cases, **QUICK)
    report.write_json(tmp_path / "rows.json")
    document = json.loads((tmp_path / "rows.json").read_text())
    short, long = document["rows"]
    assert set(short) == {"case", "cpu_ms", "ratio", "against", "peak_mb"}
    assert (short["ratio"], short["against"]) == (1.0, "short")
    assert long["ratio"] == long["cpu_ms"] / short["cpu_ms"] > 5
    assert {"threads", "allocator", "versions", "repetitions"} <= set(document)
    assert document["versions"]["torch"] == torch.__version__.split("+")[0]


def test_the_median_turn_counts_and_cases_take_turns(monkeypatch):
    calls = []
    turns = iter([9.0, 1.0, 2.0, 5.0, 100.0, 4.0])

    def fake_cpu_ms(run, count):
        calls.append(run())
        return next(turns)

    monkeypatch.setattr(harness, "_calls_in_a_turn", lambda *_: 1)
    monkeypatch.setattr(harness, "_cpu_ms", fake_cpu_ms)
    report = measure(
        "demo", [Case("a", lambda: "a"), Case("b", lambda: "b")], memory=False, **QUICK
    )
    assert calls == ["a", "b"] * 3
    assert [row.cpu_ms for row in report.rows] == [9.0, 4.0]
    assert [row.peak_mb for row in report.rows] == [None, None]


def test_peak_memory_counts_torch_and_numpy():
    def torch_megabytes():
        for _ in range(3):
            torch.zeros(1000, 250)  # one at a time: the peak is one of them

    cases = [Case("torch", torch_megabytes), Case("numpy", lambda: np.zeros((2, 1000, 125)))]
    rows = measure("demo", cases, **QUICK).rows
    assert rows[0].peak_mb == pytest.approx(1.0, rel=0.1)
    assert rows[1].peak_mb == pytest.approx(2.0, rel=0.1)


def test_threads_are_put_back():
    before = torch.get_num_threads()
    seen = []
    measure("demo", [Case("a", lambda: seen.append(torch.get_num_threads()))], **QUICK)
    assert set(seen) == {1}
    assert torch.get_num_threads() == before


def test_the_table_shows_floor_and_target():
    cases = [Case("floor", spin(10)), Case("ours", spin(10), "floor", "floor", target=7)]
    console = Console(width=200, record=True)
    measure("demo", cases, **QUICK).print(console)
    text = " ".join(console.export_text().split())
    assert "<= 7x" in text
    assert "allocator: as started" in text
    assert "1.00x" in text


@pytest.mark.parametrize(
    ("cases", "message"),
    [
        ([], "at least one case"),
        ([Case("a", spin(1)), Case("a", spin(1))], "must differ"),
        ([Case("a", spin(1), against="b")], "unknown case 'b'"),
        ([Case("a", spin(1), floor="aa")], "did you mean 'a'"),
    ],
)
def test_mistakes_are_named(cases, message):
    with pytest.raises(UsageError, match=message):
        measure("demo", cases, **QUICK)


def test_no_repetition_is_refused():
    with pytest.raises(UsageError, match="at least 1"):
        measure("demo", [Case("a", spin(1))], repetitions=0)
