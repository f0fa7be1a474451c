import errno
import os
import pickle
import random
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import platformdirs
import pytest
import safetensors.numpy
import torch

from circuits import store as files
from circuits.errors import UsageError
from qkan.store import CacheError, CacheWarning, Store, key, read_tensors, write_tensors

K = key(n=0)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache")


def fill(store, count=1):
    keys = [key(n=n) for n in range(count)]
    for n, name in enumerate(keys):
        store.put(name, {"x": np.full(n + 1, float(n))}, {"what": f"result {n}"})
    return keys


def file_of(store, name):
    return store.path / f"{name}.safetensors"


def age(path, by):
    then = (datetime.now(UTC) - by).timestamp()
    os.utime(path, (then, then))


def test_get_put_and_compute_once(store):
    assert store.get(K) is None
    store.put(K, {"x": np.arange(3)}, {"what": "first"})
    np.testing.assert_array_equal(store.get(K)["x"], np.arange(3))
    store.put(K, {"x": np.arange(4)})
    assert store.get_or_compute(K, lambda: pytest.fail("was stored"))["x"].tolist() == [0, 1, 2, 3]
    assert store.get_or_compute(key(n=1), lambda: {"y": np.ones(1)})["y"] == 1
    assert store.get(key(n=1))["y"] == 1
    assert pickle.loads(pickle.dumps(store)).get(K) is not None


@pytest.mark.parametrize(
    "bad", ["", "ab", "../" * 10 + "etc/passwd", "/" + "a" * 63, K.upper(), K + "\n", K + "0", 7]
)
def test_only_hashes_are_keys(store, bad):
    calls = [lambda: store.get(bad), lambda: store.put(bad, {})]
    calls.append(lambda: store.get_or_compute(bad, dict))
    for call in calls:
        with pytest.raises(UsageError, match="is not a cache key"):
            call()
    assert not store.path.exists()


def test_where_the_folder_is(monkeypatch, tmp_path):
    monkeypatch.setenv("QKAN_CACHE", str(tmp_path))
    assert Store().path == tmp_path
    assert Store("~/there").path == Path.home() / "there"
    monkeypatch.setenv("QKAN_CACHE", "")
    assert Store().path == platformdirs.user_cache_path("hybrid-qkan", appauthor=False)


def flip(content):
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize(
    "damage",
    [flip, lambda c: c[:-1], lambda c: c[:100], lambda c: b"", lambda c: b"garbage" * 100],
    ids=["flipped", "cut", "header only", "empty", "garbage"],
)
def test_a_damaged_entry_is_told_moved_aside_and_computed_again(store, damage):
    fill(store)
    file = file_of(store, K)
    damaged = damage(file.read_bytes())
    file.write_bytes(damaged)
    (found,) = store.verify()
    assert found.damage
    with pytest.warns(CacheWarning, match=rf"{K}.* is damaged: .*moved to {K}\.damaged"):
        result = store.get_or_compute(K, lambda: {"x": np.array([7.0])})
    assert result["x"] == store.get(K)["x"] == 7
    assert file.with_suffix(".damaged").read_bytes() == damaged
    assert [entry.damage for entry in store.verify()] == [""]


def test_the_entry_of_another_key_is_not_taken(store):
    _, other = fill(store, 2)
    os.replace(file_of(store, other), file_of(store, K))
    with pytest.warns(CacheWarning, match=f"it holds the result '{other}'"):
        assert store.get(K) is None


def test_a_folder_in_place_of_an_entry(store):
    (file_of(store, K) / "below").mkdir(parents=True)
    (entry,) = store.verify()
    assert "is not a file" in entry.damage
    with pytest.warns(CacheWarning, match="is not a file"):
        store.get_or_compute(K, lambda: {"x": np.ones(1)})
    assert store.get(K)["x"] == 1
    assert (store.path / f"{K}.damaged" / "below").is_dir()
    store.clear()  # never removes folders
    store.path.joinpath(f"{K}.safetensors").mkdir()
    with pytest.warns(CacheWarning, match="could not be moved aside"):
        assert store.get(K) is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_in_place_of_an_entry_does_not_block(store):
    store.path.mkdir()
    os.mkfifo(file_of(store, K))
    assert [bool(entry.damage) for entry in store.verify()] == [True]
    with pytest.warns(CacheWarning, match="is not a file"):
        assert store.get(K) is None


def test_links_are_followed_and_replaced_but_never_written_through(store, tmp_path):
    fill(store)
    elsewhere = tmp_path / "elsewhere"
    os.replace(file_of(store, K), elsewhere)
    whole = elsewhere.read_bytes()
    file_of(store, K).symlink_to(elsewhere)
    assert store.get(K)["x"] == 0
    store.put(K, {"x": np.ones(1)})
    assert elsewhere.read_bytes() == whole
    assert not file_of(store, K).is_symlink()

    file_of(store, K).unlink()
    file_of(store, K).symlink_to(tmp_path / "nowhere")
    assert store.get(K) is None
    assert store.verify() == store.entries() == []

    file_of(store, K).unlink()
    file_of(store, K).symlink_to(file_of(store, K))
    with pytest.warns(CacheWarning, match="cannot be read"):
        store.get_or_compute(K, lambda: {"x": np.ones(1)})
    assert store.get(K)["x"] == 1


@pytest.mark.parametrize("step", ["mkstemp", "fsync", "replace"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES])
def test_a_full_or_unwritable_folder_loses_nothing(store, monkeypatch, step, code):
    fill(store)

    def fail(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(files.tempfile if step == "mkstemp" else files.os, step, fail)
    name = key(n=1)
    with pytest.raises(CacheError, match=rf"{os.strerror(code)}.*--cache-dir.*QKAN_CACHE"):
        store.put(name, {"x": np.ones(1)})
    with pytest.warns(CacheWarning, match=f"could not be stored.*{os.strerror(code)}"):
        assert store.get_or_compute(name, lambda: {"x": np.ones(1)})["x"] == 1
    monkeypatch.undo()
    assert store.get(name) is None
    assert store.get(K)["x"] == 0
    assert [path for path in store.path.rglob("*") if path.is_file()] == [file_of(store, K)]


def test_a_file_in_place_of_the_folder(tmp_path):
    (tmp_path / "file").write_text("mine")
    for store in (Store(tmp_path / "file"), Store(tmp_path / "file" / "below")):
        with pytest.raises(CacheError, match="cannot be written"):
            store.put(K, {})
    with pytest.raises(CacheError, match="cannot be read"):
        Store(tmp_path / "file").entries()
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write it")
def test_a_folder_without_permission(store):
    fill(store)
    store.path.chmod(0o500)
    try:
        assert store.get(K)["x"] == 0
        with pytest.raises(CacheError, match="Permission denied"):
            store.put(K, {})
    finally:
        store.path.chmod(0o700)


def test_entries_and_show(store):
    assert store.entries() == store.clear() == []
    assert not store.path.exists()
    keys = fill(store, 3)
    age(file_of(store, keys[1]), timedelta(days=3))
    entries = store.entries()
    assert {entry.key for entry in entries} == set(keys)
    assert entries[-1].key == keys[1]
    entry = store.show(keys[1][:10])
    assert entry.what == "result 1"
    assert entry.arrays == {"x": "F64(2,)"}
    assert entry.size == entry.path.stat().st_size
    assert timedelta(days=2) < datetime.now(UTC) - entry.created < timedelta(days=4)
    with pytest.raises(UsageError, match=r"0 results in the cache .* begins 'zz'"):
        store.show("zz")
    with pytest.raises(UsageError, match=r"3 results.*give more digits"):
        store.show("")


def test_clear_removes_only_what_is_the_caches(store):
    keys = fill(store, 3)
    stranger = store.path / "thesis.safetensors"
    stranger.write_text("keep me")
    (store.path / f"{key(n=9)}.damaged").write_text("junk")
    age(file_of(store, keys[0]), timedelta(days=10))
    assert store.clear(older_than=timedelta(days=20)) == []
    assert not (store.path / f"{key(n=9)}.damaged").exists()
    assert [entry.key for entry in store.clear(older_than=timedelta(days=5))] == [keys[0]]
    assert {entry.key for entry in store.clear()} == set(keys[1:])
    assert store.entries() == []
    assert stranger.exists()


def test_old_temporaries_are_swept_and_fresh_ones_stay(store):
    fill(store)
    old, fresh = (store.path / "unfinished" / f"{K}-{n}.tmp" for n in ("old", "fresh"))
    for path in (old, fresh):
        path.write_text("half")
    age(old, timedelta(hours=2))
    store.put(K, {"x": np.ones(1)})
    assert [old.exists(), fresh.exists()] == [False, True]
    assert len(store.entries()) == 1


@pytest.fixture
def start():
    """Start Python scripts as processes of their own; none outlives its test."""
    running: list[subprocess.Popen[str]] = []

    def run(script, *arguments):
        command = [sys.executable, "-c", script, *map(str, arguments)]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return running[-1]

    yield run
    for process in running:
        process.kill()
        process.communicate()


KILL_AT = """
import os, signal, sys
import numpy as np
from circuits import store as files
from qkan.store import Store, key

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

store = Store(sys.argv[1])
store.put(key(n=0), {"x": np.zeros(1000)})
setattr(files.os, sys.argv[2], die)
store.put(key(n=int(sys.argv[3])), {"x": np.ones(1000)})
"""


@pytest.mark.slow
@pytest.mark.parametrize("which", [0, 1], ids=["overwriting", "new"])
@pytest.mark.parametrize("step", ["fdopen", "fsync", "replace"])
def test_killed_at_each_step_of_a_write(start, store, step, which):
    process = start(KILL_AT, store.path, step, which)
    assert process.wait(timeout=60) == -signal.SIGKILL
    assert [entry.damage for entry in store.verify()] == [""]
    np.testing.assert_array_equal(store.get(key(n=0))["x"], np.zeros(1000))
    assert store.get(key(n=1)) is None
    assert len(list((store.path / "unfinished").iterdir())) == 1
    store.put(key(n=which), {"x": np.full(1000, 2.0)})
    assert store.get(key(n=which))["x"][0] == 2


WRITE_FOREVER = """
import itertools, sys
import numpy as np
from qkan.store import Store, key

store, first = Store(sys.argv[1]), int(sys.argv[2])
for n in itertools.count(first):
    store.put(key(n=n % 7), {"x": np.full(200_000, float(n % 7))}, {"what": "race"})
    print(n, flush=True)
"""


@pytest.mark.slow
def test_killed_at_random(start, store):
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
        assert not any(entry.damage for entry in store.verify())
    assert store.entries()
    assert not list(store.path.glob("*.damaged"))


WRITE_SAME = """
import sys
import numpy as np
from qkan.store import Store, key

store, me = Store(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
for n in range(20):
    store.put(key(same=n % 3), {"x": np.full(20_000, float(n % 3))})
    store.put(key(mine=me, n=n), {"x": np.full(20_000, float(me))})
    found = store.get(key(same=n % 3))
    assert (found["x"] == n % 3).all()
print("done", flush=True)
"""


@pytest.mark.slow
def test_several_processes_write_the_same_and_different_keys(start, store):
    writers = [start(WRITE_SAME, store.path, me) for me in range(3)]
    for writer in writers:
        output, _ = writer.communicate(timeout=60)
        assert (writer.returncode, output) == (0, "ready\ndone\n")
    assert len(store.entries()) == 3 + 3 * 20
    assert not any(entry.damage for entry in store.verify())
    assert not list((store.path / "unfinished").iterdir())


def test_threads_share_a_store(store, tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    def work(n):
        return store.get_or_compute(key(n=n % 5), lambda: {"x": np.full(9, n % 5.0)})["x"][0]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(100))) == [n % 5 for n in range(100)]
    assert [entry.damage for entry in store.verify()] == [""] * 5


def test_tensors_survive_bit_by_bit(tmp_path):
    shared = torch.arange(6.0)
    tensors = {"a": shared, "b": shared[1:], "c": torch.eye(2).t(), "empty": torch.zeros(0, 3)}
    dtypes = (torch.bfloat16, torch.float16, torch.complex64, torch.bool, torch.int8)
    tensors |= {str(dtype): torch.tensor([0.0, -1.5, 3.0]).to(dtype) for dtype in dtypes}
    write_tensors(tmp_path / "below" / "file", "test 1", {"n": [1, None]}, tensors)
    found = read_tensors(tmp_path / "below" / "file", "other 2", "test 1")
    assert (found.format, found.facts) == ("test 1", {"n": [1, None]})
    assert found.arrays.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found.arrays[name].dtype == tensor.dtype
        assert torch.equal(found.arrays[name], tensor)


def test_an_entry_of_the_first_version_is_listed_and_cleared_but_not_read(store):
    store.path.mkdir()
    texts = {"key": K, "meta": '{"what": "old"}', "sha256": "00"}
    file_of(store, K).write_bytes(safetensors.numpy.save({"x": np.ones(1)}, texts))
    assert [entry.what for entry in store.entries()] == ["(unreadable)"]
    assert "not 'hybrid-qkan result 1'" in store.verify()[0].damage
    assert len(store.clear()) == 1
