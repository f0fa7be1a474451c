from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits.errors import UsageError
from qkan.data.idx import parse_idx, read_bytes


@given(shape=st.lists(st.integers(0, 4), max_size=4), seed=st.integers(0, 2**31))
def test_parse_inverts_the_format(idx_bytes, shape: list[int], seed: int) -> None:
    array = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_array_equal(parse_idx(idx_bytes(array)), array, strict=True)


@given(st.binary(max_size=40))
def test_garbage_is_refused_or_is_an_array_of_that_length(content: bytes) -> None:
    try:
        array = parse_idx(content)
    except UsageError:
        return
    assert array.size == len(content) - 4 - 4 * array.ndim


def test_every_truncation_is_refused(idx_bytes) -> None:
    content = idx_bytes(np.arange(6, dtype=np.uint8).reshape(2, 3))
    for length in range(len(content)):
        with pytest.raises(UsageError):
            parse_idx(content[:length])
    with pytest.raises(UsageError, match=r"19 bytes.*\(2, 3\).*18"):
        parse_idx(content + b"\0")


def test_other_element_types_are_refused(idx_bytes) -> None:
    content = bytearray(idx_bytes(np.zeros(8, np.uint8)))
    content[2] = 0x0D
    with pytest.raises(UsageError, match=r"expected .*'00 00 08'.* starts with '00 00 0d 01'"):
        parse_idx(bytes(content))


def test_reads_plain_and_zipped(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"digits")
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"digits"))
    assert read_bytes(tmp_path / "a") == read_bytes(tmp_path / "a.gz") == b"digits"


@pytest.mark.parametrize("kept", [1, 10, -9, -1])
def test_a_truncated_gzip_file_is_named(tmp_path: Path, kept: int) -> None:
    file = tmp_path / "x.gz"
    file.write_bytes(gzip.compress(np.random.default_rng(0).bytes(1000))[:kept])
    with pytest.raises(UsageError, match=r"x\.gz.*delete the file and get it again"):
        read_bytes(file)


def test_a_flipped_bit_in_a_gzip_file_is_named(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(np.random.default_rng(0).bytes(1000)))
    whole[500] ^= 16
    file = tmp_path / "x.gz"
    file.write_bytes(whole)
    with pytest.raises(UsageError, match=r"x\.gz"):
        read_bytes(file)


def test_folder_and_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        read_bytes(tmp_path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_bytes(tmp_path / "none")
