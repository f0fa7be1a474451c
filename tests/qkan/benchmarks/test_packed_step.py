"""The step that is measured counts what it asks of a device."""

from __future__ import annotations

from qkan.benchmarks import packed_step


def test_circuits_are_counted(monkeypatch):
    for name, value in (("_WIDTHS", (2, 1)), ("_BATCH", 10), ("_SHOTS", 2), ("_QUBITS", 5)):
        monkeypatch.setattr(packed_step, name, value)
    alone, together = packed_step.cases()
    assert f"{2 * 7 * 17} circuits one by one" in alone.name
    assert f"{3 + 45} circuits on 5 qubits (5x fewer)" in together.name  # 14 values, 224 shifts
    assert together.against == alone.name
    together.run()
