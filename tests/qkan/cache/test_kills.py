"""Writers are killed, and race each other; whoever reads sees whole results or none."""

from __future__ import annotations

import random
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from qkan.cache import Store, key

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")

KILL_AT = """
import os, signal, sys
import numpy as np
from qkan.cache import Store, key, files

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

store = Store(sys.argv[1])
store.put(key(n=0), {"x": np.zeros(1000)})
setattr(files.os, sys.argv[2], die)
store.put(key(n=int(sys.argv[3])), {"x": np.ones(1000)})
"""


@pytest.mark.parametrize("which", [0, 1], ids=["overwriting", "new"])
@pytest.mark.parametrize("step", ["fdopen", "fsync", "replace"])
def test_killed_at_each_step_of_a_write(start, store: Store, step: str, which: int) -> None:
    process = start(KILL_AT, store.path, step, which)
    assert process.wait(timeout=60) == -signal.SIGKILL
    assert [check.ok for check in store.verify()] == [True]
    np.testing.assert_array_equal(store.get(key(n=0))["x"], np.zeros(1000))
    assert store.get(key(n=1)) is None
    assert len(list((store.path / "unfinished").iterdir())) == 1
    store.put(key(n=which), {"x": np.full(1000, 2.0)})
    assert store.get(key(n=which))["x"][0] == 2


WRITE_FOREVER = """
import itertools, sys
import numpy as np
from qkan.cache import Store, key

store, first = Store(sys.argv[1]), int(sys.argv[2])
for n in itertools.count(first):
    store.put(key(n=n % 7), {"x": np.full(200_000, float(n % 7))}, {"what": "race"})
    print(n, flush=True)
"""


def test_killed_at_random(start, store: Store) -> None:
    rng = random.Random(0)
    for first in range(4):
        process = start(WRITE_FOREVER, store.path, first)
        for n in range(first, first + rng.randrange(2, 9)):
            assert process.stdout.readline() == f"{n}\n"
            other = rng.randrange(7)  # reading while the other writes, for a random time
            found = store.get(key(n=other))
            assert found is None or (found["x"] == other).all()
        process.kill()
        process.wait(timeout=60)
        assert all(check.ok for check in store.verify())
    assert store.entries()
    assert not list(store.path.glob("*.damaged"))


WRITE_SAME = """
import sys
import numpy as np
from qkan.cache import Store, key

store, me = Store(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
for n in range(20):
    store.put(key(same=n % 3), {"x": np.full(20_000, float(n % 3))})
    store.put(key(mine=me, n=n), {"x": np.full(20_000, float(me))})
    found = store.get(key(same=n % 3))
    assert (found["x"] == n % 3).all()
print("done", flush=True)
"""


def test_several_processes_write_the_same_and_different_keys(start, store: Store) -> None:
    writers = [start(WRITE_SAME, store.path, me) for me in range(3)]
    for writer in writers:
        output, _ = writer.communicate(timeout=60)
        assert (writer.returncode, output) == (0, "ready\ndone\n")
    assert len(store.entries()) == 3 + 3 * 20
    assert all(check.ok for check in store.verify())
    assert not list((store.path / "unfinished").iterdir())


CHUNKS = """
import os, signal, sys
import numpy as np
from qkan.cache import Store, cached_chunks

def compute(rows, index):
    if index == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return rows.sum(axis=1)

inputs = np.arange(40.0).reshape(20, 2)
cached_chunks(Store(sys.argv[1]), {"name": "sum"}, inputs, compute, 3)
"""


@pytest.mark.parametrize("at", [0, 3])
def test_a_killed_run_goes_on_at_its_chunk(start, store: Store, at: int) -> None:
    from qkan.cache import cached_chunks

    assert start(CHUNKS, store.path, at).wait(timeout=60) == -signal.SIGKILL
    inputs = np.arange(40.0).reshape(20, 2)
    computed: list[int] = []

    def compute(rows: np.ndarray, index: int) -> np.ndarray:
        computed.append(index)
        return rows.sum(axis=1)

    result = cached_chunks(store, {"name": "sum"}, inputs, compute, 3)
    assert computed == list(range(at, 7))
    np.testing.assert_array_equal(result, inputs.sum(axis=1))


def test_threads_share_a_store(store: Store, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def work(n: int) -> float:
        return store.get_or_compute(key(n=n % 5), lambda: {"x": np.full(9, n % 5.0)})["x"][0]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(100))) == [n % 5 for n in range(100)]
    assert [check.ok for check in store.verify()] == [True] * 5
