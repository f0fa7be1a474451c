"""The jets of five classes that hls4ml is measured with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from circuits.errors import UsageError
from qkan.data.jets.constituents import Constituents
from qkan.data.jets.readers.files import open_hdf5, rows, same_count

__all__ = ["HLS4ML_CLASSES", "hls4ml"]

DOI = "10.5281/zenodo.3602254"

HLS4ML_CLASSES = ("j_g", "j_q", "j_w", "j_z", "j_t")
"""Gluon, light quark, W boson, Z boson, top quark: labels 0 to 4."""

_MOMENTUM = ("j1_e", "j1_px", "j1_py", "j1_pz")
_SETS = ("jets", "jetConstituentList", "jetFeatureNames", "particleFeatureNames")


def hls4ml(
    path: str | Path, limit: int | None = None
) -> tuple[Constituents, npt.NDArray[np.int64]]:
    """Return the jets of a file such as ``jetImage_0_30p_0_10000.h5``, and their classes.

    Args:
        path: The file; nothing is downloaded.
        limit: How many jets to take, from the first; None for all.

    Shape:
        Labels: (N,), indices into :data:`HLS4ML_CLASSES`.

    Raises:
        UsageError: If the file is missing (with its DOI), truncated, laid out otherwise, or a number in it is wrong.
        MissingExtraError: If h5py is not installed.

    Source:
        E. A. Moreno et al., arXiv:1908.05318; doi:10.5281/zenodo.3602254.
    """
    with open_hdf5(path, _SETS, DOI) as file:
        same_count(path, len(file["jetConstituentList"]), len(file["jets"]))
        particle, jet = _names(file["particleFeatureNames"]), _names(file["jetFeatureNames"])
        for name, known in (
            *((n, particle) for n in _MOMENTUM),
            *((n, jet) for n in HLS4ML_CLASSES),
        ):
            if name not in known:
                raise UsageError(f"{path} has no column {name!r}; it has {', '.join(known)}.")
        taken = rows(limit)
        particles = file["jetConstituentList"][taken].astype(float)
        features = file["jets"][taken].astype(float)
    momenta = particles[..., [particle.index(name) for name in _MOMENTUM]]
    classes = features[:, [jet.index(name) for name in HLS4ML_CLASSES]]
    if not (classes.sum(axis=1) == 1).all():
        raise UsageError(
            f"{path}: a jet belongs to none of the classes {HLS4ML_CLASSES}, or to two."
        )
    return Constituents.from_momenta(momenta), classes.argmax(axis=1).astype(np.int64)


def _names(values: Any) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values[:]]
