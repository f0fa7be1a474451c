"""The top tagging reference data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from circuits.errors import UsageError
from qkan.data.jets.constituents import Constituents
from qkan.data.jets.readers.files import open_hdf5, rows

__all__ = ["top_tagging"]

DOI = "10.5281/zenodo.2603256"

_TABLE = "table/table"
_PARTICLES = 200
_TRUTH = 4


def top_tagging(
    path: str | Path, limit: int | None = None
) -> tuple[Constituents, npt.NDArray[np.int64]]:
    """Return the jets of ``train.h5``, ``val.h5`` or ``test.h5``, and their labels: 1 top, 0 QCD.

    The file is a table of pandas: a block of floats E_0, PX_0, PY_0, PZ_0, E_1, ... of 200 constituents, then the
    four-momentum of the top quark; and a block of integers, of which the last is the label. The kinds of the
    constituents are unknown, so is their charge.

    Args:
        path: The file; nothing is downloaded.
        limit: How many jets to take, from the first; None for all.

    Raises:
        UsageError: If the file is missing (with its DOI), truncated, laid out otherwise, or a number in it is wrong.
        MissingExtraError: If h5py is not installed.

    Source:
        G. Kasieczka et al., arXiv:1902.09914; doi:10.5281/zenodo.2603256.
    """
    with open_hdf5(path, (_TABLE,), DOI) as file:
        table = file[_TABLE]
        names = table.dtype.names or ()
        if not {"values_block_0", "values_block_1"} <= set(names):
            raise UsageError(
                f"{path}: expected a table with values_block_0 and values_block_1, it has {names}."
            )
        records = table[rows(limit)]
    numbers = records["values_block_0"].astype(float)
    width = 4 * _PARTICLES
    if numbers.ndim != 2 or numbers.shape[1] not in (width, width + _TRUTH):
        raise UsageError(
            f"{path}: expected {width} or {width + _TRUTH} momenta a jet, got {numbers.shape}."
        )
    momenta = numbers[:, :width].reshape(len(numbers), _PARTICLES, 4)
    return Constituents.from_momenta(momenta), records["values_block_1"][:, -1].astype(np.int64)
