"""MNIST's files: their format, where they are looked for, and what is said of missing or damaged ones."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

import numpy as np
import platformdirs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits.errors import UsageError
from qkan.data import mnist
from qkan.data.mnist import data_folder, embed, load_folder, parse_idx, read_bytes


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


def test_truncations_and_other_element_types_are_refused(idx_bytes) -> None:
    content = idx_bytes(np.arange(6, dtype=np.uint8).reshape(2, 3))
    for length in range(len(content)):
        with pytest.raises(UsageError):
            parse_idx(content[:length])
    with pytest.raises(UsageError, match=r"19 bytes.*\(2, 3\).*18: it is too long"):
        parse_idx(content + b"\0")
    with pytest.raises(
        UsageError, match=r"32-bit floats; expected .*'00 00 08'.* starts with '00 00 0d 02'"
    ):
        parse_idx(content.replace(b"\x08", b"\x0d", 1))


def test_reads_plain_and_zipped_and_names_what_is_cut_off(tmp_path: Path) -> None:
    content = np.random.default_rng(0).bytes(1000)
    (tmp_path / "a").write_bytes(content)
    whole, file = gzip.compress(content), tmp_path / "a.gz"
    file.write_bytes(whole)
    assert read_bytes(tmp_path / "a") == read_bytes(file) == content
    flipped = bytearray(whole)
    flipped[500] ^= 16
    for damaged in (whole[:10], whole[:-9], whole[:-1], bytes(flipped)):
        file.write_bytes(damaged)
        with pytest.raises(UsageError, match=r"a\.gz.*delete the file and get it again"):
            read_bytes(file)
    with pytest.raises(UsageError, match="cannot be read"):
        read_bytes(tmp_path / "none")


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("place", [".", "raw", "MNIST/raw"])
def test_finds_files_in_all_the_usual_places(fake, tmp_path: Path, place: str, zipped: bool):
    fake.write(tmp_path / place, zipped)
    arrays, known = load_folder(tmp_path, download=False, md5=fake.md5)
    assert known
    for actual, expected in zip(arrays, fake.arrays, strict=True):
        np.testing.assert_array_equal(actual, expected, strict=True)


@pytest.mark.parametrize("zipped", [False, True])
def test_a_damaged_file_is_named_and_kept(fake, tmp_path: Path, zipped: bool) -> None:
    name, expected = "t10k-labels-idx1-ubyte", fake.md5
    fake.contents[name] = fake.contents[name][:-1] + b"\xff"
    fake.write(tmp_path, zipped)
    with pytest.raises(UsageError, match=rf"{name}.* is damaged.*{expected[name]}"):
        load_folder(tmp_path, md5=expected)
    assert len(contents(tmp_path)) == 4


def test_folders_and_files_in_each_others_place(fake, tmp_path: Path) -> None:
    file = fake.write(tmp_path) / "train-labels-idx1-ubyte"
    with pytest.raises(UsageError, match="is a file; expected a folder"):
        load_folder(file, md5=fake.md5)
    file.unlink()
    file.mkdir()
    with pytest.raises(UsageError, match="train-labels-idx1-ubyte is a folder"):
        load_folder(tmp_path, md5=fake.md5)


def written(fake, folder: Path, prefix: str) -> Path:
    """Write the files of another data set than MNIST, whose names begin with a prefix."""
    for file in fake.write(folder).iterdir():
        if prefix and not file.name.startswith(prefix):
            file.rename(folder / f"{prefix}{file.name.replace('t10k', 'test')}")
    return folder


@pytest.mark.parametrize(
    ("place", "prefix", "name"),
    [
        (".", "", None),
        ("raw", "", None),
        ("FashionMNIST/raw", "", "FashionMNIST"),
        (".", "emnist-digits-", None),
        (".", "emnist-digits-", "emnist-digits"),
        ("EMNIST/raw", "emnist-digits-", "EMNIST"),
    ],
)
def test_another_data_set_is_read_and_not_called_mnist(fake, tmp_path, place, prefix, name) -> None:
    written(fake, tmp_path / place, prefix)
    digits = mnist(full=True, data_dir=tmp_path, name=name, download=False)
    np.testing.assert_array_equal(digits.train_images[:, 0], fake.arrays[0])
    assert digits.name == (name or "another data set")
    assert "not MNIST's" in digits.source
    with pytest.raises(UsageError, match="are not MNIST's"):
        embed(tmp_path / place, tmp_path / "some.npz")


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (
            "train-images-idx3-ubyte",
            bytes.fromhex("00000803 00000007 0000001c 0000001c") + bytes(5_000),
            "is truncated",
        ),
        ("train-images-idx3-ubyte", (7,), r"expected images .* got shape \(7,\)"),
        ("train-labels-idx1-ubyte", (7, 28, 28), r"expected labels \(N,\)"),
        ("train-labels-idx1-ubyte", (6,), "7 images, .* 6 labels"),
        ("t10k-labels-idx1-ubyte", (0,), "4 images, .* 0 labels"),
        ("t10k-images-idx3-ubyte", (4, 8, 8), "of two data sets"),
        ("train-labels-idx1-ubyte", b"<!DOCTYPE html>", "is not an IDX file"),
        ("train-labels-idx1-ubyte", b"", "is not an IDX file"),
        ("train-labels-idx1-ubyte", b"\0\0\x0d\1\0\0\0\1" + bytes(4), "32-bit floats"),
        ("train-labels-idx1-ubyte", gzip.compress(b"a", mtime=0)[:-3], "not a whole gzip file"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_apart(
    fake, tmp_path, idx_bytes, file, content, message
) -> None:
    zeros = isinstance(content, tuple)
    fake.contents[file] = idx_bytes(np.zeros(content, np.uint8)) if zeros else content
    with pytest.raises(UsageError, match=message):
        load_folder(fake.write(tmp_path), download=False)


def test_two_data_sets_in_a_folder_are_not_chosen_from(fake, tmp_path: Path) -> None:
    for name in ("emnist-digits", "emnist-mnist"):
        written(fake, tmp_path / name, f"{name}-")
        for file in (tmp_path / name).iterdir():
            file.rename(tmp_path / file.name)
    with pytest.raises(UsageError, match=r"several data sets: emnist-digits, emnist-mnist.*name="):
        load_folder(tmp_path, download=False)
    assert len(load_folder(tmp_path, download=False, name="emnist-mnist")[0][0]) == 7


def test_files_are_told_by_their_content(fake, tmp_path: Path) -> None:
    """Unzipped by a browser that left the name, or zipped without one."""
    fake.write(tmp_path)
    for name in fake.md5:
        (tmp_path / name).rename(tmp_path / f"{name}.gz")
    (tmp_path / "train-labels-idx1-ubyte.gz").unlink()
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(
        gzip.compress(fake.contents["train-labels-idx1-ubyte"])
    )
    assert load_folder(tmp_path, download=False, md5=fake.md5)[1]


@pytest.fixture
def torchvision(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Path]]:
    """Put ``action(root)`` in the place of torchvision's download; return the roots it saw."""

    def install(action: Callable[[Path], object]) -> list[Path]:
        calls: list[Path] = []

        class MNIST:
            def __init__(self, root: str, download: bool) -> None:
                calls.append(Path(root))
                action(Path(root))

        monkeypatch.setattr("torchvision.datasets.MNIST", MNIST)
        return calls

    return install


def contents(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


@pytest.mark.slow
def test_download_brings_what_lacks_and_is_not_repeated(fake, tmp_path: Path, torchvision) -> None:
    calls = torchvision(lambda root: fake.write(root / "MNIST" / "raw"))
    fake.write(tmp_path, zipped=True)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    for _ in range(2):
        arrays, _ = load_folder(tmp_path, md5=fake.md5)
        for actual, expected in zip(arrays, fake.arrays, strict=True):
            np.testing.assert_array_equal(actual, expected)
    assert len(calls) == 1
    assert contents(tmp_path / "MNIST") == {"raw/t10k-labels-idx1-ubyte"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "error",
    [None, RuntimeError("Error downloading:\na"), URLError("no network"), KeyboardInterrupt()],
    ids=lambda error: type(error).__name__,
)
def test_without_its_files_it_tells_where_they_go_and_leaves_nothing(
    fake, tmp_path: Path, torchvision, error: BaseException | None
) -> None:
    def half(root: Path) -> None:
        (root / "MNIST" / "raw").mkdir(parents=True)
        (root / "MNIST" / "raw" / "train-images-idx3-ubyte.gz").write_bytes(b"half")
        assert error is not None
        raise error

    torchvision(half)
    with pytest.raises((UsageError, KeyboardInterrupt)) as caught:
        load_folder(tmp_path, md5=fake.md5, download=error is not None)
    assert contents(tmp_path) == set()
    if not isinstance(error, KeyboardInterrupt):
        told = "has no train-images" if error is None else "could not be downloaded"
        for part in (told, *fake.md5, *fake.md5.values(), "--data-dir", "QKAN_DATA", str(tmp_path)):
            assert part in str(caught.value)


@pytest.mark.slow
def test_a_download_of_other_data_or_into_nowhere_is_refused(fake, tmp_path, torchvision) -> None:
    expected = fake.md5
    fake.contents["t10k-labels-idx1-ubyte"] += b"\0"
    torchvision(lambda root: fake.write(root / "MNIST" / "raw"))
    with pytest.raises(UsageError, match="t10k-labels-idx1-ubyte is damaged"):
        load_folder(tmp_path, md5=expected)
    assert contents(tmp_path) == set()
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="could not be downloaded into"):
        load_folder(tmp_path / "file" / "below", md5=fake.md5)


def test_which_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QKAN_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    assert data_folder("~/there") == Path.home() / "there"
    monkeypatch.setenv("QKAN_DATA", "")
    assert data_folder() == platformdirs.user_data_path("hybrid-qkan", appauthor=False)
