"""The particles of many jets, in arrays that short jets fill with zeros."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from circuits.errors import UsageError
from qkan.data.jets.species import charges, masses

__all__ = ["Constituents"]

Array = npt.NDArray[np.float64]


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
        array = np.asarray(particles, dtype=float)
        if array.ndim != 3 or array.shape[2] != 4:
            raise UsageError(
                "expected jets of shape (jets, constituents, 4) with columns pt, y, phi, pid; "
                f"got {array.shape}."
            )
        pt, y, phi, pid = np.moveaxis(array, 2, 0)
        _refuse(~np.isfinite(pid) | (pid != np.round(pid)), "pid is not an integer")
        return cls(pt, y, phi, masses(pid), pid.astype(np.int64))

    @classmethod
    def from_momenta(cls, momenta: npt.ArrayLike) -> Constituents:
        """Return jets from (N, M, 4) four-momenta (E, px, py, pz) in GeV, zeros being padding.

        Raises:
            UsageError: If the shape is another, a number is not finite, or a particle's energy is
                not above its momentum along the beam.
        """
        array = np.asarray(momenta, dtype=float)
        if array.ndim != 3 or array.shape[2] != 4:
            raise UsageError(
                "expected jets of shape (jets, constituents, 4) with columns E, px, py, pz; "
                f"got {array.shape}."
            )
        _refuse(~np.isfinite(array).all(axis=2), "a four-momentum is NaN or infinite")
        energy, px, py, pz = np.moveaxis(array, 2, 0)
        pt = np.hypot(px, py)
        there = pt > 0
        _refuse(there & (energy <= np.abs(pz)), "the energy does not exceed the momentum |pz|")
        _refuse(~there & (energy != 0), "a particle has no transverse momentum")
        y = np.zeros_like(pt)
        y[there] = 0.5 * np.log((energy[there] + pz[there]) / (energy[there] - pz[there]))
        # Rounding makes the squared mass of a massless particle negative.
        squared = energy**2 - px**2 - py**2 - pz**2
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
        columns = (self.pt, self.y, self.phi, self._kinds("written").astype(float))
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


def _refuse(wrong: npt.NDArray[np.bool_], what: str) -> None:
    if wrong.any():
        jet, particle = np.argwhere(wrong)[0][:2]
        raise UsageError(
            f"{what} in {int(wrong.sum())} places, first for constituent {particle} of jet {jet}."
        )
