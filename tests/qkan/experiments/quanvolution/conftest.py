import pytest

from qkan.experiments.quanvolution import noise
from qkan.studies.run import Places


@pytest.fixture
def no_figures(monkeypatch):
    """Figures take most of a short run's time; where they do not matter they are left empty."""
    monkeypatch.setattr("qkan.studies.report.render", lambda plot, kind: b"figure")


@pytest.fixture
def places(tmp_path):
    return Places(out=tmp_path / "run", cache_dir=tmp_path / "cache")


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """What the report shows many of takes seconds."""
    monkeypatch.setattr(noise, "SHOTS", (400, 6400))
    monkeypatch.setattr(noise, "NOISES", ("depolarizing:0.03",))
