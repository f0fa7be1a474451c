"""IBM's Runtime without IBM."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest

from circuits import backend
from circuits.backends.estimator import ibm_runtime
from circuits.jobs import JobStore, Patience

FAKE = Path(__file__).with_name("fake_runtime.py")


@pytest.fixture
def fake_runtime(tmp_path, monkeypatch):
    """A provider with one device, ``fake_one``, and no jobs."""
    spec = importlib.util.spec_from_file_location("fake_runtime", FAKE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "service").mkdir()
    made = module.FakeRuntime(tmp_path / "service")
    monkeypatch.setattr(ibm_runtime, "sdk", lambda: made)
    monkeypatch.setenv("QKAN_CACHE", str(tmp_path / "cache"))
    ibm_runtime.connect.cache_clear()
    yield made
    ibm_runtime.connect.cache_clear()


@pytest.fixture
def slept():
    """The pauses that were made, in seconds."""
    return []


@pytest.fixture
def ibm(fake_runtime, tmp_path, slept):
    """The device, with a record of its own and a clock that pauses move."""

    def make(**options):
        patience = Patience(sleep=slept.append, clock=lambda: sum(slept), timeout=3600.0)
        store = JobStore(tmp_path / "jobs.sqlite")
        device = backend("ibm:fake_one", shots=100)
        return replace(device, **{"store": store, "patience": patience} | options)

    return make
