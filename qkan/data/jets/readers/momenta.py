"""Jets that are in memory already: awkward arrays of momenta, with ``vector`` or without."""

from __future__ import annotations

from typing import Any

import numpy as np

from circuits.errors import MissingExtraError, UsageError
from qkan.data.jets.constituents import Array, Constituents
from qkan.data.jets.species import masses

__all__ = ["from_awkward"]

_SPELLINGS = (
    (("E", "energy", "e", "t"), ("px", "x"), ("py", "y"), ("pz", "z")),
    (("pt", "rho"), ("eta",), ("phi",), ("mass", "M", "m", "tau")),
)


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
    fields = set(array.fields)
    spelled = [
        [next((n for n in names if n in fields), None) for names in kind] for kind in _SPELLINGS
    ]
    complete = next((names for names in spelled if None not in names), None)
    if complete is None:
        raise UsageError(
            f"expected momenta with the fields E, px, py, pz, or pt, eta, phi, mass; got {sorted(fields)}."
        )
    cartesian = complete is spelled[0]
    keys = ("E", "px", "py", "pz") if cartesian else ("pt", "eta", "phi", "mass")
    vectors = vector.zip(dict(zip(keys, (array[str(name)] for name in complete), strict=True)))

    def padded(values: Any) -> Array:
        most = int(awkward.max(awkward.num(values, axis=1), initial=1))
        filled = awkward.fill_none(awkward.pad_none(values, most, clip=True), 0.0)
        return np.asarray(awkward.to_numpy(filled), dtype=float)

    if cartesian:
        parts = [padded(getattr(vectors, name)) for name in keys]
        return Constituents.from_momenta(np.stack(parts, axis=-1))
    mass = padded(vectors.mass)
    pid = padded(array["pid"]).astype(np.int64) if "pid" in fields else None
    if pid is not None:
        masses(pid)  # refuses kinds that are unknown
    return Constituents(
        padded(vectors.pt), padded(vectors.rapidity), padded(vectors.phi), mass, pid
    )
