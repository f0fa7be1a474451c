"""The record of jobs: durable, shared, and honest about files that are none."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from filelock import FileLock

from circuits import UsageError
from circuits.backends import job_store
from circuits.backends.jobs import JobStore, Patience, Request, TransientError, run_jobs
from circuits.store import write


@pytest.fixture
def store(tmp_path):
    return JobStore(tmp_path / "folder" / "jobs")


def test_what_was_written_is_read_by_another(store):
    asked = store.ask("k", {"rows": 3})
    assert (asked.job_id, asked.finished, asked.failures) == (None, None, ())
    assert store.send("k", lambda: ("job-1", {"copies": 2})) == "job-1"
    assert store.send("k", lambda: pytest.fail("sent twice")) == "job-1"
    other = JobStore(store.path)
    assert other.ask("k", {"rows": 4}).meta == {"rows": 3}
    assert (other.job("k").job_id, other.job("k").details) == ("job-1", {"copies": 2})
    values = np.array([[0.1, -0.0], [np.pi, 1e-300]])
    other.finish("k", values)
    assert store.result("k").tobytes() == values.tobytes()
    assert store.job("k").finished
    assert {file.stat().st_mode & 0o777 for file in store.path.iterdir()} == {0o600}
    store.forget("k")
    assert store.job("k") is None


def test_nothing_is_made_by_asking_for_results(store):
    assert store.result("k") is None
    assert store.jobs() == []
    assert not store.path.parent.exists()


def test_a_failure_gives_the_number_back_only_if_it_is_still_that_one(store):
    store.ask("k", {})
    store.send("k", lambda: ("job-1", {}))
    assert store.fail("k", "job-1", "cancelled") == 1
    assert store.job("k").job_id is None
    assert store.job("k").failures == ("job-1: cancelled",)
    store.send("k", lambda: ("job-2", {}))
    store.fail("k", "job-1", "late")
    assert store.job("k").job_id == "job-2"


def test_an_error_while_sending_leaves_the_record_as_it_was(store):
    store.ask("k", {})

    def lost():
        raise ConnectionError

    with pytest.raises(ConnectionError):
        store.send("k", lost)
    assert store.job("k").job_id is None


class Service:
    """Counts what is sent; every job is done at once."""

    def __init__(self):
        self.sent = []

    def find(self, tag):
        return None

    def submit(self, tag):
        self.sent.append(tag)
        return f"job-{len(self.sent)}", {}

    def status(self, job_id):
        return "DONE"

    def result(self, job_id):
        return [np.ones(2)]


def test_two_at_a_time_send_one_job(store):
    service = Service()
    request = Request("k", {}, service.submit, lambda values, details: values[0])
    threads = [
        threading.Thread(target=run_jobs, args=([request, request], service, store, Patience()))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(service.sent) == 1
    np.testing.assert_array_equal(
        run_jobs([request] * 2, service, store, Patience()), np.ones((2, 2))
    )
    assert len(service.sent) == 1


def test_pauses_double_up_to_the_longest():
    assert list(Patience(calls=4, first=1.0, longest=3.0).pauses()) == [1.0, 2.0, 3.0, 3.0]


def test_an_error_of_ones_own_is_not_repeated(store):
    slept = []
    service = Service()
    service.status = lambda job_id: 1 / 0
    request = Request("k", {}, service.submit, lambda values, details: values[0])
    with pytest.raises(ZeroDivisionError):
        run_jobs([request], service, store, Patience(sleep=slept.append))
    assert slept == []
    assert not issubclass(TransientError, OSError)


@pytest.mark.parametrize("lag", [0, 1])
def test_a_list_that_lags_behind_a_lost_answer_sends_nothing_twice(store, lag):
    service, questions = Service(), []

    def submit(tag):
        service.sent.append(tag)
        raise TransientError("the answer is lost")

    def find(tag):
        questions.append(len(service.sent))
        return ("job-1", {}) if questions.count(1) > lag else None

    service.find = find
    request = Request("k", {}, submit, lambda values, details: values[0])
    run_jobs([request], service, store, Patience(sleep=lambda seconds: None))
    assert service.sent == ["qkan-k-0"]


def test_records_that_cannot_be_used(store, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"record of jobs .* cannot be used.*QKAN_CACHE"):
        JobStore(tmp_path / "file" / "jobs").ask("k", {})
    assert JobStore(tmp_path / "file" / "jobs").jobs() == []
    monkeypatch.setattr(job_store, "_WAIT", 0.01)
    store.path.mkdir(parents=True)
    with FileLock(store.path / "lock"), pytest.raises(UsageError, match="another process sends"):
        store.ask("k", {})
    write(store.path / "k.job", "hybrid-qkan job 2", {}, {})
    with pytest.raises(UsageError, match="newer version"):
        store.ask("k", {})


def test_a_damaged_record_finds_the_job_by_its_tag(store):
    service = Service()
    service.find = lambda tag: ("job-1", {}) if tag in service.sent else None
    request = Request("k", {}, service.submit, lambda values, details: values[0])
    run_jobs([request], service, store, Patience())
    for file in store.path.glob("k.*"):
        file.write_bytes(flipped(file.read_bytes()))
    run_jobs([request], service, store, Patience())
    assert service.sent == ["qkan-k-0"]


def flipped(content):
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize(
    "damage", [flipped, lambda c: b"\x80\x04N.", lambda c: b"", lambda c: c[:-8]]
)
def test_a_damaged_result_is_fetched_again_and_nothing_in_it_runs(store, damage):
    service = Service()
    request = Request("k", {}, service.submit, lambda values, details: values[0])
    run_jobs([request], service, store, Patience())
    path = store.path / "k.result"
    path.write_bytes(damage(path.read_bytes()))
    assert store.result("k") is None
    np.testing.assert_array_equal(run_jobs([request], service, store, Patience()), np.ones((1, 2)))
    assert len(service.sent) == 1


def test_the_folder_is_that_of_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("QKAN_CACHE", str(tmp_path))
    assert JobStore().path == tmp_path / "jobs"
    monkeypatch.delenv("QKAN_CACHE")
    assert JobStore().path.name == "jobs"
