"""Electrons and photons in CMS's electromagnetic calorimeter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from circuits.errors import UsageError
from qkan.data.jets.readers.files import open_hdf5, rows, same_count

__all__ = ["ecal"]

DOI = "10.1007/s41781-020-00038-8"


def ecal(
    path: str | Path, limit: int | None = None
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return the images of a file such as ``SingleElectronPt50_IMGCROPS_n249k_RHv1.hdf5``, and the labels in it.

    Args:
        path: The file; nothing is downloaded.
        limit: How many images to take, from the first; None for all.

    Shape:
        Images: (N, 2, 32, 32), the hits' energy and time; labels: (N,).

    Raises:
        UsageError: If the file is missing (with a DOI), truncated, laid out otherwise, or a number is not finite.
        MissingExtraError: If h5py is not installed.

    Source:
        M. Andrews, M. Paulini, S. Gleyzer, B. Poczos, arXiv:1807.11916; doi:10.1007/s41781-020-00038-8.
    """
    with open_hdf5(path, ("X", "y"), DOI) as file:
        same_count(path, len(file["X"]), len(file["y"]))
        if file["X"].ndim != 4 or file["X"].shape[1:] != (32, 32, 2):
            raise UsageError(f"{path}: expected images (N, 32, 32, 2), got {file['X'].shape}.")
        taken = rows(limit)
        pixels, labels = file["X"][taken], file["y"][taken]
    if not np.isfinite(pixels).all():
        raise UsageError(f"{path}: a pixel is NaN or infinite.")
    return np.moveaxis(pixels, 3, 1).astype(np.float32), labels.astype(np.int64)
