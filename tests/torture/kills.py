"""Writers that are killed at any moment: ``python kills.py NAME COUNT FOLDER``."""

from __future__ import annotations

import itertools
import os
import random
import signal
import sys
import time
import uuid
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

from circuits.backends.jobs import JobStore, Patience, Request, run_jobs
from qkan.store import Store, key


def killed(work, after, counted):
    """Run something in a process of its own; kill it after so many seconds; say whether that was too early."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in {0, -signal.SIGKILL}, status
    counted["killed" if status else "finished"] += 1
    return bool(status)


def store(count, folder, draw, counted):
    """Entries of a cache are there whole or not at all."""
    cache = Store(folder / "cache")

    def work():
        for n in itertools.count(draw.randrange(7)):
            cache.put(key(n=n % 7), {"x": np.full(50_000, float(n % 7))}, {"what": "race"})

    while counted["killed"] < count or not counted["read"]:
        killed(work, draw.uniform(0.0, 0.05), counted)
        for n in range(7):
            found = cache.get(key(n=n))
            assert found is None or (found["x"] == n).all()
            counted["read"] += found is not None
    assert not any(entry.damage for entry in cache.verify())


class Service:
    """A service whose jobs are files; what a job brings is the number in its tag."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()

    def sent(self, tag):
        return sorted(path.name for path in self.folder.glob(f"{tag}.*"))

    def find(self, tag):
        return next(((name, {}) for name in self.sent(tag)), None)

    def submit(self, tag):
        name = f"{tag}.{uuid.uuid4().hex}"
        (self.folder / name).touch()
        return name, {}

    def status(self, job_id, tag):
        return "DONE"

    def result(self, job_id, tag):
        return np.array([float(int(job_id.split("-")[1], 16))])


def jobs(count, folder, draw, counted):
    """A job is paid for once, whenever its sender dies, and its values are its own."""
    service, record = Service(folder / "service"), JobStore(folder / "jobs")
    patience = Patience(sleep=lambda seconds: None)
    done = 0
    while counted["killed"] < count:
        keys = [f"{done + k:064x}"[::-1] for k in range(20)]
        requests = [Request(k, {}, service.submit, lambda values, job: values) for k in keys]

        def work(requests=requests):
            run_jobs(requests, service, record, patience)

        while killed(work, draw.uniform(0.0, 0.3), counted):
            pass
        values = run_jobs(requests, service, record, patience)
        assert [v[0] for v in values] == [float(int(k[:24], 16)) for k in keys]
        assert all(len(service.sent(f"qkan-{k[:24]}-0")) == 1 for k in keys)
        done += 20
        counted["jobs"] += 20


def fit(count, folder, draw, counted):
    """A training that is killed again and again ends bit for bit where one ends that was not."""
    import torch

    from qkan.models import KAN
    from qkan.store import read_tensors
    from qkan.training import fit as train

    torch.optim.Adam(torch.nn.Linear(1, 1).parameters())  # what it imports is there in every child
    x = torch.rand(64, 2, generator=torch.Generator().manual_seed(0))
    y = x.prod(dim=1, keepdim=True)

    def work(checkpoint, result):
        model = KAN([2, 3, 1], generator=torch.Generator().manual_seed(0))
        config = {"epochs": 12, "batch_size": 16, "seed": 3, "gamma": 0.9}
        train(model, (x, y), config=config, loss="mse", checkpoint=checkpoint)
        model.save(result)

    assert not killed(lambda: work(folder / "whole", folder / "expected"), None, Counter())
    expected = read_tensors(folder / "expected", "hybrid-qkan model 2").arrays
    while counted["killed"] < count:
        name = f"run{counted['finished']}"
        while killed(
            lambda name=name: work(folder / name, folder / f"{name}-model"),
            draw.uniform(0.0, 0.4),
            counted,
        ):
            pass
        found = read_tensors(folder / f"{name}-model", "hybrid-qkan model 2").arrays
        assert all(torch.equal(found[k], expected[k]) for k in expected)


def noted(n, log):
    with Path(log).open("a") as file:
        file.write(f"{n}\n")
    return {"y": np.full(2000, float(n) ** 2)}


def study(count, folder, draw, counted):
    """Tasks of a study are done once; at most the one is done again in which it was killed."""
    from qkan.studies.run import RunFolder, run_tasks

    while counted["killed"] < count:
        log, path = folder / f"log{counted['finished']}", folder / f"run{counted['finished']}"
        tasks = {f"task {n}": {"n": n, "log": str(log)} for n in range(30)}
        before = counted["killed"]
        while killed(
            lambda t=tasks, p=path: run_tasks(noted, t, RunFolder(p)),
            draw.uniform(0.0, 0.2),
            counted,
        ):
            pass
        found = run_tasks(noted, tasks, RunFolder(path))
        assert all((found[f"task {n}"]["y"] == n**2).all() for n in range(30))
        again = len(log.read_text().splitlines()) - 30
        assert 0 <= again <= counted["killed"] - before, again
        counted["tasks done again"] += again


if __name__ == "__main__":
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", ".*fork.*", DeprecationWarning)
    name, count, folder = sys.argv[1:]
    counted: Counter[str] = Counter()
    {"store": store, "jobs": jobs, "fit": fit, "study": study}[name](
        int(count), Path(folder), random.Random(0), counted
    )
    print(dict(counted))
