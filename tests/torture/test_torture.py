"""Kills, changed bytes, odd files, odd command lines and a misbehaving service, each with counts.

A few in the suite; thousands by ``pytest -m nightly tests/torture``.
"""

from __future__ import annotations

import random
import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from circuits.backends.jobs import (
    AwayError,
    BusyError,
    JobError,
    JobStore,
    Patience,
    Request,
    StrangerError,
    TransientError,
    run_jobs,
)
from circuits.errors import UsageError
from qkan.models import KAN, load
from qkan.store import Store, key
from qkan.training import CheckpointWarning, fit

nightly = pytest.mark.nightly


@pytest.mark.slow
@pytest.mark.parametrize(
    ("harness", "count"),
    [
        ("kills.py store", 8),
        ("kills.py jobs", 4),
        ("malicious.py", 40),
        *[
            pytest.param("kills.py store", 150, marks=nightly),
            pytest.param("kills.py jobs", 100, marks=nightly),
        ],
        *[
            pytest.param("kills.py fit", 40, marks=nightly),
            pytest.param("kills.py study", 80, marks=nightly),
        ],
        *[
            pytest.param("malicious.py", 500, marks=nightly),
            pytest.param("commands.py", 400, marks=nightly),
        ],
    ],
)
def test_in_a_process_of_its_own(harness, count, tmp_path, record_property):
    script, *name = harness.split()
    command = [sys.executable, "-W", "ignore", Path(__file__).with_name(script), *name]
    done = subprocess.run(
        [*map(str, command), str(count), str(tmp_path)], capture_output=True, text=True, check=False
    )
    record_property("counted", done.stdout.partition("}")[0].rpartition("{")[2])
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def tampered(content, draw):
    """Change some bytes of a file."""
    at, to = sorted(draw.randrange(len(content) + 1) for _ in range(2))
    flipped = bytes([content[at] ^ (1 << draw.randrange(8))]) if at < len(content) else b"!"
    return draw.choice(
        [
            content[:at] + flipped + content[at + 1 :],  # a bit
            content[:at] + bytes([draw.randrange(256)]) + content[at + 1 :],  # a byte
            content[:at] + content[at + 1 :],
            content[:at] + b"\0" + content[at:],
            content[:at],
            content[at:],
            content[:at] + bytes(to - at) + content[to:],  # a block of zeros
            content[:at] + content[to:] + content[at:to],
            content + content[at:to],
            content[::-1],
            draw.randbytes(len(content)),
        ]
    )


@pytest.mark.parametrize("count", [60, pytest.param(1500, marks=nightly)])
def test_changed_bytes(count, tmp_path, record_property):
    """What is read is what was written, or it is told: cache, jobs, models and trainings."""
    draw, counted = random.Random(0), Counter()
    cache, record = Store(tmp_path / "cache"), JobStore(tmp_path / "jobs")
    values = np.random.default_rng(0).normal(size=(3, 2))
    name = key(n=1)
    cache.put(name, {"x": values}, {"what": "test"})
    service = Vicious(draw, vices=())
    request = Request(name, {"rows": 3}, service.submit, lambda result, job: result)
    run_jobs([request], service, record, Patience())
    model = KAN([2, 2, 1], generator=torch.Generator().manual_seed(0))
    model.save(tmp_path / "model")
    weights = {k: v.clone() for k, v in model.state_dict().items()}
    data = (torch.ones(4, 2), torch.ones(4, 1))
    fit(model, data, config={"epochs": 1}, loss="mse", checkpoint=tmp_path / "fit")
    trained = {k: v.clone() for k, v in model.state_dict().items()}

    def read_cache():
        found = cache.get(name)
        return None if found is None else np.array_equal(found["x"], values)

    def read_result():
        found = record.result(name)
        return None if found is None else np.array_equal(found, service.value(request.key))

    def read_job():
        job = record.job(name)
        return None if job is None else (job.job_id, job.meta) == ("job-0", {"rows": 3})

    def read_model():
        found = load(tmp_path / "model").state_dict()
        return all(torch.equal(found[k], v) for k, v in weights.items())

    def read_training():
        fresh = KAN([2, 2, 1], generator=torch.Generator().manual_seed(0))
        fit(fresh, data, config={"epochs": 1}, loss="mse", checkpoint=tmp_path / "fit")
        return all(torch.equal(v, trained[k]) for k, v in fresh.state_dict().items())

    readers = {
        tmp_path / "cache" / f"{name}.safetensors": read_cache,
        tmp_path / "jobs" / f"{name}.result": read_result,
        tmp_path / "jobs" / f"{name}.job": read_job,
        tmp_path / "model": read_model,
        tmp_path / "fit": read_training,
    }
    whole = {path: path.read_bytes() for path in readers}
    for _ in range(count):
        path = draw.choices(list(readers), weights=[10, 10, 10, 3, 1])[0]
        path.write_bytes(tampered(whole[path], draw))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = readers[path]()
            except UsageError:
                found = None
        assert found in {True, None}, path
        same = path.exists() and path.read_bytes() == whole[path]
        counted["told" if found is None else "unchanged" if same else "the same"] += 1
        path.write_bytes(whole[path])
    assert issubclass(CheckpointWarning, UserWarning)
    record_property("counted", dict(counted))


class Vicious:
    """A service that does one thing in five wrong, and counts what it is paid for."""

    VICES = (
        "lose", "refuse", "busy", "late", "forget", "stranger", "error", "odd status", "NaN", "short", "fail", "burst",
    )  # fmt: skip

    def __init__(self, draw, vices=VICES):
        self.draw, self.vices, self.jobs = draw, vices, []

    def vice(self, *names):
        return next((n for n in names if n in self.vices and self.draw.random() < 0.2), None)

    def value(self, key):
        return np.array([float(int(key[:12], 16))])

    def answer(self):
        vice = self.vice("late", "burst")
        if vice == "late":
            raise TransientError("no answer")
        if vice:
            raise JobError("an error of another kind")

    def submit(self, tag):
        vice = self.vice("lose", "refuse", "busy", "forget")
        if vice == "busy":
            raise BusyError("come again")
        if vice == "refuse":
            raise JobError("an answer that nobody reads, and no job")
        self.jobs.append({"tag": tag, "fate": self.vice("fail") or "DONE", "hidden": 0})
        if vice:
            self.jobs[-1]["hidden"] = self.draw.randrange(7)  # questions for which the list lags
            raise TransientError("lost") if vice == "lose" else JobError("KeyError")
        number = len(self.jobs) - 1
        return f"job-{(self.vice('stranger') and 0) or number}", {}

    def find(self, tag):
        for number, job in enumerate(self.jobs):
            job["hidden"] -= 1
            if job["tag"] == tag and job["hidden"] < 0 and job["fate"] != "fail":
                return f"job-{number}", {}
        return None

    def job(self, job_id, tag):
        self.answer()
        job = self.jobs[int(job_id.split("-")[1])]
        if job["tag"] != tag:
            raise StrangerError("another job")
        return job

    def status(self, job_id, tag):
        job = self.job(job_id, tag)
        if job["fate"] == "fail":
            return "ERROR"
        return {"error": "ERROR", "odd status": "?"}.get(self.vice("error", "odd status"), "DONE")

    def reason(self, job_id, tag):
        return "calibration"

    def result(self, job_id, tag):
        self.job(job_id, tag)
        value = self.value(tag.split("-")[1])
        return {"NaN": value * np.nan, "short": value[:0]}.get(self.vice("NaN", "short"), value)


@pytest.mark.parametrize("count", [40, pytest.param(400, marks=nightly)])
def test_a_service_of_many_vices(count, tmp_path, record_property):
    """Whatever it does, values are right, nothing runs twice, and asking again ends it."""
    draw, counted = random.Random(0), Counter()
    patience = Patience(sleep=lambda seconds: None)

    def read(values, job):
        if values.shape != (1,) or not np.isfinite(values).all():
            raise JobError("no such values")
        return values

    for n in range(count):
        service, record = Vicious(draw), JobStore(tmp_path / str(n))
        keys = [f"{draw.randrange(16**12):012x}" + "0" * 52 for _ in range(3)]
        requests = [Request(k, {}, service.submit, read) for k in keys]
        for attempt in range(20):
            service.vices = () if attempt > 15 else service.vices
            try:
                values = run_jobs(requests, service, record, patience)
            except (AwayError, JobError) as error:
                counted[type(error).__name__] += 1
                if draw.random() < 0.2 and all(job["hidden"] < 0 for job in service.jobs):
                    # The record is lost, too; with a list that lags none could know.
                    record.forget(draw.choice(keys))
                continue
            break
        else:
            pytest.fail("never ends")
        assert [v[0] for v in values] == [service.value(k)[0] for k in keys]
        paid = Counter(job["tag"] for job in service.jobs if job["fate"] == "DONE")
        counted["right"] += 3
        counted["paid twice"] += sum(paid.values()) - 3
    record_property("counted", dict(counted))
    assert counted["paid twice"] == 0
