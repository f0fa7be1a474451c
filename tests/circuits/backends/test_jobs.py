"""The record of jobs: durable, shared, and honest about files that are none."""

from __future__ import annotations

import sqlite3
import threading

import numpy as np
import pytest

from circuits import UsageError
from circuits.backends.jobs import JobStore, Patience, Request, TransientError, run_jobs


@pytest.fixture
def store(tmp_path):
    return JobStore(tmp_path / "folder" / "jobs.sqlite")


def test_what_was_written_is_read_by_another(store):
    asked = store.ask("k", {"rows": 3})
    assert (asked.job_id, asked.finished, asked.failures) == (None, None, ())
    with store.sending("k") as sending:
        assert sending.job_id is None
        sending.sent("job-1", {"copies": 2})
    other = JobStore(store.path)
    assert other.ask("k", {"rows": 4}).meta == {"rows": 3}
    assert (other.job("k").job_id, other.job("k").details) == ("job-1", {"copies": 2})
    values = np.array([[0.1, -0.0], [np.pi, 1e-300]])
    other.finish("k", values)
    assert store.result("k").tobytes() == values.tobytes()
    assert store.job("k").finished
    store.forget("k")
    assert store.job("k") is None


def test_nothing_is_made_by_asking_for_results(store):
    assert store.result("k") is None
    assert store.jobs() == []
    assert not store.path.parent.exists()


def test_a_failure_gives_the_number_back_only_if_it_is_still_that_one(store):
    store.ask("k", {})
    with store.sending("k") as sending:
        sending.sent("job-1", {})
    store.fail("k", "job-1", "cancelled")
    assert store.job("k").job_id is None
    assert store.job("k").failures == ("job-1: cancelled",)
    with store.sending("k") as sending:
        sending.sent("job-2", {})
    store.fail("k", "job-1", "late")
    assert store.job("k").job_id == "job-2"


def test_an_error_while_sending_leaves_the_record_as_it_was(store):
    store.ask("k", {})

    def lost():
        with store.sending("k") as sending:
            sending.sent("job-1", {})
            raise ConnectionError

    with pytest.raises(ConnectionError):
        lost()
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


def test_a_file_that_is_no_record(tmp_path):
    path = tmp_path / "jobs.sqlite"
    path.write_bytes(b"no database" * 100)
    with pytest.raises(UsageError, match=r"record of jobs .* cannot be used"):
        JobStore(path).jobs()
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="QKAN_CACHE"):
        JobStore(tmp_path / "file" / "jobs.sqlite").ask("k", {})


@pytest.mark.parametrize("content", [b"\x80\x04N.", b"", b"\x93NUMPY"])
def test_a_damaged_result_is_fetched_again_and_nothing_in_it_runs(store, content):
    service = Service()
    request = Request("k", {}, service.submit, lambda values, details: values[0])
    run_jobs([request], service, store, Patience())
    with sqlite3.connect(store.path) as database:
        database.execute("UPDATE jobs SET result = ?", (content,))
    database.close()
    assert store.result("k") is None
    np.testing.assert_array_equal(run_jobs([request], service, store, Patience()), np.ones((1, 2)))
    assert len(service.sent) == 1


def test_the_folder_is_that_of_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("QKAN_CACHE", str(tmp_path))
    assert JobStore().path == tmp_path / "jobs.sqlite"
    monkeypatch.delenv("QKAN_CACHE")
    assert JobStore().path.name == "jobs.sqlite"
