"""Devices of IBM by a fake service: the right values, nothing lost, nothing paid for twice, clear errors."""

from __future__ import annotations

import pickle
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import requests
import torch
from qiskit_ibm_runtime.accounts.exceptions import AccountNotFoundError
from qiskit_ibm_runtime.api.exceptions import RequestsApiError
from qiskit_ibm_runtime.exceptions import IBMNotAuthorizedError, IBMRuntimeError

from circuits import UsageError, backend, edge, packed, quanvolutional_filter
from circuits.backends import estimator as base
from circuits.backends import ibm as module
from circuits.backends.jobs import JobError, JobStore, Patience
from circuits.costs import cost
from qkan import QKAN

PZ = edge("pz(depth=1)")
WEIGHTS = {"theta": np.arange(4.0).reshape(2, 2)}
ROWS = np.linspace(-3, 3, 7)[:, None]
EXACT = backend("default.qubit").run(PZ, ROWS, WEIGHTS)
LOST = requests.exceptions.ConnectionError("no route to host")


def check(values, expected=EXACT):
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-12)


def run(device):
    return device.run(PZ, ROWS, WEIGHTS)


def hidden(code):
    """An error of Runtime that hides where it came from."""
    error = IBMRuntimeError(f"Failed to run program: {code}")
    error.__context__ = RequestsApiError(f"{code} from the server", code)
    error.__suppress_context__ = True
    return error


def test_one_job_runs_all_rows(ibm, fake_runtime):
    device = ibm()
    check(run(device))
    (job,) = fake_runtime.sent()
    assert job["shapes"] == [[1, 7]]
    assert job["options"] == {"resilience_level": 0, "default_shots": 100}
    (record,) = device.store.jobs()
    assert (record.job_id, record.meta["device"], record.meta["rows"]) == (
        "job-0",
        "ibm:fake_one",
        7,
    )
    assert device.store.finished(record.key)


def test_a_filter_of_four_wires_and_four_observables(ibm):
    demo = quanvolutional_filter("demo")
    pixels = np.random.default_rng(0).uniform(size=(5, 4))
    check(ibm().run(demo, pixels), backend("default.qubit").run(demo, pixels))


def test_what_was_run_is_not_run_again(ibm, fake_runtime):
    check(run(ibm()))
    check(run(ibm()))
    assert len(fake_runtime.sent()) == 1
    run(ibm(seed=1))
    run(ibm(options={"resilience_level": 1}))
    run(ibm(shots=99))
    ibm().run(PZ, ROWS, {"theta": WEIGHTS["theta"] + 1})
    assert len(fake_runtime.sent()) == 5


def test_rows_are_split_to_the_limit_and_jobs_are_sent_before_any_is_awaited(
    ibm, fake_runtime, monkeypatch
):
    monkeypatch.setattr(module, "_MOST_EXECUTIONS", 300)
    check(run(ibm()))
    assert [job["shapes"] for job in fake_runtime.sent()] == [[[1, 3]], [[1, 3]], [[1, 1]]]
    assert fake_runtime.calls.index("status") > max(
        k for k, call in enumerate(fake_runtime.calls) if call == "submit"
    )


@pytest.mark.parametrize("mode", ["job", "batch", "session"])
def test_execution_modes(mode, ibm, fake_runtime):
    device = ibm(mode=mode)
    run(device)
    device.run(PZ, ROWS + 1, WEIGHTS)
    assert {job["mode"] for job in fake_runtime.sent()} == {mode}
    opened = [call for call in fake_runtime.calls if call.startswith(("open", "close"))]
    assert (
        opened
        == {
            "job": [],
            "batch": ["open batch", "close batch"] * 2,
            "session": ["open session"],
        }[mode]
    )


def test_packed_circuits_are_fewer_and_values_the_same(ibm, fake_runtime):
    check(run(packed(ibm(), qubits=3)))
    (job,) = fake_runtime.sent()
    assert job["shapes"] == [[3, 3]]  # three observables, one a copy, of three circuits
    assert "qkan-copies-3" in job["tags"]


def test_results_are_read_as_they_were_packed_when_they_were_sent(ibm, fake_runtime, slept):
    """The device's good qubits change from day to day; a job that waits does not."""
    fake_runtime.fates = [["QUEUED"]]
    with pytest.raises(JobError, match="not done"):
        run(packed(ibm(), qubits=3))
    waiting = fake_runtime.folder / "job-0.json"
    waiting.write_text(waiting.read_text().replace('"QUEUED"', '"DONE"'))
    for qubit in range(5):
        fake_runtime.device.target["measure"][(qubit,)].error = 0.0 if qubit == 1 else 0.9
    base.placed.cache_clear()
    slept.clear()
    check(run(packed(ibm(), qubits=3)))
    assert len(fake_runtime.sent()) == 1


def test_a_lost_connection_is_asked_again_with_growing_pauses(ibm, fake_runtime, slept):
    device = ibm()
    fake_runtime.faults |= {
        "submit": [LOST, hidden(502)],
        "status": [TimeoutError(), hidden(429), None, LOST],
        "result": [LOST],
    }
    check(run(device))
    assert len(fake_runtime.sent()) == 1
    assert slept[:2] == [1, 2]


@pytest.mark.parametrize("status", ["CANCELLED", "ERROR"])
def test_a_failed_job_is_sent_again_alone(status, ibm, fake_runtime, monkeypatch):
    monkeypatch.setattr(module, "_MOST_EXECUTIONS", 300)
    fake_runtime.fates = [["DONE"], ["QUEUED", status], ["DONE"]]
    device = ibm()
    check(run(device))
    assert [job["shapes"] for job in fake_runtime.sent()] == [
        [[1, 3]],
        [[1, 3]],
        [[1, 1]],
        [[1, 3]],
    ]
    failures = [job.failures for job in device.store.jobs() if job.failures]
    assert failures == [(f"job-1: {status.lower()}, the device was recalibrated",)]


def test_a_job_that_fails_too_often_costs_no_other_result(ibm, fake_runtime, monkeypatch):
    monkeypatch.setattr(module, "_MOST_EXECUTIONS", 300)
    fake_runtime.fates = [["ERROR"], ["DONE"], ["DONE"], ["ERROR"], ["ERROR"]]
    with pytest.raises(JobError, match=r"1 of 3 jobs failed; 2 results are kept.*recalibrated"):
        run(ibm())
    assert len(fake_runtime.sent()) == 5
    check(run(ibm()))
    assert len(fake_runtime.sent()) == 6


def test_a_job_that_takes_too_long_is_fetched_by_the_next_run(ibm, fake_runtime, slept):
    fake_runtime.fates = [["QUEUED"] * 50 + ["RUNNING"] * 100 + ["DONE"]]
    with pytest.raises(
        JobError, match=r"1 of 1 jobs are not done after 3600 s: job-0[.] They go on"
    ):
        run(ibm())
    slept.clear()
    check(run(ibm()))
    assert len(fake_runtime.sent()) == 1


KILLED = """
import importlib.util, os, signal, sys
from dataclasses import replace
import numpy as np
from circuits import backend, edge
from circuits.backends import ibm
from circuits.backends.jobs import JobStore

spec = importlib.util.spec_from_file_location("fake_runtime", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
fake = module.FakeRuntime(sys.argv[2])
fake.on_submit = lambda: len(fake.sent()) == 2 and os.kill(os.getpid(), signal.SIGKILL)
ibm.sdk = lambda: fake
ibm._MOST_EXECUTIONS = 400
device = replace(backend("ibm:fake_one", shots=100), store=JobStore(sys.argv[3]))
device.run(edge("pz(depth=1)"), np.linspace(-3, 3, 7)[:, None], {"theta": np.arange(4.0).reshape(2, 2)})
"""


@pytest.mark.slow
def test_a_killed_run_finds_its_jobs(ibm, fake_runtime, tmp_path, monkeypatch):
    """Killed when the first job is on its way, and the second is sent but its number not yet written."""
    fake = Path(__file__).with_name("fake_runtime.py")
    arguments = map(str, [fake, fake_runtime.folder, tmp_path / "jobs"])
    command = [sys.executable, "-W", "ignore", "-c", KILLED, *arguments]
    killed = subprocess.run(command, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    records = JobStore(tmp_path / "jobs").jobs()
    assert {record.job_id for record in records} == {"job-0", None}
    assert len(fake_runtime.sent()) == 2
    monkeypatch.setattr(module, "_MOST_EXECUTIONS", 400)
    check(run(ibm()))
    assert len(fake_runtime.sent()) == 2


def test_a_record_that_was_deleted_finds_the_job_by_its_tag(ibm, fake_runtime, tmp_path):
    run(packed(ibm(), qubits=2))
    shutil.rmtree(tmp_path / "jobs")
    check(run(packed(ibm(), qubits=2)))
    assert len(fake_runtime.sent()) == 1


def evs(change):
    """A result whose values are other ones."""

    def twist(parts):
        parts[0].data.evs = change(parts[0].data.evs)
        return parts

    return {"twists": {"result": twist}}


def metadata(**other):
    def twist(parts):
        parts[0].metadata = {**parts[0].metadata, **other}
        return parts

    return {"twists": {"result": twist}}


def result(change):
    return {"twists": {"result": change}}


def status(change):
    return {"twists": {"status": change}}


def once(change, times=1):
    """Change what is returned, so many times."""
    left = [times]

    def twist(value):
        left[0] -= 1
        return change(value) if left[0] >= 0 else value

    return twist


def another(job):
    """The job of another request, the first on the service."""
    return type(job)(job.sdk, "job-0")


def nobody(job):
    return SimpleNamespace(job_id=lambda: None)


def untagged(job):
    return SimpleNamespace(job_id=job.job_id, tags=None, status=job.status, result=job.result)


def mutating(parts):
    """Values that change when they are asked for again."""
    first = parts[0].data.evs

    class Data:
        @property
        def evs(self):
            given = first.copy()
            first[...] = 0.5
            return given

    parts[0].data = Data()
    return parts


LOSE = {"faults": {"submitted": [LOST]}}

VICES = {
    # what it does: (how, what comes of it)
    "NaN": (evs(lambda v: np.full_like(v, np.nan)), "NaN or infinite"),
    "one infinity": (evs(lambda v: np.where(v == v.max(), np.inf, v)), "NaN or infinite"),
    "rows are missing": (evs(lambda v: v[:, :-1]), r"of shape \(7, 1\), got \(6, 1\)"),
    "rows too many": (evs(lambda v: np.c_[v, v[:, :1]]), r"got \(8, 1\)"),
    "rows as columns": (evs(lambda v: v.T), r"got \(1, 7\)"),
    "one number": (evs(lambda v: 0.5), r"got \(\)"),
    "beyond the observable": (evs(lambda v: v + 2), "beyond what the observable"),
    "complex": (evs(lambda v: v + 1e-3j), "real values, got ndarray of complex"),
    "strings": (evs(lambda v: v.astype(str)), "expected real values"),
    "objects": (evs(lambda v: v.astype(object)), "expected real values"),
    "bools": (evs(lambda v: v > 0), "expected real values"),
    "masked": (evs(lambda v: np.ma.masked_less(v, 0)), "got MaskedArray"),
    "no values": (evs(lambda v: None), "expected real values"),
    "ragged": (evs(lambda v: [[1.0], [1.0, 2.0]]), "reading it"),
    "no PUB": (result(lambda parts: []), "results of 1 PUB, got 0"),
    "two PUBs": (result(lambda parts: parts * 2), "results of 1 PUB, got 2"),
    "nothing": (result(lambda parts: None), "reading it"),
    "a text": (result(lambda parts: "x"), "reading it"),
    "a number of its own": (result(lambda parts: [1.0]), "reading it"),
    "too few shots": (metadata(shots=1), "expected 100 shots, got 1"),
    "too many shots": (metadata(shots=1000), "expected 100 shots, got 1000"),
    "shots in words": (metadata(shots="many"), "reading it"),
    "the result of another job": (metadata(circuit_metadata={"qkan": "x"}), "of another job"),
    "odd metadata": (metadata(circuit_metadata=3), "reading it"),
    "no metadata": (metadata(circuit_metadata=None, shots=100), None),
    "changes what it gave": (result(mutating), None),
    "gives nonsense once": (evs(once(lambda v: v * np.nan)), None),
    "status in small letters": (status(str.lower), None),
    "status as an object": (status(lambda s: SimpleNamespace(name=s)), None),
    "a status nobody knows": (status(lambda s: "BANANA"), "'BANANA', which is none that is known"),
    "no status": (status(lambda s: None), "did not answer 9 times"),
    "an odd status between": (status(once(lambda s: "PENDING?", 3)), None),
    "DONE before there is a result": ({"fates": [["DONE"]]} | result(once(lambda p: [], 2)), None),
    "DONE without a result": ({"faults": {"result": [hidden(-1)] * 9}}, "Failed to run"),
    "ERROR, then DONE": ({"fates": [["ERROR", "DONE"]]}, None),
    "CANCELLED, then DONE": ({"fates": [["CANCELLED", "RUNNING", "DONE"]]}, None),
    "never done": ({"fates": [["QUEUED"]]}, "not done after 3600 s"),
    "loses the answer": (LOSE, None),
    "loses it, and lists late": (LOSE | {"twists": {"jobs": once(lambda jobs: [], 6)}}, None),
    "loses it, and lists it twice": (LOSE | {"twists": {"jobs": lambda jobs: jobs * 2}}, None),
    "answers in a way nobody reads": ({"faults": {"submitted": [KeyError("id")]}}, None),
    "answers nonsense, lists late": (
        {"faults": {"submitted": [KeyError()]}, "twists": {"jobs": once(lambda jobs: [], 6)}},
        None,
    ),
    "gives no number": ({"twists": {"submitted": nobody}}, None),
    "gives the number of another job": ({"twists": {"submitted": another}}, None),
    "gives another job": ({"twists": {"job": another}}, "another job under the number job-1"),
    "gives another job once": ({"twists": {"job": once(another)}}, "another job"),
    "gives jobs without tags": ({"twists": {"job": untagged}}, "another job under"),
    "lists other jobs": ({"twists": {"jobs": lambda jobs: [*map(another, jobs), *jobs]}}, None),
    "fails in small letters, then is done": (
        {"fates": [["ERROR", "ERROR", "DONE"]]} | status(str.lower),
        None,
    ),
    "lists nothing, ever": ({"twists": {"jobs": lambda jobs: []}}, None),
    "answers when it is too late": ({"faults": {"result": [TimeoutError("read")] * 3}}, None),
    "has no time": ({"faults": {"submit": [hidden(429)] * 5}}, None),
    "is away for a while": (
        {"faults": {call: [LOST] for call in ("jobs", "status", "result")}},
        None,
    ),
    "fails in odd ways": ({"faults": {"status": [ZeroDivisionError("oh")]}}, "job job-1: oh"),
    "fails in odd ways at the end": ({"faults": {"result": [IndexError("oh")]}}, None),
    "loses the connection for ever": ({"faults": {"status": [LOST] * 9}}, "run the same again"),
}


@pytest.mark.parametrize("vice", VICES)
def test_a_service_with_a_vice(ibm, fake_runtime, slept, vice):
    """Nothing wrong is served and nothing paid twice; afterwards all is as if it had been good."""
    how, message = VICES[vice]
    ibm().run(PZ, ROWS + 1, WEIGHTS)
    fake_runtime.faults |= {call: list(faults) for call, faults in how.get("faults", {}).items()}
    fake_runtime.twists |= how.get("twists", {})
    fake_runtime.fates = list(how.get("fates", []))
    device = ibm()
    if message is None:
        check(run(device))
    else:
        with pytest.raises(UsageError, match=message):
            run(device)
        assert sum(device.store.finished(job.key) for job in device.store.jobs()) == 1
    fake_runtime.faults.clear()
    fake_runtime.twists.clear()
    slept.clear()
    path = fake_runtime.folder / "job-1.json"
    path.write_text(path.read_text().replace('"QUEUED"', '"DONE"'))
    check(run(ibm()))
    assert len(fake_runtime.sent()) == 2


def test_the_sign_of_zero_makes_no_other_job(ibm, fake_runtime):
    for zero in (0.0, -0.0):
        ibm().run(PZ, [[zero]], WEIGHTS)
    assert len(fake_runtime.sent()) == 1


@pytest.mark.slow
def test_a_network_trains_and_a_resumed_step_pays_nothing(ibm, fake_runtime):
    x = torch.randn((4, 2), generator=torch.Generator().manual_seed(0))

    def step(device):
        model = QKAN(
            [2, 2, 1], "pz(depth=1)", backend=device, generator=torch.Generator().manual_seed(1)
        )
        value = model(x).square().sum()
        return torch.autograd.grad(value, list(model.parameters()))

    measured = step(packed(ibm()))
    sent = len(fake_runtime.sent())
    assert sent == 4  # values and shifts of two layers
    for found, expected in zip(measured, step(backend("default.qubit")), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    step(packed(ibm()))
    assert len(fake_runtime.sent()) == sent


def test_what_a_run_costs_is_known_before_it_is_sent(ibm, fake_runtime):
    found = cost(quanvolutional_filter("demo"), ibm(), 81)
    assert (found.circuits, found.total_shots, found.pubs) == (81, 8100, 1)
    assert 8100 * 250e-6 < found.seconds < 8100 * 300e-6
    assert fake_runtime.sent() == []


def test_no_account(fake_runtime):
    fake_runtime.faults["connect"] = [AccountNotFoundError("Unable to find account.")]
    with pytest.raises(UsageError, match=r"no IBM Quantum account.*save_account\(token=...\)"):
        backend("ibm:fake_one", shots=10)


@pytest.mark.parametrize("error", [hidden(401), IBMNotAuthorizedError("expired")])
def test_an_account_that_expires_later(error, ibm, fake_runtime):
    device = ibm()
    fake_runtime.faults["submit"] = [error]
    with pytest.raises(UsageError, match=r"refuses the account .* may have expired"):
        run(device)
    check(run(device))


def test_an_unknown_or_retired_device(fake_runtime):
    with pytest.raises(
        UsageError, match=r"unknown device .*'ibm:fake_won'; did you mean 'ibm:fake_one'"
    ):
        backend("ibm:fake_won", shots=10)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shots": None}, "say how many times"),
        ({"shots": 10_001}, "at most 10000 shots, got shots=10001"),
        ({"mode": "batches"}, "unknown execution mode 'batches'; did you mean 'batch'"),
        ({"options": {"resilience_levle": 1}}, "no options of Runtime's Estimator"),
        ({"options": "{"}, "no options of Runtime's Estimator"),
    ],
)
def test_wrong_options(options, message, ibm):
    with pytest.raises(UsageError, match=message):
        ibm(**options)


def test_noise_and_no_device_name(fake_runtime):
    with pytest.raises(UsageError, match="has the noise of its device"):
        backend("ibm:fake_one", shots=10, noise="bit-flip:0.1")
    with pytest.raises(UsageError, match="name the device"):
        backend("ibm:", shots=10)


def test_more_wires_than_qubits(ibm):
    wide = quanvolutional_filter("random(wires=9)")
    with pytest.raises(UsageError, match="9 wires does not fit 'ibm:fake_one', which has 5 qubits"):
        ibm().run(wide, np.zeros((1, 9)))


def test_a_job_that_the_service_refuses_names_the_reason(ibm, fake_runtime):
    device = ibm()
    fake_runtime.faults["submit"] = [hidden(400)]
    with pytest.raises(UsageError, match="sending a job: Failed to run program: 400"):
        run(device)
    assert [job.job_id for job in device.store.jobs()] == [None]


def test_backends_are_values_without_credentials(ibm):
    device = ibm(options={"resilience_level": 1})
    assert device == ibm(options='{"resilience_level": 1}')
    assert pickle.loads(pickle.dumps(replace(device, patience=Patience()))) == device
    assert hash(device) == hash(replace(device, patience=Patience(), store=JobStore()))
    assert device.remembers
    assert device.deterministic
