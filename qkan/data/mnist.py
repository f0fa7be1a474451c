"""MNIST: the first images from inside the package, all of them, or another data set, from a folder of IDX files."""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import os
import re
import tempfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from importlib import resources
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import platformdirs
import torch

from circuits.errors import MissingExtraError, UsageError, check_integer

__all__ = [
    "MD5",
    "MNIST",
    "data_folder",
    "embed",
    "load_folder",
    "mnist",
    "parse_idx",
    "read_bytes",
]

EMBEDDED_FILE = "mnist-first-5000-1000.npz"
EMBEDDED_SHA256 = "63dba6e74cc8bc6096a7d7bcadaa726ad449aa3f19f780ce0f2790974e044271"
_MEMBERS = ("train_images", "train_labels", "test_images", "test_labels")

MD5: Mapping[str, str] = MappingProxyType(
    {
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    }
)
"""The four files of MNIST and the MD5 of each, unzipped."""

_FILE = re.compile(r"(?:(.+)-)?(train|t10k|test)-(images|labels)[-.]idx[13]-ubyte(\.gz)?")
"""The names of a data set's files: Fashion-MNIST and KMNIST have MNIST's, EMNIST's begin with the name of a part."""
_ELEMENTS = {
    0x08: "unsigned bytes",
    0x09: "signed bytes",
    0x0B: "16-bit integers",
    0x0C: "32-bit integers",
    0x0D: "32-bit floats",
    0x0E: "64-bit floats",
}
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, eq=False)
class MNIST:
    """Images and labels of handwritten digits, or of another data set, in the order in which they were published.

    Attributes:
        train_images: Grey values 0 (background) to 255, uint8 ``(N, 1, 28, 28)``.
        train_labels: The digits, int64 ``(N,)``.
        test_images: As ``train_images``.
        test_labels: As ``train_labels``.
        source: ``"embedded first 5,000/1,000"`` or ``"full"`` for MNIST, else what was read.
        sha256: SHA-256 of the bytes of the four arrays (labels as bytes, too). It depends on the
            data alone: the same images have the same one from either source.
        name: ``"MNIST"`` if that is what the checksums say, else the name that was asked for.
    """

    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor
    source: str
    sha256: str
    name: str = "MNIST"


def mnist(
    train: int | None = None,
    test: int | None = None,
    *,
    full: bool = False,
    data_dir: str | os.PathLike[str] | None = None,
    download: bool = True,
    name: str | None = None,
) -> MNIST:
    """Return the first ``train`` training and the first ``test`` test images of MNIST.

    A folder may also hold another data set in files of the same kind (Fashion-MNIST, KMNIST, a part of EMNIST). It is
    taken for MNIST only if all four files have MNIST's checksums; of another one nothing is claimed.

    Args:
        train: How many training images; None takes all there are: 5,000, with ``full`` 60,000.
        test: How many test images; None takes all there are: 1,000, with ``full`` 10,000.
        full: Whether to read the full set from IDX files instead of what ships inside the package.
        data_dir: With ``full``, the folder of the IDX files (as they are or with ``.gz``; in the
            folder itself, in ``raw`` or in ``MNIST/raw``). By default the environment variable
            ``QKAN_DATA``, else the platform's data folder.
        download: With ``full``, whether files that the folder lacks are downloaded into it.
        name: Of another data set, ``"FashionMNIST"``: its files are looked for in ``NAME/raw``, too, or begin
            with ``NAME-`` (``"emnist-digits"``); all of it is read, nothing downloaded.

    Shape:
        Images ``(N, 1, 28, 28)`` uint8, as ``Conv2d`` and ``Quanvolution2d`` order their axes;
        labels ``(N,)`` int64.

    Raises:
        UsageError: If a number is not positive or more than there is, or if the full set is
            missing or damaged. The message says which file, and what to do.

    Example:
        >>> digits = mnist(train=50, test=30)
        >>> digits.train_images.shape, digits.train_images.dtype
        (torch.Size([50, 1, 28, 28]), torch.uint8)
        >>> digits.train_labels[:5]
        tensor([5, 0, 4, 1, 9])

    Reference: Y. LeCun, C. Cortes, "The MNIST database of handwritten digits", CC BY-SA 3.0; see
    ``qkan/data/files/LICENSE-MNIST.md``.
    """
    n, m = (
        None if value is None else check_integer(f"the number of {kind} images", value)
        for kind, value in (("train", train), ("test", test))
    )
    called, source, full = "MNIST", "embedded first 5,000/1,000", full or name is not None
    if full:
        folder, wanted = data_folder(data_dir), name or "MNIST"
        arrays, known = load_folder(folder, download=download and name is None, name=wanted)
        source = "full"
        if not known:
            called = name or "another data set"
            source = f"{called}: IDX files that are not MNIST's by their checksums"
    else:
        arrays = _embedded()
    for kind, count, available in (("train", n, len(arrays[0])), ("test", m, len(arrays[2]))):
        if count is not None and count > available:
            where = f"{called} has" if full else "inside the package there are the first"
            hint = " Ask for the full set with full=True (on the command line, --full)."
            raise UsageError(
                f"mnist({kind}={count:,}): {where} {available:,} images of that kind.{'' if full else hint}"
            )
    chosen = [arrays[0][:n], arrays[1][:n], arrays[2][:m], arrays[3][:m]]
    digest = hashlib.sha256()
    for array in chosen:
        digest.update(array.tobytes())
    x, y, x_test, y_test = (torch.from_numpy(array.copy()) for array in chosen)
    images, labels = (x.unsqueeze(1), x_test.unsqueeze(1)), (y.long(), y_test.long())
    return MNIST(images[0], labels[0], images[1], labels[1], source, digest.hexdigest(), called)


def _embedded() -> list[npt.NDArray[np.uint8]]:
    file = resources.files("qkan.data").joinpath("files", EMBEDDED_FILE)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read ({error}); install hybrid-qkan again.") from error
    actual = hashlib.sha256(content).hexdigest()
    if actual != EMBEDDED_SHA256:
        raise UsageError(
            f"{file} is damaged: its SHA-256 is {actual}, expected {EMBEDDED_SHA256}; "
            "install hybrid-qkan again."
        )
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return [arrays[name] for name in _MEMBERS]


def embed(folder: Path, output: Path, train: int = 5000, test: int = 1000) -> str:
    """Write the first images of MNIST to an npz file, which the package embeds; return its SHA-256.

    The same pixels give another file, and another SHA-256, if another zlib compresses them.

    Args:
        folder: Where MNIST's four IDX files are; their MD5 is checked, nothing is downloaded.
        output: The file to write, ``.npz``.
        train: The number of training images.
        test: The number of test images.

    Raises:
        UsageError: If a file is missing or damaged.
    """
    arrays, known = load_folder(folder, download=False)
    if not known:
        raise UsageError(f"the files in {folder} are not MNIST's by their checksums.")
    counts = (train, train, test, test)
    named = {name: a[:n] for name, a, n in zip(_MEMBERS, arrays, counts, strict=True)}
    np.savez_compressed(output, allow_pickle=False, **named)
    return hashlib.sha256(output.read_bytes()).hexdigest()


def data_folder(data_dir: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of data sets: ``data_dir``, else ``QKAN_DATA``, else the platform's.

    Args:
        data_dir: The folder, if one was asked for. ``~`` is expanded.
    """
    chosen = data_dir if data_dir is not None else os.environ.get("QKAN_DATA")
    if not chosen:
        return platformdirs.user_data_path("hybrid-qkan", appauthor=False)
    return Path(chosen).expanduser()


def load_folder(
    folder: Path, *, download: bool = True, md5: Mapping[str, str] = MD5, name: str = "MNIST"
) -> tuple[list[npt.NDArray[np.uint8]], bool]:
    """Return the arrays of a data set's four files, and whether they are those of ``md5``.

    Every file is looked for as it is and with ``.gz``, in ``folder``, ``folder/NAME/raw`` (where
    torchvision puts it) and ``folder/raw``. What is there and damaged is never replaced: it is an
    error that names the file. Files of which some have MNIST's checksums and others not are damaged or mixed.

    Args:
        folder: Where to look, and where a download goes (into ``MNIST/raw``).
        download: Whether to download what is missing.
        md5: The files and the MD5 of their unzipped content.
        name: Of the data set: of a folder, or what the files' names begin with.

    Shape:
        In the order of ``md5``: ``(60000, 28, 28)``, ``(60000,)``, ``(10000, 28, 28)``,
        ``(10000,)``.

    Raises:
        UsageError: If a file is missing and cannot be downloaded, is damaged or another's, or files do not fit.
        MissingExtraError: If files are to be downloaded and torchvision is not installed.
    """
    if os.path.isfile(folder):
        raise UsageError(
            f"The data folder {folder} is a file; expected a folder with MNIST's files."
        )
    found = _find(folder, name, md5)
    missing = [file for file in md5 if file not in found]
    if missing and not download:
        raise UsageError(_advice(f"{folder} has no {', '.join(missing)}.", folder, md5))
    contents = {file: read_bytes(path) for file, path in found.items()}
    contents |= _download(folder, missing, md5) if missing else {}
    known = [file for file in md5 if _md5(contents[file]) == md5[file]]
    for file in md5 if known else ():
        _require(contents[file], md5[file], str(found.get(file, file)))
    arrays = [parse_idx(contents[file], str(found.get(file, file))) for file in md5]
    _require_fit(arrays, [str(found.get(file, file)) for file in md5])
    return arrays, bool(known)


def _find(folder: Path, name: str, files: Iterable[str]) -> dict[str, Path]:
    """Return the files of a data set that are there, by MNIST's names for them.

    Raises:
        UsageError: If there are several data sets, or a folder that cannot be read.
    """
    sets: dict[str, dict[str, Path]] = {}
    for place in (folder, folder / name / "raw", folder / name, folder / "raw"):
        try:
            there = sorted(os.listdir(place)) if place.is_dir() else []
        except OSError as error:
            raise UsageError(f"{place} cannot be read: {error.strerror or error}.") from error
        for path in there:
            if match := _FILE.fullmatch(path):
                part = "train" if match[2] == "train" else "t10k"
                axes = 3 if match[3] == "images" else 1
                file = f"{part}-{match[3]}-idx{axes}-ubyte"
                sets.setdefault(match[1] or "", {}).setdefault(file, place / path)
    if name in sets:
        return sets[name]
    whole = [prefix for prefix, found in sets.items() if len(found) == len(list(files))]
    if sets.get("") or not whole:
        return sets.get("", {})
    if len(whole) > 1:
        raise UsageError(
            f"{folder} has several data sets: {', '.join(sorted(whole))}. Say which with mnist(name=...), or move one "
            "into a folder of its own."
        )
    return sets[whole[0]]


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _require(content: bytes, md5: str, file: str) -> bytes:
    """Return the content of a file that must be MNIST's."""
    if (actual := _md5(content)) != md5:
        raise UsageError(
            f"{file} is damaged, or of another data set than the files beside it, which are MNIST's: its content "
            f"({len(content):,} bytes unzipped) has MD5 {actual}, expected {md5}. Get it again, or put another data "
            "set into a folder of its own."
        )
    return content


def _require_fit(arrays: Sequence[npt.NDArray[np.uint8]], names: Sequence[str]) -> None:
    """Refuse files whose arrays are not images, (N, H, W), with as many labels, (N,)."""
    for (images, labels), (file, beside) in zip(
        (arrays[:2], arrays[2:]), (names[:2], names[2:]), strict=True
    ):
        if images.ndim != 3 or labels.ndim != 1:
            wrong, array = (file, images) if images.ndim != 3 else (beside, labels)
            expected = "images (N, height, width)" if wrong == file else "labels (N,)"
            raise UsageError(f"{wrong}: expected {expected}, got shape {array.shape}.")
        if len(images) != len(labels) or not len(images):
            raise UsageError(
                f"{file} has {len(images):,} images, {beside} {len(labels):,} labels; expected as many, "
                "and one at least."
            )
    if arrays[0].shape[1:] != arrays[2].shape[1:]:
        raise UsageError(
            f"{names[0]} has images of {arrays[0].shape[1:]} pixels, {names[2]} of {arrays[2].shape[1:]}; are they "
            "of two data sets?"
        )


def _download(folder: Path, names: list[str], md5: Mapping[str, str]) -> dict[str, bytes]:
    """Fetch the files beside their place, check them, and only then move in those that lack."""
    try:
        from torchvision import datasets
    except ImportError as error:
        told = (
            "torchvision, which downloads MNIST, is not installed: pip install 'hybrid-qkan[mnist]'"
        )
        raise MissingExtraError(_advice(told, folder, md5)) from error
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=folder) as scratch:
            datasets.MNIST(scratch, download=True)
            fetched = {name: Path(scratch, "MNIST", "raw", name) for name in names}
            contents = {n: _require(read_bytes(path), md5[n], n) for n, path in fetched.items()}
            raw = folder / "MNIST" / "raw"
            raw.mkdir(parents=True, exist_ok=True)
            for name, path in fetched.items():
                os.replace(path, raw / name)
    # What urllib, gzip and torchvision raise for a network, a disk or a mirror that fails.
    except (OSError, RuntimeError, EOFError, HTTPException, zlib.error, UsageError) as error:
        reason = " ".join(str(error).split())
        told = f"MNIST could not be downloaded into {folder}: {reason}"
        raise UsageError(_advice(told, folder, md5)) from error
    return contents


def _advice(problem: str, folder: Path, md5: Mapping[str, str]) -> str:
    files = "\n".join(f"    {name}  (MD5 {digest})" for name, digest in md5.items())
    return (
        f"{problem}\nPut these files, unzipped or as .gz, into {folder}:\n{files}\n"
        "(the MD5 is that of the unzipped file), or name the folder that has them with --data-dir, "
        "data_dir=... or the environment variable QKAN_DATA. Without the full set, the first 5,000 "
        "training and 1,000 test images are always there."
    )


def read_bytes(path: Path) -> bytes:
    """Return the content of a file, unzipped if it is a gzip file, whatever its name ends in.

    Raises:
        UsageError: If it is a folder, cannot be read, or is not a whole gzip file.
    """
    if path.is_dir():
        raise UsageError(
            f"{path} is a folder; expected the file of that name. Move the file out of it."
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from error
    if not content.startswith(_GZIP):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UsageError(
            f"{path} ({len(content):,} bytes) is not a whole gzip file: {error}. "
            "The download was probably cut off: delete the file and get it again."
        ) from error


def parse_idx(content: bytes, name: str = "the IDX data") -> npt.NDArray[np.uint8]:
    r"""Return the array of unsigned bytes that an IDX file holds.

    The file starts with two zero bytes, the type (8: unsigned byte) and the number of axes, then
    the length of every axis as a big-endian 32-bit integer, then the elements in C order.

    Args:
        content: The bytes of the file.
        name: What to call it in an error.

    Shape:
        Whatever the header says: ``(N, 28, 28)`` for MNIST's images, ``(N,)`` for its labels.

    Raises:
        UsageError: If the header is not that of an IDX file of bytes, or the length is not the
            one it announces.

    Example:
        >>> parse_idx(b"\0\0\x08\x02" + b"\0\0\0\x02" + b"\0\0\0\x03" + bytes(range(6)))
        array([[0, 1, 2], [3, 4, 5]], dtype=uint8)

    Reference: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits",
    section "File formats".
    """
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _ELEMENTS:
        raise UsageError(
            f"{name} is not an IDX file: expected it to start with '00 00 08' and the number of axes, it starts with "
            f"{content[:4].hex(' ')!r}."
        )
    if content[2] != 0x08:
        raise UsageError(
            f"{name} is an IDX file of {_ELEMENTS[content[2]]}; expected unsigned bytes, '00 00 08', as images of grey "
            f"values and labels are, it starts with {content[:4].hex(' ')!r}."
        )
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise UsageError(f"{name} ends inside its header, after {len(content)} bytes.")
    shape = tuple(int(n) for n in np.frombuffer(content[4:start], ">u4"))
    expected = start + math.prod(shape)
    if len(content) != expected:
        raise UsageError(
            f"{name} has {len(content):,} bytes, but its header announces shape {shape}, which "
            f"takes {expected:,}: it is {'truncated' if len(content) < expected else 'too long'}. Get it again."
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
