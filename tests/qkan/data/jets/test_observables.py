"""Observables against their formulas written out; images lose nothing inside, and their core is one patch."""

import itertools

import numpy as np
import pytest

from circuits.errors import UsageError
from qkan.data.jets.constituents import Constituents
from qkan.data.jets.observables import OBSERVABLES, images, observables

RADIUS = 0.4


def column(jets: Constituents, name: str) -> np.ndarray:
    return observables(jets, RADIUS, [name])[:, 0]


def test_against_the_formulas_particle_by_particle(jets: Constituents) -> None:
    for index in range(len(jets)):
        one = jets[index : index + 1]
        there = one.there[0]
        pt, charged = one.pt[0, there], one.charged[0, there]
        dy, dphi = (d[0, there] for d in one.relative())
        z, theta = pt / pt.sum(), np.hypot(dy, dphi) / RADIUS
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


def test_subjettiness_in_closed_form() -> None:
    """On as many axes as particles it is zero; of two prongs the winner takes the one axis."""
    prongs = [[100.0, 0.1, 0.1, 22], [120.0, -0.1, 0.0, 22], [90.0, 0.0, -0.2, 22]]
    three = Constituents.of([prongs])
    assert column(Constituents.of([[*prongs[:2], [0.0] * 4]]), "tau21")[0] == 0
    assert column(three, "tau21")[0] > 0
    assert column(three, "tau32")[0] == 0
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


def test_squares_of_the_grey_values_are_the_shares(jets: Constituents) -> None:
    """All particles lie inside, so the squares sum to one, but for the rounding of each pixel."""
    squared = (images(jets, 1.0, 18) / 255.0) ** 2
    assert np.allclose(squared.sum(axis=(1, 2, 3)), 1, atol=9 * 2 * 0.5 / 255)


def test_every_particle_is_in_its_pixel(jets: Constituents) -> None:
    found = images(jets, 1.0, 6)
    dy, dphi = jets.relative()
    expected = np.zeros((len(jets), 6, 6))
    for jet, particle in np.argwhere(jets.there):
        place = int((dy[jet, particle] + 1) * 3), int((dphi[jet, particle] + 1) * 3)
        expected[(jet, *place)] += jets.z[jet, particle]
    assert np.array_equal(found[:, 0], np.round(255 * np.sqrt(expected)))


@pytest.mark.parametrize("pixels", [2, 6, 18, 22])
def test_the_core_is_one_patch_of_a_filter_of_stride_two(pixels: int) -> None:
    """Four particles about the axis fall into four pixels of the same two-by-two patch."""
    small = 0.4 / pixels
    core = [[100.0, a * small, b * small, 22] for a in (-1, 1) for b in (-1, 1)]
    lit = np.argwhere(images(Constituents.of([core]), 0.4, pixels)[0, 0])
    assert len(lit) == 4
    assert len({(row // 2, column // 2) for row, column in lit}) == 1


def test_far_particles_are_left_out_and_sizes_that_cut_the_core_refused(jets: Constituents) -> None:
    jet = Constituents.of([[[400.0, 0.0, 0.0, 22], [1.0, 0.9, 0.0, 22]]])
    assert np.count_nonzero(images(jet, 0.4, 18)) == 1
    for pixels in (0, 17, 20, 28):
        with pytest.raises(UsageError, match="twice an odd number"):
            images(jets, 0.4, pixels)
