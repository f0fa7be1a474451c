import errno
import os
import pickle
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import platformdirs
import pytest
import safetensors.numpy
import torch

from circuits import store as files
from circuits.errors import UsageError
from qkan import store as stores
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


def longer(path):
    fill(Store(path.parent))
    os.truncate(path, 2**40)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(os.mkfifo, id="pipe"),  # would block
        pytest.param(lambda path: path.symlink_to("/dev/zero"), id="device"),  # would never end
        pytest.param(longer, id="terabyte"),  # would not fit
        pytest.param(lambda path: path.touch() or os.truncate(path, 2**40), id="zeros"),
    ],
)
def test_what_no_entry_can_be_is_not_read(store, make):
    store.path.mkdir()
    make(file_of(store, K))
    (entry,) = store.entries()
    assert entry.what in {"(unreadable)", "result 0"}
    assert [bool(entry.damage) for entry in store.verify()] == [True]
    with pytest.warns(CacheWarning, match=r"is not a (whole safetensors )?file"):
        assert store.get(K) is None
    assert store.get_or_compute(K, lambda: {"x": np.ones(1)})["x"] == store.get(K)["x"] == 1


@pytest.mark.parametrize("seconds", [-1e30, -62135596800 - 1.0, 253402300800.0, 1e30])
def test_times_beyond_the_calendar(seconds):
    assert stores._date(seconds).year in {1, 9999}


def test_entries_are_listed_without_being_read(store, monkeypatch):
    """A cache of 20,000 is listed at once: what a header says is read where it is shown."""
    fill(store, 3)
    monkeypatch.setattr(stores, "read_header", lambda path: pytest.fail("was read"))
    assert len(store.entries()) == len(store.clear()) == 3


def test_files_are_their_owners_and_those_of_others_stay(store, monkeypatch):
    first, second = fill(store, 2)
    modes = [p.stat().st_mode & 0o777 for p in (file_of(store, first), store.path)]
    assert modes == [0o600, 0o700]
    unlink = Path.unlink

    def refuse(path, **options):
        if path.stem == second:
            raise PermissionError(errno.EPERM, "not yours")
        unlink(path, **options)

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(CacheError, match=f"1 results cannot be removed.*{second}.*not yours"):
        store.clear()
    assert [entry.key for entry in store.entries()] == [second]


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
    assert "its checksum differ" in store.verify()[0].damage
    assert len(store.clear()) == 1
