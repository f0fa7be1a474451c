"""Opening files that others made: what is missing, damaged or laid out otherwise is said plainly."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from circuits.errors import MissingExtraError, UsageError

__all__ = ["check_md5", "open_hdf5", "published_md5", "read_npz", "require", "rows", "same_count"]


def published_md5(file: str, name: str) -> str | None:
    """Return the MD5 of the file ``name`` from a list inside the package, or None if it is not in it."""
    lines = (resources.files("qkan.data") / "files" / file).read_text(encoding="ascii").splitlines()
    return next(
        (md5 for md5, _, known in (line.partition("  ") for line in lines) if known == name), None
    )


def check_md5(path: Path, published: str | None, doi: str) -> None:
    """Refuse a file that has a published name but not the published content.

    Raises:
        UsageError: If its MD5 is another than the published one.
    """
    if published is None:
        return
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "md5").hexdigest()
    if found != published:
        raise UsageError(
            f"{path} is damaged: its MD5 is {found}, published is {published}; get it again from "
            f"https://doi.org/{doi}, or give a file of your own another name."
        )


def require(path: str | Path, doi: str) -> Path:
    """Return the path of a file that is there.

    Raises:
        UsageError: If it is not; the message tells where the data are published.
    """
    path = Path(path)
    if not path.is_file():
        raise UsageError(
            f"there is no file {path}; these data are published at https://doi.org/{doi}"
        )
    return path


def read_npz(path: str | Path, names: tuple[str, ...], doi: str) -> dict[str, npt.NDArray[Any]]:
    """Return the named arrays of an npz file.

    Raises:
        UsageError: If the file is missing, truncated, or has other arrays.
    """
    content = io.BytesIO(require(path, doi).read_bytes())  # a damaged file would be left open
    try:
        with np.load(content, allow_pickle=False) as file:
            if not hasattr(file, "files"):
                raise UsageError(f"{path} holds one array; expected an npz file with {names}.")
            missing = [name for name in names if name not in file.files]
            if missing:
                raise UsageError(
                    f"{path} has no {', '.join(missing)}; it has {', '.join(file.files)}."
                )
            return {name: file[name] for name in names}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{path} is truncated or no npz file: {error}") from error


@contextmanager
def open_hdf5(path: str | Path, names: tuple[str, ...], doi: str) -> Iterator[Any]:
    """Open an HDF5 file that holds the named data sets.

    Raises:
        UsageError: If the file is missing, truncated, or has other data sets.
        MissingExtraError: If h5py is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError(
            "HDF5 files are read by h5py: pip install 'hybrid-qkan[hep]'"
        ) from error
    path = require(path, doi)
    try:
        with h5py.File(path, "r") as file:
            missing = [name for name in names if name not in file]
            if missing:
                raise UsageError(
                    f"{path} has no {', '.join(missing)}; it has {', '.join(file) or 'nothing'}."
                )
            yield file
    except OSError as error:
        raise UsageError(f"{path} is truncated or no HDF5 file: {error}") from error


def rows(limit: int | None) -> slice:
    """Return the slice of the first ``limit`` rows, or of all.

    Raises:
        UsageError: If the limit is not positive.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"limit must be at least 1, got {limit}.")
    return slice(limit)


def same_count(path: str | Path, jets: int, labels: int) -> None:
    """Refuse a file with another number of labels than of jets.

    Raises:
        UsageError: If the numbers differ.
    """
    if jets != labels:
        raise UsageError(f"{path} has {jets} jets but {labels} labels.")
