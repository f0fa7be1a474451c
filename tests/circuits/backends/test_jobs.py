"""The record of jobs: durable, shared, and honest about files that are none; and how jobs are sent."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from filelock import FileLock

from circuits import UsageError
from circuits.backends import job_store
from circuits.backends.jobs import (
    Job,
    JobStore,
    Patience,
    Request,
    TransientError,
    run_jobs,
)
from circuits.store import write

JOB = Job("k", {"rows": 3}, "2026-12-01")
SILENT = Patience(sleep=lambda seconds: None)


@pytest.fixture
def store(tmp_path):
    return JobStore(tmp_path / "folder" / "jobs")


class Service:
    """Counts what is sent; every job is done at once."""

    def __init__(self):
        self.sent = []

    def find(self, tag):
        return (f"job-{self.sent.index(tag) + 1}", {}) if tag in self.sent else None

    def submit(self, tag):
        self.sent.append(tag)
        return f"job-{len(self.sent)}", {}

    def status(self, job_id, tag):
        return "DONE"

    def result(self, job_id, tag):
        return np.ones(2)


def run(service, store, keys=("k",), patience=SILENT):
    read = lambda result, job: result  # noqa: E731
    return run_jobs([Request(k, {}, service.submit, read) for k in keys], service, store, patience)


def test_what_was_written_is_read_by_another(store):
    assert (store.job("k"), store.result("k"), store.jobs()) == (None, None, [])
    assert not store.path.parent.exists()
    store.keep(replace(JOB, job_id="job-1", details={"copies": 2}, failures=("job-0: late",)))
    other = JobStore(store.path)
    assert other.job("k") == replace(
        JOB, job_id="job-1", details={"copies": 2}, failures=("job-0: late",)
    )
    with other.alone("k") as known:
        assert known == other.jobs()[0]
    values = np.array([[0.1, -0.0], [np.pi, 1e-300]])
    other.finish("k", values)
    assert store.result("k").tobytes() == values.tobytes()
    assert store.finished("k")
    assert {file.stat().st_mode & 0o777 for file in store.path.iterdir()} == {0o600}
    assert {p.stat().st_mode & 0o777 for p in (store.path, store.path.parent)} == {0o700}
    store.forget("k")
    assert store.job("k") is None


def test_two_at_a_time_send_one_job(store):
    service = Service()
    threads = [threading.Thread(target=run, args=(service, store, "kk")) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(run(service, store, "kk"), np.ones((2, 2)))
    assert len(service.sent) == 1


def test_pauses_double_up_to_the_longest():
    assert list(Patience(calls=4, first=1.0, longest=3.0).pauses()) == [1.0, 2.0, 3.0, 3.0]


def test_an_error_of_ones_own_is_not_repeated(store):
    slept = []
    service = Service()
    service.status = lambda job_id, tag: 1 / 0
    with pytest.raises(ZeroDivisionError):
        run(service, store, patience=Patience(sleep=slept.append))
    assert slept == []
    assert not issubclass(TransientError, OSError)


@pytest.mark.parametrize("lag", range(8))
def test_a_list_that_lags_behind_a_lost_answer_sends_nothing_twice(store, lag):
    service, questions = Service(), []

    def submit(tag):
        service.sent.append(tag)
        raise TransientError("the answer is lost")

    def find(tag):
        questions.append(len(service.sent))
        return ("job-1", {}) if questions.count(1) > lag else None

    service.find, service.submit = find, submit
    run(service, store)
    assert service.sent == ["qkan-k-0"]


def test_records_that_cannot_be_used(store, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"record of jobs .* cannot be used: .*file"):
        run(Service(), JobStore(tmp_path / "file" / "jobs"))
    assert JobStore(tmp_path / "file" / "jobs").jobs() == []
    monkeypatch.setattr(job_store, "_WAIT", 0.01)
    store.path.mkdir(parents=True)
    with FileLock(store.path / "k.lock"), pytest.raises(UsageError, match="another process sends"):
        run(Service(), store)
    for kind, message in [("hybrid-qkan job 2", "newer version"), ("other 1", "is 'other 1', not")]:
        write(store.path / "k.job", kind, {}, {})
        with pytest.raises(UsageError, match=message):
            run(Service(), store)
    monkeypatch.setattr(
        job_store, "read", lambda *a: (_ for _ in ()).throw(PermissionError(13, "no"))
    )
    with pytest.raises(
        UsageError, match=r"record of jobs .* cannot be used.*yours to write"
    ) as error:
        run(Service(), store)
    assert "Free some space" not in str(error.value)


def flipped(content):
    return content[:-1] + bytes([content[-1] ^ 1]) if content else b"?"


@pytest.mark.parametrize(
    "damage", [flipped, lambda c: b"\x80\x04N.", lambda c: b"", lambda c: c[:-8]]
)
@pytest.mark.parametrize("kind", ["result", "job", "*"])
def test_what_is_damaged_is_fetched_again_and_nothing_is_sent(store, damage, kind):
    service = Service()
    run(service, store)
    for path in store.path.glob(f"k.{kind}"):
        path.write_bytes(damage(path.read_bytes()))
    assert (store.result("k") is None) == (kind != "job")
    np.testing.assert_array_equal(run(service, store), np.ones((1, 2)))
    assert service.sent == ["qkan-k-0"]


def test_a_changed_byte_is_never_served(store):
    store.finish("k", np.arange(6.0))
    path = store.path / "k.result"
    whole, draw = path.read_bytes(), np.random.default_rng(0)
    for _ in range(300):
        content = bytearray(whole)
        content[draw.integers(len(whole) - 48, len(whole))] ^= draw.integers(
            1, 256
        )  # in the values
        path.write_bytes(content)
        assert store.result("k") is None
        content = bytearray(whole)
        content[draw.integers(len(whole))] ^= 1 << draw.integers(8)
        path.write_bytes(content)
        assert store.result("k") is None


def test_a_job_costs_the_same_however_many_there_are(store, monkeypatch):
    written = []
    monkeypatch.setattr(job_store, "write", lambda *a, **k: written.append(a) or write(*a, **k))
    service = Service()
    for keys in ([f"a{n}" for n in range(3)], [f"b{n}" for n in range(30)]):
        written.clear()
        run(service, store, keys)
        assert len(written) == 3 * len(keys)  # before it is sent, its number, its result


def test_the_folder_is_that_of_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("QKAN_CACHE", str(tmp_path))
    assert JobStore().path == tmp_path / "jobs"
    monkeypatch.delenv("QKAN_CACHE")
    assert JobStore().path.name == "jobs"
