"""MNIST: the first images from inside the package, all of them from a folder."""

from __future__ import annotations

import hashlib
import io
import operator
import os
from dataclasses import dataclass
from importlib import resources

import numpy as np
import numpy.typing as npt
import torch

from circuits.errors import UsageError
from qkan.data.folder import data_folder, load_folder

__all__ = ["MNIST", "mnist"]

EMBEDDED_FILE = "mnist-first-5000-1000.npz"
EMBEDDED_SHA256 = "63dba6e74cc8bc6096a7d7bcadaa726ad449aa3f19f780ce0f2790974e044271"
_MEMBERS = ("train_images", "train_labels", "test_images", "test_labels")


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
    wanted = {"train": _count("train", train), "test": _count("test", test)}
    arrays = load_folder(data_folder(data_dir), download=download) if full else _embedded()
    for kind, images in (("train", arrays[0]), ("test", arrays[2])):
        _require_enough(kind, wanted[kind], len(images), full)
    n, m = wanted["train"], wanted["test"]
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


def _count(kind: str, value: int | None) -> int | None:
    if value is None:
        return None
    try:
        count = operator.index(value)
    except TypeError:
        count = 0
    if count <= 0 or isinstance(value, bool):
        raise UsageError(f"mnist({kind}={value!r}): expected a positive number of images, or None.")
    return count


def _require_enough(kind: str, wanted: int | None, available: int, full: bool) -> None:
    if wanted is None or wanted <= available:
        return
    where = "MNIST has" if full else "inside the package there are the first"
    hint = "" if full else " Ask for the full set with full=True (on the command line, --full)."
    raise UsageError(f"mnist({kind}={wanted:,}): {where} {available:,} images of that kind.{hint}")


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
