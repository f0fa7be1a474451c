"""The bytes of a sealed file: every dtype survives bit by bit, every change is found out."""

import errno
import os

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from circuits import store
from circuits.errors import UsageError
from circuits.store import (
    DamagedFileError,
    NewerFormatError,
    OtherFormatError,
    decode,
    encode,
    header,
    inside,
    read,
    write,
)

KIND = "test 1"
ARRAYS = {"x": np.array([1.5, -0.0]), "n": np.array([[1, 2, 3]], np.int16)}
FACTS = {"what": "test", "é": 1}
SMALL = encode(KIND, FACTS, ARRAYS)
REFUSED = (DamagedFileError, OtherFormatError)


def again(**arrays):
    return decode(encode(KIND, {}, arrays), KIND).arrays


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (2, 3)])
@pytest.mark.parametrize(
    "dtype",
    ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", ">f8", ">i4"],
)
def test_every_bit_survives(dtype, shape):
    raw = np.random.default_rng(1).integers(0, 256, (*shape, np.dtype(dtype).itemsize), np.uint8)
    array = raw.view(dtype)[..., 0] if dtype != "?" else raw[..., 0] > 100  # NaNs of all kinds
    (found,) = again(x=array).values()
    assert found.dtype == array.dtype.newbyteorder("=")
    assert found.shape == array.shape
    assert found.tobytes() == array.astype(found.dtype).tobytes()
    assert found.flags.writeable


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda x: x[::2], lambda x: x.T])
def test_memory_layout_does_not_matter(layout):
    array = layout(np.random.default_rng(0).normal(size=(4, 6)))
    np.testing.assert_array_equal(again(x=array)["x"], array)


def test_names_and_emptiness():
    arrays = {"": np.ones(1), 'quote" \\ é\n': np.zeros(2)}
    assert again(**arrays).keys() == arrays.keys()
    assert again() == {}


def test_the_file_is_plain_safetensors():
    for name, array in safetensors.numpy.load(SMALL).items():
        np.testing.assert_array_equal(array, ARRAYS[name], strict=True)
    assert header(SMALL)[0] == {"x": "F64(2,)", "n": "I16(1, 3)"}


@pytest.mark.parametrize(
    "array",
    [np.zeros(1, complex), np.array(["a"]), np.array([None]), np.zeros(1, "i4,i4"), [1.0], 1.0],
)
def test_what_the_format_cannot_hold_is_refused(array):
    with pytest.raises(UsageError, match="cannot keep 'x'"):
        again(x=array)


@pytest.mark.parametrize("name", ["__metadata__", 3])
def test_names_that_the_format_cannot_hold(name):
    with pytest.raises(UsageError, match="give it another name"):
        encode(KIND, {}, {name: np.zeros(1)})


def says_the_same(content):
    """Whether ``content`` still says exactly what ``SMALL`` says; a damaged file raises."""
    found = decode(content, KIND)
    assert found.facts == FACTS
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found.arrays.pop(name), array, strict=True)
    assert not found.arrays


@pytest.mark.parametrize("bit", range(8))
def test_every_flipped_bit_is_found(bit):
    for position in range(len(SMALL)):
        content = bytearray(SMALL)
        content[position] ^= 1 << bit
        with pytest.raises(REFUSED):
            decode(bytes(content), KIND)


@given(st.integers(0, len(SMALL) - 1), st.integers(0, 255))
def test_every_changed_byte_is_found_or_says_the_same(position, byte):
    """A blank of the header's padding may become another kind of blank, and no more."""
    content = bytearray(SMALL)
    content[position] = byte
    try:
        says_the_same(bytes(content))
    except REFUSED:
        return
    assert byte == SMALL[position] or (SMALL[position : position + 1] + bytes([byte])).isspace()


def test_every_truncation_and_every_tail_is_found():
    for length in range(len(SMALL)):
        with pytest.raises(DamagedFileError):
            decode(SMALL[:length], KIND)
    for tail in (b"\0", b" ", SMALL):
        with pytest.raises(DamagedFileError):
            decode(SMALL + tail, KIND)


@given(st.binary(max_size=64))
def test_garbage_is_found(content):
    for tried in (content, SMALL[:8] + content, len(content).to_bytes(8, "little") + content):
        with pytest.raises(REFUSED):
            decode(tried, KIND)


@pytest.mark.parametrize(
    "text", [b"[" * 100_000, b'{"__metadata__":{"facts":"' + b"[" * 100_000 + b'"}}']
)
def test_deeply_nested_headers_are_found(text):
    with pytest.raises(REFUSED):
        decode(len(text).to_bytes(8, "little") + text, KIND)


def test_exchanged_arrays_are_found():
    a, b = (encode(KIND, {}, {"x": np.array([v])}) for v in (1.0, 2.0))
    with pytest.raises(DamagedFileError, match="checksum"):
        decode(a[:-8] + b[-8:], KIND)


def test_formats_are_told_apart():
    assert decode(SMALL, "other 3", KIND).format == KIND
    with pytest.raises(
        NewerFormatError, match="'test 2', which a newer version of hybrid-qkan wrote"
    ):
        decode(encode("test 2", {}, {}), KIND)
    for kind in ("test 0", "other 1", "test", "test x"):
        with pytest.raises(OtherFormatError, match=f"the file is '{kind}', not 'test 1'") as caught:
            decode(encode(kind, {}, {}), KIND)
        assert not isinstance(caught.value, NewerFormatError)
    for texts in (None, {"facts": "{}"}, {"format": "", "facts": "{}", "sha256": ""}):
        with pytest.raises(OtherFormatError, match="a file of another program"):
            decode(safetensors.numpy.save(ARRAYS, texts), KIND)
    with pytest.raises(DamagedFileError, match="checksum"):
        decode(safetensors.numpy.save(ARRAYS, {"format": KIND, "facts": "{}", "sha256": ""}), KIND)


def test_files(tmp_path):
    path = tmp_path / "below" / "file.safetensors"
    with pytest.raises(FileNotFoundError):
        read(path, KIND)
    write(path, KIND, FACTS, ARRAYS, mode=0o600)
    says_the_same(path.read_bytes())
    assert read(path, KIND).facts == FACTS
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    with pytest.raises(DamagedFileError, match="is not a file"):
        read(tmp_path, KIND)


@pytest.mark.parametrize("step", ["mkstemp", "fsync", "replace"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch, step, code):
    path = tmp_path / "file"
    write(path, KIND, FACTS, ARRAYS)

    def fail(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(store.tempfile if step == "mkstemp" else store.os, step, fail)
    advice = "Free some space.*--resume" if code == errno.ENOSPC else "a folder that is yours"
    with pytest.raises(UsageError, match=f"cannot write .*file: .*{os.strerror(code)}.*{advice}"):
        write(path, KIND, {}, {})
    with pytest.raises(OSError, match=None if step == "mkstemp" else str(path)):
        store.write_whole(path, b"")
    monkeypatch.undo()
    says_the_same(path.read_bytes())
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_names_are_never_ways_out(tmp_path):
    (tmp_path / "run" / "figures").mkdir(parents=True)
    (tmp_path / "run" / "link").symlink_to(tmp_path)
    for name in ("a", "seed 0, pz(depth=3).png", "figures/é.png", ".hidden", "new/a"):
        assert inside(tmp_path / "run", name) == tmp_path / "run" / name
    odd = [
        "",
        ".",
        "..",
        "../thesis.tex",
        "a/../../b",
        "a//b",
        "a/",
        "/etc/passwd",
        "link/thesis.tex",
    ]
    for name in [*odd, "a\\b", "a\0", "a\nb", "\ud800", "x" * 256, None, 3]:
        with pytest.raises(UsageError, match="is no name of a file"):
            inside(tmp_path / "run", name)
