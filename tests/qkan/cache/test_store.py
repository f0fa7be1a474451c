from __future__ import annotations

import errno
import os
import pickle
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import platformdirs
import pytest

from circuits.errors import UsageError
from qkan.cache import CacheError, CacheWarning, Store, files, key

K = key(n=0)


def fill(store: Store, count: int = 1) -> list[str]:
    keys = [key(n=n) for n in range(count)]
    for n, name in enumerate(keys):
        store.put(name, {"x": np.full(n + 1, float(n))}, {"what": f"result {n}"})
    return keys


def file_of(store: Store, name: str) -> Path:
    return store.path / f"{name}.safetensors"


def age(path: Path, by: timedelta) -> None:
    then = (datetime.now(UTC) - by).timestamp()
    os.utime(path, (then, then))


def test_get_put_and_compute_once(store: Store) -> None:
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
def test_only_hashes_are_keys(store: Store, bad: object) -> None:
    calls = [lambda: store.get(bad), lambda: store.put(bad, {})]
    calls.append(lambda: store.get_or_compute(bad, dict))
    for call in calls:
        with pytest.raises(UsageError, match="is not a cache key"):
            call()
    assert not store.path.exists()


def test_where_the_folder_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QKAN_CACHE", str(tmp_path))
    assert Store().path == tmp_path
    assert Store("~/there").path == Path.home() / "there"
    monkeypatch.setenv("QKAN_CACHE", "")
    assert Store().path == platformdirs.user_cache_path("hybrid-qkan", appauthor=False)


def flip(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize(
    "damage",
    [flip, lambda c: c[:-1], lambda c: c[:100], lambda c: b"", lambda c: b"garbage" * 100],
    ids=["flipped", "cut", "header only", "empty", "garbage"],
)
def test_a_damaged_entry_is_told_moved_aside_and_computed_again(store: Store, damage) -> None:
    fill(store)
    file = file_of(store, K)
    damaged = damage(file.read_bytes())
    file.write_bytes(damaged)
    (found,) = store.verify()
    assert not found.ok
    with pytest.warns(CacheWarning, match=rf"{K}.* is damaged: .*moved to {K}\.damaged"):
        result = store.get_or_compute(K, lambda: {"x": np.array([7.0])})
    assert result["x"] == store.get(K)["x"] == 7
    assert file.with_suffix(".damaged").read_bytes() == damaged
    assert [check.ok for check in store.verify()] == [True]


def test_the_entry_of_another_key_is_not_taken(store: Store) -> None:
    _, other = fill(store, 2)
    os.replace(file_of(store, other), file_of(store, K))
    with pytest.warns(CacheWarning, match=f"it holds the result '{other}'"):
        assert store.get(K) is None


def test_a_folder_in_place_of_an_entry(store: Store) -> None:
    (file_of(store, K) / "below").mkdir(parents=True)
    (check,) = store.verify()
    assert check.reason == "it is not a file"
    with pytest.warns(CacheWarning, match="it is not a file"):
        store.get_or_compute(K, lambda: {"x": np.ones(1)})
    assert store.get(K)["x"] == 1
    assert (store.path / f"{K}.damaged" / "below").is_dir()
    store.clear()  # never removes folders


def test_what_cannot_be_moved_aside_costs_only_time(store: Store) -> None:
    file_of(store, K).mkdir(parents=True)
    (store.path / f"{K}.damaged").write_text("in the way")
    with pytest.warns(CacheWarning) as caught:
        assert store.get_or_compute(K, lambda: {"x": np.ones(1)})["x"] == 1
    assert ["could not be moved aside" in str(caught[0].message), len(caught)] == [True, 2]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_in_place_of_an_entry_does_not_block(store: Store) -> None:
    store.path.mkdir()
    os.mkfifo(file_of(store, K))
    assert [check.ok for check in store.verify()] == [False]
    assert [entry.what for entry in store.entries()] == []
    with pytest.warns(CacheWarning, match="it is not a file"):
        assert store.get(K) is None


def test_links_are_followed_and_replaced_but_never_written_through(
    store: Store, tmp_path: Path
) -> None:
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
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT])
def test_a_full_or_unwritable_folder_loses_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, step: str, code: int
) -> None:
    fill(store)

    def fail(*args: object, **kwargs: object) -> None:
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


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for store in (Store(tmp_path / "file"), Store(tmp_path / "file" / "below")):
        with pytest.raises(CacheError, match="cannot be written"):
            store.require_writable()
        with pytest.raises(CacheError, match="cannot be written"):
            store.put(K, {})
    with pytest.raises(CacheError, match="cannot be read"):
        Store(tmp_path / "file").entries()
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write it")
def test_a_folder_without_permission(store: Store) -> None:
    fill(store)
    store.path.chmod(0o500)
    try:
        assert store.get(K)["x"] == 0
        with pytest.raises(CacheError, match="Permission denied"):
            store.require_writable()
    finally:
        store.path.chmod(0o700)


def test_require_writable_leaves_no_file(store: Store) -> None:
    store.require_writable()
    assert [path for path in store.path.rglob("*") if path.is_file()] == []


def test_entries_and_show(store: Store) -> None:
    assert store.entries() == []
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
    with pytest.raises(UsageError, match="begins 'zz'"):
        store.show("zz")
    with pytest.raises(UsageError, match=r"3 cached results.*give more digits"):
        store.show("")


def test_an_unreadable_header_is_listed_as_such(store: Store) -> None:
    fill(store)
    file_of(store, K).write_bytes(b"garbage")
    assert [entry.what for entry in store.entries()] == ["(unreadable)"]


def test_clear_removes_only_what_is_the_caches(store: Store) -> None:
    keys = fill(store, 3)
    stranger = store.path / "thesis.safetensors"
    stranger.write_text("keep me")
    (store.path / f"{key(n=9)}.damaged").write_text("junk")
    age(file_of(store, keys[0]), timedelta(days=10))
    assert store.clear(predicate=lambda entry: False) == []
    assert not (store.path / f"{key(n=9)}.damaged").exists()
    assert [entry.key for entry in store.clear(older_than=timedelta(days=5))] == [keys[0]]
    assert [e.key for e in store.clear(predicate=lambda e: e.what == "result 2")] == [keys[2]]
    assert [entry.key for entry in store.entries()] == [keys[1]]
    assert [entry.key for entry in store.clear()] == [keys[1]]
    assert store.entries() == []
    assert stranger.exists()


def test_clear_of_nothing_makes_no_folder(store: Store) -> None:
    assert store.clear() == []
    assert not store.path.exists()


def test_old_temporaries_are_swept_and_fresh_ones_stay(store: Store) -> None:
    fill(store)
    old, fresh = (store.path / "unfinished" / f"{K}-{n}.tmp" for n in ("old", "fresh"))
    for path in (old, fresh):
        path.write_text("half")
    age(old, timedelta(hours=2))
    store.put(K, {"x": np.ones(1)})
    assert [old.exists(), fresh.exists()] == [False, True]
    assert len(store.entries()) == 1


def test_no_warning_for_whole_entries(store: Store) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fill(store)
        store.get(K)
