"""Every executor gives the numbers of the serial one; deaths, errors and interrupts cost no result."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import cloudpickle
import numpy as np
import pytest

from circuits.errors import UsageError
from qkan.studies.executors import ProcessExecutor, executor
from qkan.studies.tasks import TaskError

# The tasks travel whole, so that workers need not find this file.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


DASK = pytest.param("dask", marks=pytest.mark.slow)


@pytest.fixture(scope="module")
def processes():
    with executor("processes", workers=2) as pool:
        yield pool


@pytest.fixture(scope="module")
def dask():
    with executor("dask", workers=2) as cluster:
        yield cluster


@pytest.fixture(params=["serial", "processes", DASK])
def anywhere(request):
    return executor() if request.param == "serial" else request.getfixturevalue(request.param)


@pytest.fixture(params=["processes", DASK])
def elsewhere(request):
    return request.getfixturevalue(request.param)


def draw(task):
    generator, size = task
    matrix = generator.normal(size=(size, size))  # changes the generator, too
    return float((matrix @ matrix).sum()), os.environ["OMP_NUM_THREADS"]


@pytest.mark.slow
def test_results_are_those_of_the_serial_executor_bit_by_bit(anywhere):
    tasks = [(np.random.default_rng(seed), 150) for seed in range(4)]
    expected = executor().map(draw, tasks)
    assert len({value for value, _ in expected}) == 4
    assert {threads for _, threads in expected} == {"1"}
    assert anywhere.map(draw, tasks) == expected


def test_serial_tasks_have_one_thread_and_it_is_given_back():
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert executor().map(lambda _: torch.get_num_threads(), [0]) == [1]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def wait_for_the_other(task):
    me, other = task
    me.touch()
    while not other.exists():
        pass
    return me.name


def test_tasks_run_at_the_same_time_and_results_keep_their_order(elsewhere, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    assert elsewhere.workers == 2
    assert elsewhere.map(wait_for_the_other, [(one, two), (two, one)]) == ["one", "two"]


def fail(task):
    if task == 1:
        raise ZeroDivisionError("of course")
    if task == 2:
        sys.exit(3)
    if task == 3:
        raise UsageError("take another number")
    return task


def test_a_task_that_raises_is_named_and_the_others_finish(anywhere):
    kept, outcomes = {}, anywhere.unordered(fail, range(5), names=["a", "b", "c", "d", "e"])
    with pytest.raises(TaskError) as caught:
        kept.update(outcomes)
    assert kept == {0: 0, 4: 4}
    assert str(caught.value).splitlines() == [
        "3 of 5 tasks failed, the other 2 are finished.",
        "  b: ZeroDivisionError: of course",
        "  c: SystemExit: 3",
        "  d: take another number",
    ]
    (note,) = caught.value.__notes__
    assert "in fail" in note


def die_once(task):
    log, marker, name, how = task
    with log.open("a") as lines:
        lines.write(f"{name}\n")
    if marker is not None and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), how) if how else os._exit(0)
    return name


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV, 0], ids=["kill", "crash", "exit"])
def test_a_worker_that_dies_costs_nobody_a_result(processes, tmp_path, how):
    log, marker = tmp_path / "log", tmp_path / "marker"
    tasks = [(log, marker if n == 2 else None, n, how) for n in range(6)]
    assert processes.map(die_once, tasks) == list(range(6))
    # Beside the one that died, at most the one that ran at the same time is run again.
    assert 7 <= len(log.read_text().split()) <= 8


def kill_worker(task):
    if task == "killer":
        os.kill(os.getpid(), signal.SIGKILL)
    return task


@pytest.mark.slow
def test_a_task_that_kills_its_worker_twice_is_given_up_and_named(elsewhere):
    kept, tasks = [], ["one", "killer", "three", "four"]
    with pytest.raises(TaskError) as caught:
        kept.extend(name for _, name in elsewhere.unordered(kill_worker, tasks, names=tasks))
    assert sorted(kept) == ["four", "one", "three"]
    assert list(caught.value.failures) == ["killer"]
    assert "killer: its worker died, and died again" in str(caught.value)
    assert elsewhere.map(abs, [-1]) == [1]


@pytest.mark.slow
def test_dask_gives_the_task_of_a_dead_worker_to_another(dask, tmp_path):
    tasks = [(tmp_path / "log", tmp_path / "marker" if n == 2 else None, n, 9) for n in range(6)]
    assert dask.map(die_once, tasks) == list(range(6))
    assert sorted((tmp_path / "log").read_text().split()).count("2") == 2


@pytest.mark.slow
def test_a_cluster_of_this_machine_is_heard_of_on_this_machine_only(dask):
    import psutil  # Dask brings it

    assert dask.map(abs, [-1]) == [1]
    me = psutil.Process()
    sockets = [c for p in [me, *me.children(recursive=True)] for c in p.net_connections("inet")]
    assert {c.laddr.ip for c in sockets if c.status == psutil.CONN_LISTEN} == {"127.0.0.1"}


@pytest.mark.slow
def test_a_worker_that_died_while_idle_is_nobodys_fault(processes):
    (pid,) = {*processes.map(lambda _: os.getpid(), [0])}
    os.kill(pid, signal.SIGKILL)
    assert processes.map(abs, [-1]) == [1]


@pytest.mark.slow
def test_what_cannot_be_sent_is_the_failure_of_its_task(anywhere):
    with pytest.raises(TaskError, match="task 1: it cannot be sent to another process"):
        anywhere.map(type, [1, sys.stdout])


class Nowhere:
    """Pickled by a name that a worker does not have, as a circuit of a notebook is."""

    def __reduce__(self):
        return find_circuit, ()


def find_circuit():
    raise AttributeError("module '__main__' has no attribute 'my_edge'")


def test_what_a_worker_cannot_find_is_said_with_what_to_do(anywhere):
    with pytest.raises(TaskError, match=r"no attribute 'my_edge'.*in a module that workers can"):
        anywhere.map(type, [Nowhere()])


def test_a_result_that_cannot_be_sent_back_is_a_failure(processes):
    with pytest.raises(TaskError, match="its result, a generator, cannot be sent back"):
        processes.map(lambda n: (i for i in range(n)), [3])


def interrupt(task):
    if task == "first":
        return task
    if task == "interrupt":
        os.kill(os.getppid(), signal.SIGINT)
    time.sleep(1000)
    return None


@pytest.fixture
def interruptible():
    """Ctrl-C as Python has it: the workers of a test run on several cores ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_stops_at_once_and_keeps_what_is_finished():
    kept = []
    with ProcessExecutor(1) as pool, pytest.raises(KeyboardInterrupt):
        kept.extend(pool.unordered(interrupt, ["first", "interrupt", "last"]))
    assert kept == [(0, "first")]


SCRIPT = """
import os, sys, time
from qkan.studies.executors import executor

def work(n):
    print(os.getpid(), flush=True)
    time.sleep(1000)

if {guard}:
    executor("processes", 2).map(work, [0, 1])
"""


def start(tmp_path: Path, guard: str) -> subprocess.Popen[str]:
    file = tmp_path / "script.py"
    file.write_text(SCRIPT.format(guard=guard))
    path = os.pathsep.join(filter(None, sys.path))
    return subprocess.Popen(
        [sys.executable, file],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )


@pytest.mark.slow
def test_workers_end_with_a_process_that_is_killed(tmp_path):
    process = start(tmp_path, "__name__ == '__main__'")
    assert process.stdout.readline()
    assert process.stdout.readline()
    process.kill()
    process.communicate(timeout=60)  # returns when nobody is left who could write


@pytest.mark.slow
def test_a_script_without_a_guard_is_told_what_to_do(tmp_path):
    _, message = start(tmp_path, "True").communicate(timeout=60)
    assert "could not start" in message
    assert "if __name__ == '__main__'" in message


@pytest.mark.slow
def test_a_scheduler_that_is_not_there():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(UsageError, match=f"no Dask scheduler answers at tcp://127.0.0.1:{port}"):
        executor(f"tcp://127.0.0.1:{port}")


@pytest.mark.slow
def test_a_scheduler_by_its_address_and_by_its_file(dask, tmp_path):
    import json

    address = dask._client.scheduler_info()["address"]
    file = tmp_path / "scheduler.json"
    file.write_text(json.dumps({"address": address}))
    for name in (address, str(file)):
        with executor(name) as cluster:
            assert cluster.map(abs, [-1, -2]) == [1, 2]


@pytest.mark.parametrize(
    ("name", "workers", "message"),
    [
        ("proceses", None, "did you mean 'processes'"),
        ("serial", 2, "'serial' has one worker"),
        (None, 0, "1 worker or more"),
        ("http://localhost:1", None, "expected tcp://HOST:PORT"),
        ("tcp://localhost", None, "expected tcp://HOST:PORT"),
        ("tcp://localhost:1", 2, "workers of its own"),
        ("nowhere.json", None, "No such file"),
    ],
)
def test_names_that_mean_nothing(name, workers, message):
    with pytest.raises(UsageError, match=message):
        executor(name, workers)


def test_nothing_to_do(anywhere):
    assert anywhere.map(abs, []) == []
    with pytest.raises(UsageError, match="a name for each of 2 tasks, got 1"):
        anywhere.map(abs, [1, 2], names=["one"])
