"""All of MNIST from a folder of IDX files, put there by hand or by torchvision's download."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zlib
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import platformdirs

from circuits.errors import UsageError
from qkan.data.idx import parse_idx, read_bytes

__all__ = ["MD5", "data_folder", "load_folder"]

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
    from torchvision import datasets

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
