import signal
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits.errors import UsageError
from qkan.chunks import cached_chunks
from qkan.store import Store, key


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache")


class Square:
    """Squares rows, and counts what it is asked for."""

    def __init__(self, fail_at=None):
        self.indices: list[int] = []
        self.fail_at = fail_at

    def __call__(self, rows, index):
        if index == self.fail_at:
            raise KeyboardInterrupt
        self.indices.append(index)
        return rows[:, None] ** 2


@given(st.integers(1, 30), st.integers(1, 35))
def test_the_same_as_in_one_go(rows, chunk_size):
    inputs = np.random.default_rng(rows).normal(size=rows)
    result = cached_chunks(None, {}, inputs, Square(), chunk_size)
    np.testing.assert_array_equal(result, inputs[:, None] ** 2, strict=True)


def test_the_second_time_nothing_is_computed(store):
    inputs = np.arange(10.0)
    first, second, seen = Square(), Square(), []
    a = cached_chunks(store, {"c": "sq"}, inputs, first, 4, what="squares")
    b = cached_chunks(store, {"c": "sq"}, inputs, second, 4, progress=lambda *now: seen.append(now))
    np.testing.assert_array_equal(a, b, strict=True)
    assert (first.indices, second.indices) == ([0, 1, 2], [])
    assert seen == [(4, 10), (8, 10), (10, 10)]
    assert {entry.what for entry in store.entries()} == {"squares"}
    assert store.entries()[0].meta["fields"] == {"c": "sq"}


def test_an_interrupted_run_goes_on_at_its_chunk(store):
    inputs = np.arange(20.0)
    with pytest.raises(KeyboardInterrupt):
        cached_chunks(store, {}, inputs, Square(fail_at=3), 4)
    rest = Square()
    result = cached_chunks(store, {}, inputs, rest, 4)
    assert rest.indices == [3, 4]
    np.testing.assert_array_equal(result[:, 0], inputs**2)


def test_only_what_changed_is_computed(store):
    inputs = np.arange(12.0)
    cached_chunks(store, {"p": 1}, inputs, Square(), 4)
    other_fields, other_rows, more_rows = Square(), Square(), Square()
    cached_chunks(store, {"p": 2}, inputs, other_fields, 4)
    cached_chunks(store, {"p": 1}, np.where(inputs == 5, 0, inputs), other_rows, 4)
    cached_chunks(store, {"p": 1}, np.arange(16.0), more_rows, 4)
    assert other_fields.indices == [0, 1, 2]
    assert other_rows.indices == [1]
    assert more_rows.indices == [3]


def test_equal_chunks_share_a_result_unless_it_is_random(store):
    inputs = np.zeros(12)
    exact = Square()
    cached_chunks(store, {}, inputs, exact, 4)
    assert exact.indices == [0]

    def sample(rows, index):
        calls.append(index)
        return np.random.default_rng([7, index]).normal(size=len(rows))

    calls: list[int] = []
    first = cached_chunks(store, {"seed": 7}, inputs, sample, 4, random=True)
    again = cached_chunks(store, {"seed": 7}, inputs, sample, 4, random=True)
    assert calls == [0, 1, 2]
    assert len(np.unique(first)) == 12
    np.testing.assert_array_equal(first, again)


def test_a_full_disk_in_the_middle(store, monkeypatch):
    monkeypatch.setattr("circuits.store.os.replace", lambda *a: (_ for _ in ()).throw(OSError(28)))
    with pytest.warns(UserWarning, match="could not be stored"):
        result = cached_chunks(store, {}, np.arange(8.0), Square(), 4)
    np.testing.assert_array_equal(result[:, 0], np.arange(8.0) ** 2)


@pytest.mark.parametrize("size", [0, -1])
def test_chunks_of_no_rows(size):
    with pytest.raises(
        UsageError, match=f"chunk_size must be an integer of at least 1, got {size}"
    ):
        cached_chunks(None, {}, np.zeros(3), Square(), size)


@pytest.mark.parametrize("inputs", [np.zeros((0, 4)), np.float64(1)])
def test_no_rows(inputs):
    with pytest.raises(UsageError, match="expected at least one row"):
        cached_chunks(None, {}, inputs, Square(), 2)


def test_a_result_of_the_wrong_length_is_not_stored(store):
    with pytest.raises(UsageError, match=r"chunk 0: .* each of 2 rows, got \(1,\)"):
        cached_chunks(store, {}, np.zeros(4), lambda rows, index: rows[:1], 2)
    assert store.entries() == []


def test_chunks_that_do_not_fit_together():
    def widening(rows, index):
        return np.zeros((len(rows), index + 1))

    with pytest.raises(
        UsageError, match=r"rows 2 and on: .*shape \(2,\).*has results of shape \(1,\)"
    ):
        cached_chunks(None, {}, np.zeros(4), widening, 2)


def test_unhashable_fields_are_refused_before_anything_is_computed(store):
    with pytest.raises(UsageError, match=r"fields\['f'\]: a builtin"):
        cached_chunks(store, {"f": print}, np.zeros(2), lambda *a: pytest.fail("computed"), 2)
    assert key(fields={}) != key()


class Backwards:
    """Runs tasks from the last to the first, as another executor might."""

    def unordered(self, function, tasks, *, names):
        assert len(names) == len(tasks)
        for number in reversed(range(len(tasks))):
            yield number, function(tasks[number])


@pytest.mark.parametrize("random", [False, True])
def test_an_executor_may_finish_chunks_in_any_order(store, random):
    inputs = np.array([0.0, 1, 2, 3, 0, 1, 4])
    compute = Square()
    seen = []
    result = cached_chunks(
        store,
        {},
        inputs,
        compute,
        2,
        random=random,
        executor=Backwards(),
        progress=lambda *now: seen.append(now),
    )
    np.testing.assert_array_equal(result[:, 0], inputs**2)
    assert compute.indices == ([3, 2, 1, 0] if random else [3, 1, 0])
    assert seen[0] == (1, 7)
    assert seen[-1] == (7, 7)
    rest = Square()
    cached_chunks(store, {}, inputs, rest, 2, random=random)
    assert rest.indices == []


CHUNKS = """
import os, signal, sys
import numpy as np
from qkan.chunks import cached_chunks
from qkan.store import Store

def compute(rows, index):
    if index == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return rows.sum(axis=1)

inputs = np.arange(40.0).reshape(20, 2)
cached_chunks(Store(sys.argv[1]), {"name": "sum"}, inputs, compute, 3)
"""


@pytest.mark.slow
@pytest.mark.parametrize("at", [0, 3])
def test_a_killed_run_goes_on_at_its_chunk(store, at):
    killed = subprocess.run([sys.executable, "-c", CHUNKS, str(store.path), str(at)], check=False)
    assert killed.returncode == -signal.SIGKILL
    inputs = np.arange(40.0).reshape(20, 2)
    computed: list[int] = []

    def compute(rows, index):
        computed.append(index)
        return rows.sum(axis=1)

    result = cached_chunks(store, {"name": "sum"}, inputs, compute, 3)
    assert computed == list(range(at, 7))
    np.testing.assert_array_equal(result, inputs.sum(axis=1))
