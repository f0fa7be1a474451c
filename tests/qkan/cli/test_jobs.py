"""The record of jobs from the command line."""

from __future__ import annotations

import numpy as np
import pytest

from circuits.backends.jobs import JobStore
from qkan.cli import main


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("QKAN_CACHE", str(tmp_path))
    return JobStore()


def test_jobs_are_listed_and_forgotten(store, capsys):
    for key in ("aa11", "ab22", "cc33"):
        store.ask(key, {"device": "ibm:one", "rows": 7})
    with store.sending("aa11") as sending:
        sending.sent("job-1", {})
    store.finish("aa11", np.ones(1))
    assert main(["jobs", "ls"]) == 0
    listed = capsys.readouterr().out
    assert "3 jobs in" in listed
    row = next(line for line in listed.splitlines() if "aa11" in line)
    assert all(word in row for word in ("job-1", "ibm:one", "7", "kept"))
    assert main(["jobs", "forget", "a"]) == 2
    assert "2 jobs of" in capsys.readouterr().err
    assert main(["jobs", "forget", "aa"]) == 0
    assert [job.key for job in store.jobs() if job.key.startswith("a")] == ["ab22"]


def test_no_jobs(store, capsys):
    assert main(["jobs", "ls"]) == 0
    assert "0 jobs in" in capsys.readouterr().out
    assert not store.path.exists()
