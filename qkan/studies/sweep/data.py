"""What a sweep's models learn from, and what they are judged by; never a test set."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from circuits.errors import UsageError
from qkan.config import check
from qkan.data import mnist

__all__ = ["DataConfig", "Split", "checksum", "load"]

_SHARE = 5
"""One sample of so many is for validation, if nothing else is said."""

Split = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class DataConfig:
    """Training images of MNIST, or the samples in a file.

    Attributes:
        file: A ``.npz`` file with arrays ``x`` (N, ...) and ``y`` (N,) or (N, outputs); its samples are shuffled.
        full: All of MNIST, where there is no file.
        train: How many samples are learnt from; by default all that are not for validation.
        validation: How many of the others judge; by default a fifth of all.
    """

    file: str | None = None
    full: bool = False
    train: int | None = None
    validation: int | None = None

    def __post_init__(self) -> None:
        check(self)
        if self.file is not None and self.full:
            raise UsageError("expected a file or full = true (all of MNIST), got both")


def load(config: DataConfig, seed: int, data_dir: Path | None = None) -> tuple[Split, Split]:
    """Return what is learnt from, and what is judged by.

    Args:
        config: Which.
        seed: The order of a file's samples, before they are split.
        data_dir: Where all of MNIST is.

    Shape:
        Inputs ``(N, ...)`` in float32, MNIST ``(N, 1, 28, 28)`` from 0 to 1; targets int64 or float32.

    Raises:
        UsageError: If the file is not such a one, or there are too few samples.
    """
    if config.file is None:
        images = mnist(full=config.full, data_dir=data_dir)
        x, y = images.train_images.float() / 255, images.train_labels
    else:
        x, y = _read(Path(config.file))
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
        x, y = x[order], y[order]
    m = len(x) // _SHARE if config.validation is None else config.validation
    n = len(x) - m if config.train is None else config.train
    if n < 1 or m < 1 or n + m > len(x):
        raise UsageError(
            f"expected training and validation samples, together at most {len(x):,}, got {n:,} and {m:,}"
        )
    return (x[:n], y[:n]), (x[n : n + m], y[n : n + m])


def checksum(config: DataConfig, data_dir: Path | None = None) -> str:
    """Return the SHA-256 of the data that are read."""
    if config.file is None:
        return mnist(full=config.full, data_dir=data_dir).sha256
    return hashlib.sha256(Path(config.file).read_bytes()).hexdigest()


def _read(path: Path) -> Split:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise UsageError(f"{path} is not a .npz file with arrays x and y: {error}") from error
    if not {"x", "y"} <= found.keys():
        raise UsageError(f"expected arrays x and y in {path}, got {', '.join(found) or 'none'}")
    x, y = found["x"], found["y"]
    if x.dtype.kind not in "fiub" or y.dtype.kind not in "fiub" or len(x) != len(y) or x.ndim < 2:
        raise UsageError(
            f"expected numbers x (N, ...) and y (N, ...) in {path}, got {x.dtype} {x.shape} and {y.dtype} {y.shape}"
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise UsageError(f"{path} holds NaN or infinite values; clean the data first")
    targets = torch.from_numpy(y.astype(np.float32 if y.dtype.kind == "f" else np.int64))
    return torch.from_numpy(x.astype(np.float32)), targets
