"""Observables against their formulas written out, and their theorems."""

import itertools

import numpy as np
import pytest

from circuits.errors import UsageError
from qkan.data.jets.constituents import Constituents
from qkan.data.jets.observables import OBSERVABLES, observables

RADIUS = 0.4


def column(jets: Constituents, name: str) -> np.ndarray:
    return observables(jets, RADIUS, [name])[:, 0]


def test_against_the_formulas_particle_by_particle(jets: Constituents) -> None:
    for index in range(len(jets)):
        one = jets[index : index + 1]
        there = one.there[0]
        pt, charged = one.pt[0, there], one.charged[0, there]
        dy, dphi = (d[0, there] for d in one.relative())
        z = [t / sum(pt) for t in pt]
        theta = [np.hypot(a, b) / RADIUS for a, b in zip(dy, dphi, strict=True)]
        e, px, py, pz = one.momenta[0, there].sum(axis=0)
        expected = {
            "multiplicity": len(pt),
            "charged_multiplicity": sum(charged),
            "ptd": sum(s * s for s in z) ** 0.5,
            "lha": sum(s * t**0.5 for s, t in zip(z, theta, strict=True)),
            "width": sum(s * t for s, t in zip(z, theta, strict=True)),
            "thrust": sum(s * t * t for s, t in zip(z, theta, strict=True)),
            "c1": sum(
                z[i] * z[j] * np.hypot(dy[i] - dy[j], dphi[i] - dphi[j]) ** 0.2
                for i, j in itertools.combinations(range(len(z)), 2)
            ),
            "z_max": max(z),
            "m_over_pt": (e * e - px * px - py * py - pz * pz) ** 0.5 / np.hypot(px, py),
        }
        for name, value in expected.items():
            assert column(one, name)[0] == pytest.approx(value, rel=1e-5), name


def test_subjettiness_of_as_many_axes_as_particles_is_zero() -> None:
    prongs = [[100.0, 0.1, 0.1, 22], [120.0, -0.1, 0.0, 22], [90.0, 0.0, -0.2, 22]]
    two = Constituents.of([[*prongs[:2], [0.0] * 4]])
    three = Constituents.of([prongs])
    assert column(two, "tau21")[0] == 0
    assert column(three, "tau21")[0] > 0
    assert column(three, "tau32")[0] == 0


def test_tau1_of_two_prongs_in_closed_form() -> None:
    """The winner takes the axis, so the loser alone is away from it."""
    jet = Constituents.of([[[300.0, 0.1, 0.0, 22], [100.0, -0.1, 0.0, 22]]])
    assert column(jet, "tau1")[0] == pytest.approx(0.25 * 0.2 / RADIUS, rel=1e-6)


def test_one_particle_has_no_structure() -> None:
    photon = Constituents.of([[[520.0, 0.3, 1.0, 22]]])
    values = dict(zip(OBSERVABLES, observables(photon, RADIUS)[0].tolist(), strict=True))
    ones = {"multiplicity", "ptd", "z_max"}
    for name, value in values.items():
        assert value == pytest.approx(1.0 if name in ones else 0.0, abs=1e-6), name


def test_rotations_and_boosts_along_the_beam_change_nothing(particles: np.ndarray) -> None:
    before = observables(Constituents.of(particles), RADIUS)
    moved = particles.copy()
    there = moved[..., 0] > 0
    moved[..., 1] += 1.3 * there
    moved[..., 2] = (np.remainder(moved[..., 2] + 2.0, 2 * np.pi) - np.pi) * there
    assert np.allclose(observables(Constituents.of(moved), RADIUS), before, rtol=1e-4, atol=1e-6)


def test_wrong_wishes_are_refused(jets: Constituents) -> None:
    with pytest.raises(UsageError, match="unknown observable 'widht'; did you mean 'width'"):
        observables(jets, RADIUS, ["widht"])
    with pytest.raises(UsageError, match="radius"):
        observables(jets, 0.0)
