"""Readers of the files in which jets are published; each file is another layout.

=================== ================================================= ==================================
reader              file                                              source
=================== ================================================= ==================================
``energyflow``      quark and gluon jets, npz                         doi:10.5281/zenodo.3164691
``top_tagging``     top tagging reference, HDF5 of pandas             doi:10.5281/zenodo.2603256
``hls4ml``          jets of five classes, HDF5                        doi:10.5281/zenodo.3602254
``ecal``            electrons and photons in a calorimeter, HDF5      doi:10.1007/s41781-020-00038-8
``from_awkward``    momenta in memory: awkward arrays, ``vector``     doi:10.21105/joss.05791
=================== ================================================= ==================================

Nothing is downloaded, and nothing that a file holds is executed: what pandas pickled into its attributes is not read.

The readers of files take the path and ``limit``, how many jets to take from the first (None: all). They raise
UsageError if the file is missing (with its DOI), truncated, laid out otherwise, or a number in it is wrong, and
MissingExtraError if h5py, which reads HDF5, is not installed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from circuits.errors import MissingExtraError, UsageError, check_integer
from qkan.data.jets.constituents import Array, Constituents, integers, masses
from qkan.data.jets.sample import binary_labels, read_npz

__all__ = ["HLS4ML_CLASSES", "ecal", "energyflow", "from_awkward", "hls4ml", "top_tagging"]

Labels = npt.NDArray[np.int64]

HLS4ML_CLASSES = ("j_g", "j_q", "j_w", "j_z", "j_t")
"""Gluon, light quark, W boson, Z boson, top quark: labels 0 to 4."""

_ENERGYFLOW = "10.5281/zenodo.3164691"
_TOP_TAGGING = "10.5281/zenodo.2603256"
_HLS4ML = "10.5281/zenodo.3602254"
_ECAL = "10.1007/s41781-020-00038-8"


def energyflow(path: str | Path, limit: int | None = None) -> tuple[Constituents, Labels]:
    """Return the jets of a file such as ``QG_jets.npz``, and their labels: 1 quark, 0 gluon.

    The file holds ``X`` (N, M, 4), the columns pt in GeV, rapidity, azimuth and PDG number, padded with zeros, and
    ``y`` (N,). Masses are the PDG's. A file with the name of one of the 40 published Pythia files must have its MD5.

    Source:
        P. T. Komiske, E. M. Metodiev, J. Thaler, arXiv:1810.05165; doi:10.5281/zenodo.3164691.
    """
    path = _require(path, _ENERGYFLOW)
    _check_md5(path, "energyflow.md5", _ENERGYFLOW)
    with path.open("rb") as file:
        arrays = read_npz(file, str(path), ("X", "y"))
    _same_count(path, arrays["X"], arrays["y"])
    taken = _rows(limit)
    return Constituents.of(_floats(path, arrays["X"][taken])), binary_labels(
        path, arrays["y"][taken]
    )


def top_tagging(path: str | Path, limit: int | None = None) -> tuple[Constituents, Labels]:
    """Return the jets of ``train.h5``, ``val.h5`` or ``test.h5``, and their labels: 1 top, 0 QCD.

    The file is a table of pandas: a block of floats E_0, PX_0, PY_0, PZ_0, E_1, ... of 200 constituents, then the
    four-momentum of the top quark; and a block of integers, of which the last is the label. The kinds of the
    constituents are unknown, so is their charge.

    Source:
        G. Kasieczka et al., arXiv:1902.09914; doi:10.5281/zenodo.2603256.
    """
    with _open_hdf5(path, ("table/table",), _TOP_TAGGING) as file:
        table = file["table/table"]
        names = table.dtype.names or ()
        if not {"values_block_0", "values_block_1"} <= set(names):
            raise UsageError(
                f"{path}: expected a table with values_block_0 and values_block_1, it has {names}."
            )
        records = table[_rows(limit)]
    numbers, facts = _floats(path, records["values_block_0"]), records["values_block_1"]
    width, truth = 4 * 200, 4
    if numbers.ndim != 2 or numbers.shape[1] not in (width, width + truth):
        raise UsageError(
            f"{path}: expected {width} or {width + truth} momenta a jet, got {numbers.shape}."
        )
    momenta = numbers[:, :width].reshape(len(numbers), 200, 4)
    labels = binary_labels(path, facts[:, -1] if facts.ndim == 2 else facts)
    return Constituents.from_momenta(momenta), labels


def hls4ml(path: str | Path, limit: int | None = None) -> tuple[Constituents, Labels]:
    """Return the jets of a file such as ``jetImage_0_30p_0_10000.h5``, and their classes.

    Shape:
        Labels: (N,), indices into :data:`HLS4ML_CLASSES`.

    Source:
        E. A. Moreno et al., arXiv:1908.05318; doi:10.5281/zenodo.3602254.
    """
    momentum = ("j1_e", "j1_px", "j1_py", "j1_pz")
    sets = ("jets", "jetConstituentList", "jetFeatureNames", "particleFeatureNames")
    with _open_hdf5(path, sets, _HLS4ML) as file:
        _same_count(path, file["jetConstituentList"], file["jets"])
        taken = _rows(limit)
        particles = _floats(path, file["jetConstituentList"][taken])
        features = _floats(path, file["jets"][taken])
        if particles.ndim != 3 or features.ndim != 2:
            raise UsageError(
                f"{path}: expected jets (N, features) and constituents (N, M, features), got {features.shape} and "
                f"{particles.shape}."
            )
        particle = _columns(path, file["particleFeatureNames"], momentum)
        feature = _columns(path, file["jetFeatureNames"], HLS4ML_CLASSES)
    if features.shape[1] <= max(feature) or particles.shape[2] <= max(particle):
        raise UsageError(f"{path} has more names of columns than columns.")
    classes = features[:, feature]
    if not (np.isin(classes, (0, 1)).all() and (classes.sum(axis=1) == 1).all()):
        raise UsageError(
            f"{path}: a jet belongs to none of the classes {HLS4ML_CLASSES}, or to two."
        )
    momenta = Constituents.from_momenta(particles[..., particle])
    return momenta, classes.argmax(axis=1).astype(np.int64)


def ecal(path: str | Path, limit: int | None = None) -> tuple[npt.NDArray[np.float32], Labels]:
    """Return the images of a file such as ``SingleElectronPt50_IMGCROPS_n249k_RHv1.hdf5``, and the labels in it.

    Shape:
        Images: (N, 2, 32, 32), the hits' energy and time in CMS's electromagnetic calorimeter; labels: (N,).

    Source:
        M. Andrews, M. Paulini, S. Gleyzer, B. Poczos, arXiv:1807.11916; doi:10.1007/s41781-020-00038-8.
    """
    with _open_hdf5(path, ("X", "y"), _ECAL) as file:
        _same_count(path, file["X"], file["y"])
        if file["X"].ndim != 4 or file["X"].shape[1:] != (32, 32, 2):
            raise UsageError(f"{path}: expected images (N, 32, 32, 2), got {file['X'].shape}.")
        taken = _rows(limit)
        pixels, labels = _floats(path, file["X"][taken]), file["y"][taken]
    if not np.isfinite(pixels).all():
        raise UsageError(f"{path}: a pixel is NaN or infinite.")
    return np.moveaxis(pixels, 3, 1).astype(np.float32), binary_labels(path, labels)


_CARTESIAN = (("E", "energy", "e", "t"), ("px", "x"), ("py", "y"), ("pz", "z"))
_POLAR = (("pt", "rho"), ("eta",), ("phi",), ("mass", "M", "m", "tau"))


def from_awkward(momenta: Any) -> Constituents:
    """Return jets from an awkward array of type N * var * momentum.

    A momentum has the fields E, px, py, pz, or pt, eta, phi, mass (and then, maybe, pid), or is
    any four-dimensional momentum of ``vector``.

    Raises:
        UsageError: If the array is not of that type, or a number in it is wrong.
        MissingExtraError: If awkward or vector is not installed.

    Example:
        >>> import awkward
        >>> particle = {"pt": 500.0, "eta": 0.1, "phi": 1.0, "mass": 0.0, "pid": 22}
        >>> len(from_awkward(awkward.Array([[particle], [particle, particle]])))
        2

    Source:
        J. Pivarski et al., doi:10.5281/zenodo.4341376; H. Schreiner et al., doi:10.21105/joss.05791.
    """
    try:
        import awkward
        import vector
    except ImportError as error:
        raise MissingExtraError(
            f"{error.name} is not installed: pip install 'hybrid-qkan[hep]'"
        ) from error
    array = awkward.Array(momenta)
    if array.ndim != 2 or not array.fields:
        raise UsageError(f"expected an array of type N * var * momentum, got {array.type}.")

    def found(spellings: tuple[tuple[str, ...], ...]) -> dict[str, Any] | None:
        """Return the fields under the first spelling of each, or None if one is missing."""
        names = [next((n for n in known if n in array.fields), None) for known in spellings]
        if None in names:
            return None
        return {known[0]: array[str(n)] for known, n in zip(spellings, names, strict=True)}

    def padded(values: Any) -> Array:
        if any(awkward.any(awkward.is_none(values, axis)) for axis in (0, 1)):
            raise UsageError("a jet or a number of a particle is missing (None); leave it out.")
        most = int(awkward.max(awkward.num(values, axis=1), initial=1))
        filled = awkward.fill_none(awkward.pad_none(values, most, clip=True), 0.0)
        return np.asarray(awkward.to_numpy(filled), dtype=float)

    if (fields := found(_CARTESIAN)) is not None:
        vectors = vector.zip(fields)
        return Constituents.from_momenta(
            np.stack([padded(getattr(vectors, name)) for name in fields], axis=-1)
        )
    if (fields := found(_POLAR)) is None:
        raise UsageError(
            "expected momenta with the fields E, px, py, pz, or pt, eta, phi, mass; "
            f"got {sorted(array.fields)}."
        )
    vectors = vector.zip(fields)
    pid = integers(padded(array["pid"])) if "pid" in array.fields else None
    if pid is not None:
        masses(pid)  # refuses kinds that are unknown
    pt, y, phi, mass = (
        padded(getattr(vectors, name)) for name in ("pt", "rapidity", "phi", "mass")
    )
    return Constituents(pt, y, phi, mass, pid)


def _require(path: str | Path, doi: str) -> Path:
    """Return the path of a file that is there, or tell where the data are published."""
    path = Path(path)
    if not path.is_file():
        raise UsageError(
            f"there is no file {path}; these data are published at https://doi.org/{doi}"
        )
    return path


def _check_md5(path: Path, listed: str, doi: str) -> None:
    """Refuse a file with a name of the list inside the package, but not the published content."""
    lines = (resources.files("qkan.data") / "files" / listed).read_text(encoding="ascii")
    published = {
        name: md5 for md5, _, name in (line.partition("  ") for line in lines.splitlines())
    }
    if path.name not in published:
        return
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "md5").hexdigest()
    if found != published[path.name]:
        raise UsageError(
            f"{path} is damaged: its MD5 is {found}, published is {published[path.name]}; get it again "
            f"from https://doi.org/{doi}, or give a file of your own another name."
        )


@contextmanager
def _open_hdf5(path: str | Path, names: tuple[str, ...], doi: str) -> Iterator[Any]:
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError(
            "HDF5 files are read by h5py: pip install 'hybrid-qkan[hep]'"
        ) from error
    path = _require(path, doi)
    try:
        with h5py.File(path, "r") as file:
            _require_sets(
                path, file, [n for n in names if not isinstance(file.get(n), h5py.Dataset)]
            )
            yield file
    except UsageError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:  # all of them h5py's
        raise UsageError(f"{path} is truncated or no HDF5 file: {error}") from error


def _require_sets(path: Path, file: Any, missing: Sequence[str]) -> None:
    if missing:
        there = ", ".join(file) or "nothing"
        raise UsageError(f"{path} has no {', '.join(missing)}; it has {there}.")


def _floats(path: str | Path, values: npt.NDArray[Any]) -> Array:
    if values.dtype.kind not in "fiu":
        raise UsageError(f"{path}: expected numbers, got {values.dtype}.")
    return values.astype(float)


def _columns(path: str | Path, listed: Any, wanted: tuple[str, ...]) -> list[int]:
    """Return where the wanted names are in a data set of names."""
    known = [
        name.decode(errors="replace") if isinstance(name, bytes) else str(name)
        for name in listed[:]
    ]
    for name in wanted:
        if name not in known:
            raise UsageError(f"{path} has no column {name!r}; it has {', '.join(known)}.")
    return [known.index(name) for name in wanted]


def _rows(limit: int | None) -> slice:
    return slice(None if limit is None else check_integer("limit", limit))


def _same_count(path: str | Path, jets: Any, labels: Any) -> None:
    if len(jets) != len(labels):
        raise UsageError(f"{path} has {len(jets)} jets but {len(labels)} labels.")
