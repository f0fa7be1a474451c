"""The cases of the benchmarks: they run, agree with each other, and are named after what they measure."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from qkan.benchmarks import backends, harness, layers, quanvolution
from qkan.experiments.notebook_networks import TableSplineLayer


@pytest.mark.slow
def test_cases(monkeypatch):
    seen = []

    def measure(name, cases, **options):
        for case in cases[:3]:
            case.run()
        seen.extend(cases)

    monkeypatch.setattr(backends, "measure", measure)
    monkeypatch.setattr(backends, "packed_cases", list)
    backends.run()
    names = {case.name for case in seen}
    assert {case.against for case in seen} - {None} <= names
    assert any("FakeManila" in name for name in names)


@pytest.mark.slow
def test_circuits_are_counted(monkeypatch):
    settings = {
        "_WIDTHS": (2, 1),
        "_EDGE": "pz(depth=1)",
        "_BATCH": 10,
        "_STEP_SHOTS": 2,
        "_QUBITS": 5,
    }
    for name, value in settings.items():
        monkeypatch.setattr(backends, name, value)
    alone, together = backends.packed_cases()
    assert f"{2 * 3 * 9} circuits one by one" in alone.name
    assert f"{2 + 10} circuits on 5 qubits (4x fewer)" in together.name  # 6 values, 48 shifts
    assert together.against == alone.name
    together.run()


def test_every_step_runs():
    names = []
    for name, step in layers.layer_cases([2, 3, 1], 4):
        step()
        names.append(name)
    assert {"MLP", "B-spline product alone", "B-spline", "sine product alone", "sine"} <= set(names)


def test_the_loop_over_units_is_the_same_function():
    ours = TableSplineLayer(5, 4, generator=torch.Generator().manual_seed(0))
    loop = layers._UnitLoopLayer(5, 4)
    loop.load_state_dict(ours.state_dict())
    x = torch.randn(9, 5, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(ours(x), loop(x))


@pytest.fixture(autouse=True)
def keep_the_allocator(monkeypatch):
    """Leave this process's allocator alone: its thresholds cannot be put back."""
    monkeypatch.setattr(harness, "raise_malloc_thresholds", lambda: "as started")


@pytest.fixture(scope="module")
def cases():
    """The benchmark's cases, not timed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quanvolution, "measure", lambda _, cases, **__: cases)
        return {case.name: case for case in quanvolution.run(images=4)}


@pytest.mark.slow
def test_rows_and_json_keep_the_contract(tmp_path, cases):
    report = quanvolution.run(images=4, repetitions=1)
    report.write_json(tmp_path / "rows.json")
    document = json.loads((tmp_path / "rows.json").read_text())
    assert document["benchmark"] == "quanvolution"
    assert (document["threads"], document["repetitions"]) == (1, 1)
    assert document["allocator"]
    assert {"python", "torch", "numpy", "pennylane"} <= set(document["versions"])
    rows = document["rows"]
    assert [row["case"] for row in rows] == list(cases)
    by_name = {row["case"]: row for row in rows}
    for row in rows:
        assert set(row) == {"case", "cpu_ms", "ratio", "against", "peak_mb"}
        assert row["cpu_ms"] > 0
        assert row["ratio"] == pytest.approx(row["cpu_ms"] / by_name[row["against"]]["cpu_ms"])
        assert row["peak_mb"] >= 0
    report.print()


@pytest.mark.slow
def test_the_ways_agree(cases):
    demo = cases["demo filter, products"].run()
    few = [run for name, run in ways(cases, "distinct patches, broadcast")]
    assert demo.shape == (4, 4, 14, 14)
    torch.testing.assert_close(few[0](), demo, rtol=0, atol=2e-6)
    as_rows = demo.permute(0, 2, 3, 1).reshape(-1, 4)
    ((_, every),) = ways(cases, "every patch, broadcast")
    np.testing.assert_allclose(every(), as_rows, rtol=0, atol=2e-6)
    ((_, loop),) = ways(cases, "demo loop")
    np.testing.assert_allclose(np.array(loop()), as_rows[:196], rtol=0, atol=2e-6)


def test_the_dense_filter_takes_all_terms(cases):
    assert cases["4 wires, all 81 terms, planes"].run().shape == (4, 4, 14, 14)


def test_what_is_extrapolated_says_so(cases):
    for name, case in cases.items():
        assert ("from" in name) == (case.times != 1.0 or "broadcast" in name)
    ((_, _),) = ways(cases, "demo loop")
    assert cases["demo loop (from 1 image)"].times == 4.0


@pytest.mark.slow
def test_every_case_leaves_things_as_it_found_them(cases):
    for case in cases.values():
        first, second = case.run(), case.run()
        if isinstance(first, torch.Tensor):
            assert torch.equal(first, second)


def ways(cases, start):
    return [(name, case.run) for name, case in cases.items() if name.startswith(start)]
