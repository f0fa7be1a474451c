"""The benchmark of backends names what it measures, and measures it."""

from qkan.benchmarks import backends


def test_cases(monkeypatch):
    seen = []

    def measure(name, cases, **options):
        for case in cases[:3]:
            case.run()
        seen.extend(cases)

    monkeypatch.setattr(backends, "measure", measure)
    monkeypatch.setattr(backends.packed_step, "cases", list)
    backends.run()
    names = {case.name for case in seen}
    assert {case.against for case in seen} - {None} <= names
    assert any("FakeManila" in name for name in names)
