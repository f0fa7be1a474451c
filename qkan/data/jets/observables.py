r"""The observables that tell quark from gluon jets, from the jets' constituents.

With the shares :math:`z_i = p_{T,i} / \sum_j p_{T,j}` and distances :math:`\Delta R` in rapidity and azimuth,
:math:`\theta_i` being a particle's distance to the jet's axis in units of the jet's radius R:

==================== =============================================================== ====
multiplicity         number of constituents
charged_multiplicity number of charged constituents
ptd                  :math:`\sqrt{\sum_i z_i^2}`
lha                  :math:`\sum_i z_i \theta_i^{1/2}`, the Les Houches angularity
width                :math:`\sum_i z_i \theta_i`
thrust               :math:`\sum_i z_i \theta_i^2`
c1                   :math:`\sum_{i<j} z_i z_j \Delta R_{ij}^{0.2}`
tau1                 N-subjettiness :math:`\tau_N = \sum_i z_i \min_k \Delta R_{ik} / R` for N = 1
tau21, tau32         :math:`\tau_2 / \tau_1, \tau_3 / \tau_2`; 0 where there are no more particles than axes
z_max                the largest share
m_over_pt            mass over transverse momentum of the jet
==================== =============================================================== ====

Source: P. Gras et al., arXiv:1704.03878 (angularities, quark/gluon benchmarks); A. Larkoski, G. Salam, J. Thaler,
arXiv:1305.0007 (C1); J. Thaler, K. Van Tilburg, arXiv:1011.2268 and 1108.2701 (N-subjettiness). The angularities are
taken about the momentum of the jet, the axes of N-subjettiness are those of exclusive kt clustering with
winner-take-all recombination, without a minimisation after it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from circuits.errors import MissingExtraError, UsageError, unknown_name
from qkan.data.jets.constituents import Array, Constituents

__all__ = ["OBSERVABLES", "images", "observables"]

OBSERVABLES = (
    "multiplicity",
    "charged_multiplicity",
    "ptd",
    "lha",
    "width",
    "thrust",
    "c1",
    "tau1",
    "tau21",
    "tau32",
    "z_max",
    "m_over_pt",
)

_AXES = 3
_C1_POWER = 0.2


def observables(
    jets: Constituents, radius: float, names: Sequence[str] = OBSERVABLES
) -> npt.NDArray[np.float32]:
    """Return the observables of jets, all of them without unit.

    Args:
        jets: The constituents.
        radius: The jets' radius R.
        names: Which observables, of ``OBSERVABLES``.

    Shape:
        Result: (N, number of names), float32.

    Raises:
        UsageError: If a name is unknown, the radius is not positive, or the charged multiplicity is asked for
            where the kinds of particles are unknown.
        MissingExtraError: If fastjet, which finds the axes of N-subjettiness, is not installed.

    Example:
        >>> two = np.array([[[300.0, 0.1, 0.0, 211], [100.0, -0.1, 0.0, 22]]])
        >>> names = ["multiplicity", "charged_multiplicity", "ptd", "z_max"]
        >>> observables(Constituents.of(two), 0.4, names).round(4).tolist()
        [[2.0, 1.0, 0.7906, 0.75]]
    """
    for name in names:
        if name not in OBSERVABLES:
            raise unknown_name("observable", name, OBSERVABLES)
    if not radius > 0:
        raise UsageError(f"the radius of jets must be positive, got {radius}.")
    values = _shapes(jets, radius)
    if "charged_multiplicity" in names:
        values["charged_multiplicity"] = jets.charged.sum(axis=1)
    if any(name.startswith("tau") for name in names):
        values |= _subjettiness(jets, radius)
    return np.stack([values[name] for name in names], axis=1).astype(np.float32)


def _shapes(jets: Constituents, radius: float) -> dict[str, Array]:
    z, (dy, dphi) = jets.z, jets.relative()
    theta = np.hypot(dy, dphi) / radius
    energy, px, py, pz = jets.jet_momenta.T
    squared_mass = np.maximum(energy**2 - px**2 - py**2 - pz**2, 0.0)
    return {
        "multiplicity": jets.there.sum(axis=1).astype(float),
        "ptd": np.sqrt((z**2).sum(axis=1)),
        "lha": (z * np.sqrt(theta)).sum(axis=1),
        "width": (z * theta).sum(axis=1),
        "thrust": (z * theta**2).sum(axis=1),
        "c1": _c1(z, dy, dphi),
        "z_max": z.max(axis=1),
        "m_over_pt": np.sqrt(squared_mass) / np.hypot(px, py),
    }


def _c1(z: Array, dy: Array, dphi: Array) -> Array:
    # Jet by jet, for all pairs of all jets would not fit into memory.
    return np.array(
        [
            0.5 * float(s @ np.hypot(a[:, None] - a, b[:, None] - b) ** _C1_POWER @ s)
            for s, a, b in zip(z, dy, dphi, strict=True)
        ]
    )


def _subjettiness(jets: Constituents, radius: float) -> dict[str, Array]:
    z, (dy, dphi) = jets.z, jets.relative()
    tau = np.zeros((len(jets), _AXES))
    for jet, there in enumerate(jets.there):
        y, phi = dy[jet, there], dphi[jet, there]
        for index, axes in enumerate(_axes(jets.pt[jet, there], y, phi)):
            distances = np.hypot(y[:, None] - axes[:, 0], phi[:, None] - axes[:, 1])
            tau[jet, index] = z[jet, there] @ distances.min(axis=1) / radius
    return {
        "tau1": tau[:, 0],
        "tau21": np.divide(tau[:, 1], tau[:, 0], out=np.zeros(len(jets)), where=tau[:, 0] > 0),
        "tau32": np.divide(tau[:, 2], tau[:, 1], out=np.zeros(len(jets)), where=tau[:, 1] > 0),
    }


def _axes(pt: Array, y: Array, phi: Array) -> list[Array]:
    """Return the winner-take-all kt axes (y, phi) for one axis, for two, for three.

    There are as many as there are particles at most: on as many axes as particles tau is zero.
    """
    try:
        import fastjet
    except ImportError as error:
        raise MissingExtraError(
            "the axes of N-subjettiness are found by fastjet: pip install 'hybrid-qkan[hep-gen]'"
        ) from error
    particles = []
    for t, a, b in zip(pt, y, phi, strict=True):
        particle = fastjet.PseudoJet()
        particle.reset_PtYPhiM(t, a, b, 0.0)
        particles.append(particle)
    # So wide that the distance to the beam is never the smallest.
    definition = fastjet.JetDefinition(fastjet.kt_algorithm, 100.0, fastjet.WTA_pt_scheme)
    cluster = fastjet.ClusterSequence(particles, definition)
    found = [
        cluster.exclusive_jets(count) for count in range(1, min(_AXES, len(particles) - 1) + 1)
    ]
    return [np.array([(axis.rap(), axis.phi_std()) for axis in axes]) for axes in found]


def images(jets: Constituents, radius: float, pixels: int = 18) -> npt.NDArray[np.uint8]:
    r"""Return each jet's image, 255 times the square root of the share of transverse momentum in a pixel.

    The square is :math:`2 R \times 2 R` in rapidity and azimuth about the jet's axis, which lies where four
    pixels meet. With half the number of pixels odd, those four are one patch of a two-by-two filter of stride
    two, so the filter does not cut the jet's core. The square root keeps soft particles visible in a byte.

    Args:
        jets: The constituents; those outside the square are left out.
        radius: The jets' radius R.
        pixels: How many a side; twice an odd number.

    Shape:
        Result: (N, 1, pixels, pixels), uint8.

    Raises:
        UsageError: If ``pixels`` is not twice an odd number or the radius is not positive.

    Example:
        >>> one = Constituents.of(np.array([[[500.0, 0.0, 0.0, 22]]]))
        >>> images(one, radius=0.4, pixels=6)[0, 0].max(), images(one, 0.4, 6)[0, 0, 2:4, 2:4].sum()
        (np.uint8(255), np.uint64(255))
    """
    if pixels < 2 or pixels % 4 != 2:
        raise UsageError(
            f"pixels must be twice an odd number, such as 18 or 22, so that a 2x2 filter of stride 2 "
            f"does not cut the jet's core; got {pixels}."
        )
    if not radius > 0:
        raise UsageError(f"the radius of jets must be positive, got {radius}.")
    dy, dphi = jets.relative()
    row, column = (np.floor((d / radius + 1) * pixels / 2).astype(np.int64) for d in (dy, dphi))
    inside = jets.there & (row >= 0) & (row < pixels) & (column >= 0) & (column < pixels)
    jet = np.nonzero(inside)[0]
    place = (jet * pixels + row[inside]) * pixels + column[inside]
    count = len(jets) * pixels**2
    shares = np.bincount(place, jets.z[inside], count).reshape(len(jets), 1, pixels, pixels)
    grey: npt.NDArray[np.uint8] = np.round(255 * np.sqrt(np.minimum(shares, 1.0))).astype(np.uint8)
    return grey
