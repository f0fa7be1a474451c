from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

import numpy as np
import platformdirs
import pytest

from circuits.errors import UsageError
from qkan.data.folder import data_folder, load_folder


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


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("place", [".", "raw", "MNIST/raw"])
def test_finds_files_in_all_the_usual_places(fake, tmp_path: Path, place: str, zipped: bool):
    fake.write(tmp_path / place, zipped)
    arrays = load_folder(tmp_path, download=False, md5=fake.md5)
    for actual, expected in zip(arrays, fake.arrays, strict=True):
        np.testing.assert_array_equal(actual, expected, strict=True)


def test_missing_files_are_named_with_what_to_do(fake, tmp_path: Path) -> None:
    fake.write(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(UsageError) as caught:
        load_folder(tmp_path, download=False, md5=fake.md5)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path} has no t10k-labels-idx1-ubyte.")
    for part in (*fake.md5, *fake.md5.values(), "--data-dir", "QKAN_DATA", str(tmp_path)):
        assert part in message


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
def test_a_damaged_file_is_named_and_kept(fake, tmp_path: Path, name: str, zipped: bool) -> None:
    expected = fake.md5
    flipped = bytearray(fake.contents[name])
    flipped[-1] ^= 1
    fake.contents[name] = bytes(flipped)
    fake.write(tmp_path, zipped)
    with pytest.raises(UsageError, match=rf"{name}.* is damaged.*{expected[name]}"):
        load_folder(tmp_path, md5=expected)
    assert len(contents(tmp_path)) == 4


@pytest.mark.parametrize("size", [0, 3, 1000])
def test_a_half_downloaded_file_is_named(fake, tmp_path: Path, size: int) -> None:
    fake.write(tmp_path, zipped=True)
    file = tmp_path / "train-images-idx3-ubyte.gz"
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(UsageError, match=r"train-images-idx3-ubyte\.gz.*get it again"):
        load_folder(tmp_path, md5=fake.md5)


def test_a_folder_in_place_of_a_file(fake, tmp_path: Path) -> None:
    fake.write(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    (tmp_path / "train-labels-idx1-ubyte").mkdir()
    with pytest.raises(UsageError, match="train-labels-idx1-ubyte is a folder"):
        load_folder(tmp_path, md5=fake.md5)


def test_a_file_in_place_of_the_folder(fake, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file; expected a folder"):
        load_folder(tmp_path / "file", md5=fake.md5)


def test_download_fills_the_folder_and_is_not_repeated(fake, tmp_path: Path, torchvision) -> None:
    calls = torchvision(lambda root: fake.write(root / "MNIST" / "raw"))
    folder = tmp_path / "new"
    first = load_folder(folder, md5=fake.md5)
    again = load_folder(folder, md5=fake.md5)
    assert len(calls) == 1
    assert contents(folder) == {f"MNIST/raw/{name}" for name in fake.md5}
    for a, b, expected in zip(first, again, fake.arrays, strict=True):
        np.testing.assert_array_equal(a, expected)
        np.testing.assert_array_equal(b, expected)


def test_download_leaves_the_files_that_are_there(fake, tmp_path: Path, torchvision) -> None:
    torchvision(lambda root: fake.write(root / "MNIST" / "raw"))
    fake.write(tmp_path, zipped=True)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    load_folder(tmp_path, md5=fake.md5)
    assert contents(tmp_path / "MNIST") == {"raw/t10k-labels-idx1-ubyte"}


def half_then(error: BaseException) -> Callable[[Path], None]:
    def action(root: Path) -> None:
        (root / "MNIST" / "raw").mkdir(parents=True)
        (root / "MNIST" / "raw" / "train-images-idx3-ubyte.gz").write_bytes(b"half")
        raise error

    return action


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("Error downloading:\nTried a,\ngot: b"),
        URLError("no network"),
        TimeoutError("timed out"),
        EOFError("cut off"),
        OSError(28, "No space left on device"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_failed_download_tells_where_files_go_and_leaves_nothing(
    fake, tmp_path: Path, torchvision, error: Exception
) -> None:
    torchvision(half_then(error))
    with pytest.raises(UsageError, match="could not be downloaded") as caught:
        load_folder(tmp_path, md5=fake.md5)
    for part in (*fake.md5, *fake.md5.values(), "--data-dir", "QKAN_DATA", str(tmp_path)):
        assert part in str(caught.value)
    assert contents(tmp_path) == set()


def test_an_interrupted_download_leaves_nothing(fake, tmp_path: Path, torchvision) -> None:
    torchvision(half_then(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        load_folder(tmp_path, md5=fake.md5)
    assert contents(tmp_path) == set()


def test_a_download_of_other_data_is_refused(fake, tmp_path: Path, torchvision) -> None:
    expected = fake.md5
    fake.contents["t10k-labels-idx1-ubyte"] += b"\0"
    torchvision(lambda root: fake.write(root / "MNIST" / "raw"))
    with pytest.raises(UsageError, match="t10k-labels-idx1-ubyte is damaged"):
        load_folder(tmp_path, md5=expected)
    assert contents(tmp_path) == set()


def test_an_unwritable_folder_is_a_clear_error(fake, tmp_path: Path, torchvision) -> None:
    torchvision(lambda root: None)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="could not be downloaded into"):
        load_folder(tmp_path / "file" / "below", md5=fake.md5)


def test_which_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QKAN_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    assert data_folder("~/there") == Path.home() / "there"
    monkeypatch.setenv("QKAN_DATA", "")
    assert data_folder() == platformdirs.user_data_path("hybrid-qkan", appauthor=False)
