"""The particles of many jets, in arrays that short jets fill with zeros."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from circuits.errors import UsageError

__all__ = ["NEUTRINOS", "Constituents", "charges", "integers", "masses"]

Array = npt.NDArray[np.float64]

NEUTRINOS = (12, 14, 16)

_ROUNDING = 1e-4

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


@dataclass(frozen=True)
class Constituents:
    r"""The constituents of N jets, at most M in a jet; those of no transverse momentum are padding.

    Attributes:
        pt: Transverse momenta in GeV, (N, M).
        y: Rapidities, (N, M).
        phi: Azimuths in radians, (N, M).
        mass: Masses in GeV, (N, M).
        pid: Numbers in the PDG's scheme, (N, M), or None where they are unknown.

    Raises:
        UsageError: If shapes differ, a number is not finite, a transverse momentum or mass is
            negative, a particle of a known kind has no transverse momentum, or a jet is empty.

    Example:
        >>> jets = Constituents.of(np.array([[[250.0, 0.1, 3.0, 211], [250.0, 0.0, 3.1, 22]]]))
        >>> jets.jet_pt.round(1), jets.charged.sum()
        (array([499.4]), np.int64(1))
    """

    pt: Array
    y: Array
    phi: Array
    mass: Array
    pid: npt.NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        named: dict[str, npt.NDArray[np.generic]]
        named = {"pt": self.pt, "y": self.y, "phi": self.phi, "mass": self.mass}
        if self.pid is not None:
            named["pid"] = self.pid
        for name, values in named.items():
            if values.ndim != 2 or values.shape != self.pt.shape:
                raise UsageError(
                    f"{name}: expected the shape (jets, constituents) of pt, {self.pt.shape}, "
                    f"got {values.shape}."
                )
            _refuse(~np.isfinite(values.astype(float)), f"{name} is NaN or infinite")
        _refuse(self.pt < 0, "pt is negative")
        _refuse(self.mass < 0, "the mass is negative")
        if self.pid is not None:
            _refuse((self.pt == 0) & (self.pid != 0), "a particle has no transverse momentum")
        if not self.pt.size:
            raise UsageError(
                f"there are no jets, or none with room for a constituent: {self.pt.shape}."
            )
        empty = np.flatnonzero(~self.there.any(axis=1))
        if len(empty):
            raise UsageError(
                f"{len(empty)} jets have no constituents, the first of them jet {empty[0]}; "
                "leave them out."
            )

    @classmethod
    def of(cls, particles: npt.ArrayLike) -> Constituents:
        """Return jets from (N, M, 4) arrays of pt, y, phi and PDG number; masses are the PDG's.

        Raises:
            UsageError: If the shape, a number or a kind of particle is not what it should be.
        """
        array = _columns(particles, "pt, y, phi, pid")
        pt, y, phi, pid = np.moveaxis(array, 2, 0)
        return cls(pt, y, phi, masses(integers(pid)), integers(pid))

    @classmethod
    def from_momenta(cls, momenta: npt.ArrayLike) -> Constituents:
        """Return jets from (N, M, 4) four-momenta (E, px, py, pz) in GeV, zeros being padding.

        Raises:
            UsageError: If the shape is another, a number is not finite, or a particle's energy is
                below its momentum.
        """
        array = _columns(momenta, "E, px, py, pz")
        infinite = np.asarray(~np.isfinite(array).all(axis=2))
        _refuse(infinite, "a four-momentum is NaN or infinite")
        energy, px, py, pz = np.moveaxis(array, 2, 0)
        pt = np.hypot(px, py)
        there = pt > 0
        _refuse(there & (energy <= np.abs(pz)), "the energy does not exceed the momentum |pz|")
        _refuse(~there & (energy != 0), "a particle has no transverse momentum")
        y = np.zeros_like(pt)
        y[there] = 0.5 * np.log((energy[there] + pz[there]) / (energy[there] - pz[there]))
        # Rounding makes the squared mass of a massless particle negative, by parts in a million of float32 momenta.
        squared = energy**2 - px**2 - py**2 - pz**2
        _refuse(
            there & (squared < -_ROUNDING * energy**2),
            "the mass is imaginary: the energy is below the momentum",
        )
        mass = np.sqrt(np.maximum(squared, 0.0)) * there
        return cls(pt, y, np.arctan2(py, px) * there, mass)

    def __len__(self) -> int:
        return len(self.pt)

    def __getitem__(self, jets: slice | npt.NDArray[np.int64]) -> Constituents:
        """Return some of the jets."""
        pid = None if self.pid is None else self.pid[jets]
        return Constituents(self.pt[jets], self.y[jets], self.phi[jets], self.mass[jets], pid)

    @property
    def there(self) -> npt.NDArray[np.bool_]:
        """Which entries are particles, not padding."""
        there: npt.NDArray[np.bool_] = np.greater(self.pt, 0)
        return there

    @property
    def charged(self) -> npt.NDArray[np.bool_]:
        """Which particles are charged.

        Raises:
            UsageError: If the kinds of the particles are unknown.
        """
        kinds = self._kinds("counted as charged (leave out charged_multiplicity)")
        charged: npt.NDArray[np.bool_] = charges(kinds) != 0
        return charged

    @property
    def particles(self) -> npt.NDArray[np.float32]:
        """Columns pt, y, phi, pid of each particle, (N, M, 4), as :meth:`of` reads them.

        Raises:
            UsageError: If the kinds of the particles are unknown.
        """
        columns = (self.pt, self.y, self.phi, self._kinds("written"))
        return np.stack(columns, axis=-1).astype(np.float32)

    @property
    def z(self) -> Array:
        """Each particle's share of the sum of transverse momenta."""
        shares: Array = self.pt / self.pt.sum(axis=1, keepdims=True)
        return shares

    @property
    def momenta(self) -> Array:
        """Four-momenta (E, px, py, pz) in GeV, (N, M, 4)."""
        transverse = np.hypot(self.pt, self.mass)
        return np.stack(
            [
                transverse * np.cosh(self.y),
                self.pt * np.cos(self.phi),
                self.pt * np.sin(self.phi),
                transverse * np.sinh(self.y),
            ],
            axis=-1,
        )

    @property
    def jet_momenta(self) -> Array:
        """The four-momenta (E, px, py, pz) of the jets in GeV, (N, 4)."""
        total: Array = self.momenta.sum(axis=1)
        return total

    @property
    def jet_pt(self) -> Array:
        """The transverse momenta of the jets in GeV."""
        _, px, py, _ = self.jet_momenta.T
        transverse: Array = np.hypot(px, py)
        return transverse

    def _kinds(self, use: str) -> npt.NDArray[np.int64]:
        if self.pid is None:
            raise UsageError(f"the particles' kinds (pid) are unknown, so they can't be {use}.")
        return self.pid

    def relative(self) -> tuple[Array, Array]:
        """Return each particle's rapidity and azimuth less its jet's; zero for padding."""
        energy, px, py, pz = self.jet_momenta.T
        jet_y = 0.5 * np.log((energy + pz) / (energy - pz))
        dphi = np.remainder(self.phi - np.arctan2(py, px)[:, None] + np.pi, 2 * np.pi) - np.pi
        return (self.y - jet_y[:, None]) * self.there, dphi * self.there


def integers(pid: Array) -> npt.NDArray[np.int64]:
    """Return PDG numbers as integers.

    Raises:
        UsageError: If one is none.
    """
    _refuse(~np.isfinite(pid) | (pid != np.round(pid)), "pid is not an integer")
    return pid.astype(np.int64)


def _refuse(wrong: npt.NDArray[np.bool_], what: str) -> None:
    if wrong.any():
        jet, particle = np.argwhere(wrong)[0][:2]
        raise UsageError(
            f"{what} in {int(wrong.sum())} places, first for constituent {particle} of jet {jet}."
        )


def _columns(values: npt.ArrayLike, names: str) -> Array:
    array = np.asarray(values, dtype=float)
    if array.ndim != 3 or array.shape[2] != 4:
        raise UsageError(
            f"expected jets of shape (jets, constituents, 4) with columns {names}; got {array.shape}."
        )
    return array
