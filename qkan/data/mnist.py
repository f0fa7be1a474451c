"""MNIST: the first images from inside the package, all of them from a folder of IDX files."""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import os
import tempfile
import zlib
from collections.abc import Mapping
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

_PLACES = (Path(), Path("MNIST", "raw"), Path("raw"))
_UINT8 = 0x08


@dataclass(frozen=True, eq=False)
class MNIST:
    """Images and labels of handwritten digits, in the order in which they were published.

    Attributes:
        train_images: Grey values 0 (background) to 255, uint8 ``(N, 1, 28, 28)``.
        train_labels: The digits, int64 ``(N,)``.
        test_images: As ``train_images``.
        test_labels: As ``train_labels``.
        source: ``"embedded first 5,000/1,000"`` or ``"full"``.
        sha256: SHA-256 of the bytes of the four arrays (labels as bytes, too). It depends on the
            data alone: the same images have the same one from either source.
    """

    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor
    source: str
    sha256: str


def mnist(
    train: int | None = None,
    test: int | None = None,
    *,
    full: bool = False,
    data_dir: str | os.PathLike[str] | None = None,
    download: bool = True,
) -> MNIST:
    """Return the first ``train`` training and the first ``test`` test images of MNIST.

    Args:
        train: How many training images; None takes all there are: 5,000, with ``full`` 60,000.
        test: How many test images; None takes all there are: 1,000, with ``full`` 10,000.
        full: Whether to read the full set from IDX files instead of what ships inside the package.
        data_dir: With ``full``, the folder of the IDX files (as they are or with ``.gz``; in the
            folder itself, in ``raw`` or in ``MNIST/raw``). By default the environment variable
            ``QKAN_DATA``, else the platform's data folder.
        download: With ``full``, whether files that the folder lacks are downloaded into it.

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
    arrays = load_folder(data_folder(data_dir), download=download) if full else _embedded()
    for kind, wanted, available in (("train", n, len(arrays[0])), ("test", m, len(arrays[2]))):
        if wanted is not None and wanted > available:
            where = "MNIST has" if full else "inside the package there are the first"
            hint = (
                ""
                if full
                else " Ask for the full set with full=True (on the command line, --full)."
            )
            raise UsageError(
                f"mnist({kind}={wanted:,}): {where} {available:,} images of that kind.{hint}"
            )
    chosen = [arrays[0][:n], arrays[1][:n], arrays[2][:m], arrays[3][:m]]
    digest = hashlib.sha256()
    for array in chosen:
        digest.update(array.tobytes())
    tensors = [torch.from_numpy(array.copy()) for array in chosen]
    return MNIST(
        train_images=tensors[0].unsqueeze(1),
        train_labels=tensors[1].long(),
        test_images=tensors[2].unsqueeze(1),
        test_labels=tensors[3].long(),
        source="full" if full else "embedded first 5,000/1,000",
        sha256=digest.hexdigest(),
    )


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
    arrays = load_folder(folder, download=False)
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
    folder: Path, *, download: bool = True, md5: Mapping[str, str] = MD5
) -> list[npt.NDArray[np.uint8]]:
    """Return the arrays of MNIST's four files, checked by MD5.

    Every file is looked for as it is and with ``.gz``, in ``folder``, ``folder/MNIST/raw`` (where
    torchvision puts it) and ``folder/raw``. What is there and damaged is never replaced: it is an
    error that names the file.

    Args:
        folder: Where to look, and where a download goes (into ``MNIST/raw``).
        download: Whether to download what is missing.
        md5: The files and the MD5 of their unzipped content.

    Shape:
        In the order of ``md5``: ``(60000, 28, 28)``, ``(60000,)``, ``(10000, 28, 28)``,
        ``(10000,)``.

    Raises:
        UsageError: If a file is missing and cannot be downloaded, or is damaged.
        MissingExtraError: If files are to be downloaded and torchvision is not installed.
    """
    if os.path.isfile(folder):
        raise UsageError(
            f"The data folder {folder} is a file; expected a folder with MNIST's files."
        )
    found = {name: _find(folder, name) for name in md5}
    missing = [name for name, path in found.items() if path is None]
    if missing and not download:
        raise UsageError(_advice(f"{folder} has no {', '.join(missing)}.", folder, md5))
    fresh = _download(folder, missing, md5) if missing else {}
    contents = {
        name: fresh[name] if path is None else _checked(path, md5[name])
        for name, path in found.items()
    }
    return [parse_idx(content, name) for name, content in contents.items()]


def _find(folder: Path, name: str) -> Path | None:
    places = (folder / place / file for place in _PLACES for file in (name, f"{name}.gz"))
    return next((path for path in places if os.path.exists(path)), None)


def _checked(path: Path, md5: str) -> bytes:
    content = read_bytes(path)
    actual = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if actual != md5:
        raise UsageError(
            f"{path} is damaged, incomplete or not MNIST's: its content ({len(content):,} bytes "
            f"unzipped) has MD5 {actual}, expected {md5}. Delete the file and get it again."
        )
    return content


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
            contents = {name: _checked(path, md5[name]) for name, path in fetched.items()}
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
    """Return the content of a file, unzipped if its name ends in ``.gz``.

    Args:
        path: The file.

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
    if path.suffix != ".gz":
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
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != _UINT8:
        raise UsageError(
            f"{name} is not an IDX file of unsigned bytes: expected it to start with '00 00 08' "
            f"and the number of axes, it starts with {content[:4].hex(' ')!r}."
        )
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise UsageError(f"{name} ends inside its header, after {len(content)} bytes.")
    shape = tuple(int(n) for n in np.frombuffer(content[4:start], ">u4"))
    expected = start + math.prod(shape)
    if len(content) != expected:
        raise UsageError(
            f"{name} has {len(content):,} bytes, but its header announces shape {shape}, which "
            f"takes {expected:,}. Delete the file and get it again."
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
