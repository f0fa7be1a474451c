"""``qkan cache`` and ``qkan jobs``."""

import errno
import json

import numpy as np
import pytest

from circuits.backends.jobs import Job, JobStore
from qkan.cli import kept, main
from qkan.store import Store, key


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "cache")
    for seed in range(3):
        store.put(key(seed=seed), {"x": np.arange(4.0)}, {"what": f"run {seed} [a]"})
    return store


def cache(command, store, *arguments):
    return main(["cache", command, *arguments, "--cache-dir", str(store.path)])


def test_results_are_listed_and_shown(store, tmp_path, capsys):
    assert cache("ls", store) == 0
    out = capsys.readouterr().out
    assert all(key(seed=seed)[:12] in out and f"run {seed} [a]" in out for seed in range(3))
    assert out.splitlines()[-1].startswith("3 results, 0.0 MB")
    assert cache("ls", store, "--limit", "2") == 0
    assert capsys.readouterr().out.rstrip().endswith("1 not shown: --limit 0 shows all")
    assert cache("ls", Store(tmp_path / "none")) == 0
    assert capsys.readouterr().out.startswith("0 results")
    assert cache("show", store, key(seed=1)[:20]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["meta"]["what"] == "run 1 [a]"
    assert shown["arrays"] == {"x": "F64(4,)"}
    assert cache("show", store, "xyz") == 2


def test_verify_finds_damage(store, capsys):
    assert cache("verify", store) == 0
    file = store.path / f"{key(seed=2)}.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    capsys.readouterr()
    assert cache("verify", store) == 1
    assert f"damaged: {file}" in capsys.readouterr().out


def test_clear_keeps_what_is_younger(store, capsys):
    for days in ("1", "1e30"):
        assert cache("clear", store, "--older-than", days) == 0
    for days in ("inf", "nan", "-1", "x"):
        assert cache("clear", store, f"--older-than={days}") == 2
    assert len(store.entries()) == 3
    assert cache("clear", store) == 0
    assert store.entries() == []
    assert "removed 3 results" in capsys.readouterr().out


def test_jobs_are_listed_and_forgotten(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("QKAN_CACHE", str(tmp_path))
    record = JobStore()
    assert main(["jobs", "ls"]) == 0
    assert "0 jobs in" in capsys.readouterr().out
    assert not record.path.exists()
    for name, number in (("aa11", "job-1"), ("ab22", None), ("cc33", None)):
        record.keep(Job(name, {"device": "ibm:one", "rows": 7}, "2026", number))
    record.finish("aa11", np.ones(1))
    assert main(["jobs", "ls"]) == 0
    listed = capsys.readouterr().out
    assert "3 jobs in" in listed
    row = next(line for line in listed.splitlines() if "aa11" in line)
    assert all(word in row for word in ("job-1", "ibm:one", "7", "kept"))
    assert main(["jobs", "forget", "a"]) == 2
    assert "2 jobs of" in capsys.readouterr().err
    assert main(["jobs", "forget", "aa"]) == 0
    assert [job.key for job in record.jobs() if job.key.startswith("a")] == ["ab22"]


def test_a_full_disk_names_the_file_and_how_to_go_on(store, monkeypatch, capsys):
    def full(cache_dir):
        raise OSError(errno.ENOSPC, "No space left on device", "run/report.md")

    monkeypatch.setattr(kept, "_store", full)
    assert cache("ls", store) == 2
    assert "'run/report.md'. Free some space, and go on with --resume" in capsys.readouterr().err
