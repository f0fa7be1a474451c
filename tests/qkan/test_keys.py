import math
import os
import subprocess
import sys
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from circuits.errors import UsageError
from qkan import keys
from qkan.keys import describe, digest, key

# Few different leaves, so that Hypothesis often draws values that are equal or nearly so.
leaves = st.sampled_from(
    [None, True, False, 0, 1, -1, 0.0, -0.0, 1.0, "", "0", "1", "a", b"", b"a", b"1", math.inf]
) | st.builds(
    np.zeros,
    st.sampled_from([(), (0,), (1,), (2,), (1, 2), (2, 1), (0, 2)]),
    st.sampled_from(["<f4", "<f8", "<i8", "?"]),
)
names = st.sampled_from(["", "a", "b", "ab"])
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=2).map(tuple)
        | st.dictionaries(names, inner, max_size=3)
    ),
    max_leaves=5,
)


def plain(value):
    """Another canonical form: nested tuples of texts, by ``repr``."""
    if isinstance(value, Mapping):
        return ("mapping", tuple(sorted((name, plain(item)) for name, item in value.items())))
    if isinstance(value, list | tuple):
        return ("sequence", tuple(plain(item) for item in value))
    if isinstance(value, np.ndarray):
        return ("array", value.dtype.name, str(value.shape), value.tobytes().hex())
    return (type(value).__name__, repr(value))


@given(values, values)
def test_equal_exactly_for_equal_values(a, b):
    assert (digest(a) == digest(b)) == (plain(a) == plain(b))
    assert (key(x=a) == key(x=b)) == (plain(a) == plain(b))


def test_all_kinds_differ():
    alike = [None, False, 0, 0.0, -0.0, "", "0", b"", b"0", (), {}, (0,), ((),), ("",), {"": 0}]
    alike += [np.zeros(1), np.zeros((1, 1)), np.zeros(1, "f4"), np.zeros(1, int), np.array(-0.0)]
    alike += [1, True, 1.0, "1", 1 + 2**-52, 2**64, -(2**64), "None", 10**400]
    assert len({digest(value) for value in alike}) == len(alike)


@given(st.lists(st.text("ab,\"'0:", max_size=3), max_size=4), st.integers(0, 3))
def test_moving_text_between_neighbours_changes_the_key(texts, cut):
    joined = [*texts[:cut], "".join(texts[cut : cut + 2]), *texts[cut + 2 :]]
    assert (digest(joined) == digest(texts)) == (joined == texts)


def test_arrays_count_by_their_elements_alone():
    x = np.random.default_rng(0).normal(size=(4, 6))
    expected = digest(x)
    read_only = x.copy()
    read_only.setflags(write=False)
    same = [
        np.asfortranarray(x),
        x.astype(">f8"),
        np.repeat(x, 2, axis=1)[:, ::2],
        x[::-1][::-1],
        read_only,
        torch.from_numpy(x),
        torch.from_numpy(x.T.copy()).T,
        torch.nn.Parameter(torch.from_numpy(x)),
    ]
    assert {digest(array) for array in same} == {expected}
    assert digest(torch.from_numpy(x).float()) == digest(x.astype("f4")) != expected
    assert len({expected, digest(x.T), digest(x.reshape(6, 4)), digest(x.ravel())}) == 4
    z = torch.tensor([1 + 2j, 3 - 1j])
    assert digest(z.conj()) == digest(z.numpy().conj())
    assert digest(torch.tensor([True])) == digest(np.array([True]))


def test_bit_patterns_of_elements_count():
    quiet = np.array([0x7FF8000000000000, 0x7FF8000000000001], np.uint64).view(float)
    assert len({digest(quiet[:1]), digest(quiet[1:]), digest(np.array([0.0]))}) == 3
    assert digest(np.array([0.0])) != digest(np.array([-0.0]))


def test_numpy_scalars_and_text_enums_are_python_values():
    assert digest(np.int64(3)) == digest(3)
    assert digest(np.float64(0.1)) == digest(0.1)
    assert digest(np.float32(0.1)) == digest(float(np.float32(0.1)))
    assert digest(np.bool_(True)) == digest(True)
    assert digest(np.str_("a")) == digest("a")
    assert digest(StrEnum("Mode", ["A"])["A"]) == digest("a")
    assert digest(MappingProxyType({"a": 1})) == digest({"a": 1})


@pytest.mark.parametrize(
    ("value", "match"),
    [
        (math.nan, "x: NaN cannot"),
        (1j, "x: a complex cannot"),
        ({1, 2}, "x: a set cannot"),
        (object(), "x: a object cannot"),
        ({"a": [0, print]}, r"x\['a'\]\[1\]: a builtin_function_or_method cannot"),
        ({1: 2}, "x: expected names that are str.*got 1"),
        (np.array(["a"]), "x: expected an array of numbers or bools.*<U1"),
        (np.array([object()]), "x: expected an array.*object"),
        (np.array([(1, 2)], "i4,i4"), "x: expected an array"),
        (np.zeros(2, np.longdouble), "x: expected an array.*longdouble|float128"),
        (np.ma.masked_array([1, 2], [True, False]), "x: expected an array.*MaskedArray"),
        (np.datetime64("2020-01-01"), "x: a date cannot"),
        (torch.zeros(2, dtype=torch.bfloat16), "x: a torch.bfloat16 tensor on cpu"),
        (torch.zeros(2, device="meta"), "x: a torch.float32 tensor on meta"),
        (torch.eye(2).to_sparse(), "x: a torch.float32 tensor on cpu"),
    ],
)
def test_everything_else_is_refused(value, match):
    with pytest.raises(UsageError, match=match):
        key(x=value)


def test_the_schema_and_the_numerical_version_count(monkeypatch):
    before, plain_before = key(x=1), digest({"x": 1})
    monkeypatch.setattr(keys, "NUMERICS", keys.NUMERICS + 1)
    between = key(x=1)
    monkeypatch.setattr(keys, "SCHEMA", keys.SCHEMA + 1)
    assert len({before, between, key(x=1)}) == 3
    assert digest({"x": 1}) == plain_before


@pytest.mark.slow
def test_the_same_in_every_process():
    fields = "{'b': [1, 2.5, None, True, b'x'], 'a': {'\\u00e9': np.arange(3.0)}}"
    script = f"import numpy as np; from qkan.store import digest, key; print(digest({fields}))"
    for seed in ("1", "2"):
        ran = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert ran.stdout.strip() == GOLDEN


# A change of this number strands every cache in the world: raise SCHEMA with it.
GOLDEN = "d46f13a384110444589973852b1443b3163c2a5e4721e927df404d19259cb430"


def test_the_cache_needs_no_torch():
    script = "import sys, qkan.store; assert not {'torch', 'pennylane'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_descriptions_are_for_people():
    described = describe(
        {"n": np.int64(1), "w": np.zeros((2, 3)), "t": torch.zeros(2), "l": (1, None), "b": b"x"}
    )
    assert described["n"] == 1
    assert described["l"] == [1, None]
    assert described["b"] == "b'x'"
    assert described["w"].startswith("float64(2, 3) sha256:")
    assert described["t"].startswith("float32(2,) sha256:")
