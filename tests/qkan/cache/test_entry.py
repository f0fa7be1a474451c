"""The bytes of an entry: every dtype survives bit by bit, every change is found out."""

from __future__ import annotations

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from circuits.errors import UsageError
from qkan.cache.entry import DamagedEntryError, decode, encode, read_header

KEY = "0123456789abcdef" * 4
ARRAYS = {"x": np.array([1.5, -0.0]), "n": np.array([[1, 2, 3]], np.int16)}
SMALL = encode(KEY, ARRAYS, {"what": "test", "é": 1})


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (5,), (2, 3)])
@pytest.mark.parametrize(
    "dtype",
    ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", ">f8", ">i4"],
)
def test_every_bit_survives(dtype: str, shape: tuple[int, ...]) -> None:
    raw = np.random.default_rng(1).integers(0, 256, (*shape, np.dtype(dtype).itemsize), np.uint8)
    array = raw.view(dtype)[..., 0] if dtype != "?" else raw[..., 0] > 100  # NaNs of all kinds
    (read,) = decode(encode(KEY, {"x": array}, {}), KEY).values()
    assert read.dtype == array.dtype.newbyteorder("=")
    assert read.shape == array.shape
    assert read.tobytes() == array.astype(read.dtype).tobytes()
    assert read.flags.writeable


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda x: x[::2], lambda x: x.T])
def test_memory_layout_does_not_matter(layout) -> None:
    array = layout(np.random.default_rng(0).normal(size=(4, 6)))
    np.testing.assert_array_equal(decode(encode(KEY, {"x": array}, {}), KEY)["x"], array)


def test_names_and_emptiness() -> None:
    assert decode(encode(KEY, {}, {}), KEY) == {}
    arrays = {"": np.ones(1), 'quote" \\ é\n': np.zeros(2)}
    assert decode(encode(KEY, arrays, {}), KEY).keys() == arrays.keys()


def test_the_file_is_plain_safetensors() -> None:
    for name, array in safetensors.numpy.load(SMALL).items():
        np.testing.assert_array_equal(array, ARRAYS[name], strict=True)
    assert read_header(SMALL) == ({"x": "F64(2,)", "n": "I16(1, 3)"}, {"what": "test", "é": 1})


@pytest.mark.parametrize(
    "array",
    [np.zeros(1, complex), np.array(["a"]), np.array([None]), np.zeros(1, "i4,i4"), [1.0], 1.0],
)
def test_what_the_format_cannot_hold_is_refused(array: object) -> None:
    with pytest.raises(UsageError, match="cannot cache 'x'"):
        encode(KEY, {"x": array}, {})


@pytest.mark.parametrize("name", ["__metadata__", 3])
def test_names_that_the_format_cannot_hold(name: object) -> None:
    with pytest.raises(UsageError, match="give it another name"):
        encode(KEY, {name: np.zeros(1)}, {})


def unchanged(content: bytes) -> bool:
    """Whether ``content`` still says exactly what ``SMALL`` says; a damaged entry raises."""
    arrays = decode(content, KEY)
    assert {name: (a.dtype, a.shape, a.tobytes()) for name, a in arrays.items()} == {
        name: (a.dtype, a.shape, a.tobytes()) for name, a in ARRAYS.items()
    }
    assert read_header(content) == read_header(SMALL)
    return True


@pytest.mark.parametrize("bit", range(8))
def test_every_flipped_bit_is_found(bit: int) -> None:
    for position in range(len(SMALL)):
        content = bytearray(SMALL)
        content[position] ^= 1 << bit
        with pytest.raises(DamagedEntryError):
            decode(bytes(content), KEY)


@given(st.integers(0, len(SMALL) - 1), st.integers(0, 255))
def test_every_changed_byte_is_found_or_says_the_same(position: int, byte: int) -> None:
    """A blank of the header's padding may become another kind of blank, and no more."""
    content = bytearray(SMALL)
    content[position] = byte
    try:
        assert unchanged(bytes(content))
    except DamagedEntryError:
        return
    assert byte == SMALL[position] or (SMALL[position : position + 1] + bytes([byte])).isspace()


def test_every_truncation_and_every_tail_is_found() -> None:
    for length in range(len(SMALL)):
        with pytest.raises(DamagedEntryError):
            decode(SMALL[:length], KEY)
    for tail in (b"\0", b" ", SMALL):
        with pytest.raises(DamagedEntryError):
            decode(SMALL + tail, KEY)


@given(st.binary(max_size=64))
def test_garbage_is_found(content: bytes) -> None:
    for tried in (content, SMALL[:8] + content, len(content).to_bytes(8, "little") + content):
        with pytest.raises(DamagedEntryError):
            decode(tried, KEY)
        with pytest.raises(DamagedEntryError):
            read_header(tried)


def test_deeply_nested_headers_are_found() -> None:
    header = b'{"__metadata__":{"meta":"' + b"[" * 100_000 + b'"}}'
    content = len(header).to_bytes(8, "little") + header
    with pytest.raises(DamagedEntryError):
        decode(content, KEY)
    with pytest.raises(DamagedEntryError):
        read_header(content)


def test_another_result_under_this_name_is_found() -> None:
    with pytest.raises(DamagedEntryError, match="it holds the result '0123"):
        decode(SMALL, KEY[::-1])


def test_a_safetensors_file_of_someone_else_is_found() -> None:
    for metadata in (None, {"key": KEY}, {"key": KEY, "meta": "{}", "sha256": ""}):
        with pytest.raises(DamagedEntryError):
            decode(safetensors.numpy.save(ARRAYS, metadata), KEY)


def test_exchanged_arrays_are_found() -> None:
    a, b = (encode(KEY, {"x": np.array([v])}, {"what": "test"}) for v in (1.0, 2.0))
    with pytest.raises(DamagedEntryError, match="checksum"):
        decode(a[:-8] + b[-8:], KEY)
