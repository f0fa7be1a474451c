"""Quark and gluon jets as EnergyFlow publishes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from qkan.data.jets.constituents import Constituents
from qkan.data.jets.readers.files import (
    check_md5,
    published_md5,
    read_npz,
    require,
    rows,
    same_count,
)

__all__ = ["energyflow"]

DOI = "10.5281/zenodo.3164691"


def energyflow(
    path: str | Path, limit: int | None = None
) -> tuple[Constituents, npt.NDArray[np.int64]]:
    """Return the jets of a file such as ``QG_jets.npz``, and their labels: 1 quark, 0 gluon.

    The file holds ``X`` (N, M, 4), the columns pt in GeV, rapidity, azimuth and PDG number, padded with zeros, and
    ``y`` (N,). Masses are the PDG's. A file with the name of one of the 40 published Pythia files must have its MD5.

    Args:
        path: The file; nothing is downloaded.
        limit: How many jets to take, from the first; None for all.

    Raises:
        UsageError: If the file is missing (with its DOI), truncated, laid out otherwise, or a number in it is wrong.

    Source:
        P. T. Komiske, E. M. Metodiev, J. Thaler, arXiv:1810.05165; doi:10.5281/zenodo.3164691.
    """
    path = require(path, DOI)
    check_md5(path, published_md5("energyflow.md5", path.name), DOI)
    arrays = read_npz(path, ("X", "y"), DOI)
    same_count(path, len(arrays["X"]), len(arrays["y"]))
    taken = rows(limit)
    return Constituents.of(arrays["X"][taken]), arrays["y"][taken].astype(np.int64)
