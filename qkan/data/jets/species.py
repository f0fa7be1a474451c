"""Masses and charges of the particles that live long enough to reach a detector."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from circuits.errors import UsageError

__all__ = ["NEUTRINOS", "charges", "masses"]

NEUTRINOS = (12, 14, 16)

_SPECIES: dict[int, tuple[float, int]] = {
    11: (0.000511, -1),
    13: (0.105658, -1),
    22: (0.0, 0),
    130: (0.497611, 0),
    310: (0.497611, 0),
    211: (0.139570, 1),
    321: (0.493677, 1),
    2112: (0.939565, 0),
    2212: (0.938272, 1),
    3112: (1.197449, -1),
    3122: (1.115683, 0),
    3222: (1.189370, 1),
    3312: (1.321710, -1),
    3322: (1.314860, 0),
    3334: (1.672430, -1),
}
"""Mass in GeV and charge in e of each particle, by its number in the PDG's scheme.

Source: Particle Data Group, Review of Particle Physics, Phys. Rev. D 110, 030001 (2024).
"""


def masses(pid: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the masses in GeV of particles, or of antiparticles; 0, which is padding, has none.

    Args:
        pid: Numbers in the PDG's scheme, of any shape.

    Raises:
        UsageError: If a number is not that of a particle which reaches a detector.

    Example:
        >>> masses([211, -211, 22, 0])
        array([0.13957, 0.13957, 0.     , 0.     ])
    """
    return _look_up(pid)[0]


def charges(pid: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the charges in e of particles; an antiparticle's is the opposite.

    Args:
        pid: Numbers in the PDG's scheme, of any shape.

    Raises:
        UsageError: If a number is not that of a particle which reaches a detector.

    Example:
        >>> charges([211, -211, 11, 2112, 0])
        array([ 1., -1., -1.,  0.,  0.])
    """
    signed: npt.NDArray[np.float64] = _look_up(pid)[1] * np.sign(np.asarray(pid, dtype=float))
    return signed


def _look_up(pid: npt.ArrayLike) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    numbers, places = np.unique(np.abs(np.asarray(pid)), return_inverse=True)
    unknown = [int(number) for number in numbers if number and number not in _SPECIES]
    if unknown:
        raise UsageError(
            f"the PDG numbers {unknown} are none of particles that reach a detector; "
            f"known are {sorted(_SPECIES)}, their antiparticles, and 0 for padding."
        )
    table = np.array([_SPECIES.get(int(number), (0.0, 0)) for number in numbers], dtype=float)
    found = table[places]
    return found[..., 0], found[..., 1]
