"""The step that is measured counts what it asks of a device."""

from __future__ import annotations

from qkan.benchmarks import packed_step


def test_circuits_are_counted(monkeypatch):
    settings = {"_WIDTHS": (2, 1), "_EDGE": "pz(depth=1)", "_BATCH": 10, "_SHOTS": 2, "_QUBITS": 5}
    for name, value in settings.items():
        monkeypatch.setattr(packed_step, name, value)
    alone, together = packed_step.cases()
    assert f"{2 * 3 * 9} circuits one by one" in alone.name
    assert f"{2 + 10} circuits on 5 qubits (4x fewer)" in together.name  # 6 values, 48 shifts
    assert together.against == alone.name
    together.run()
