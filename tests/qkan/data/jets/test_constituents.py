"""Jets in padded arrays: kinematics against ``vector``, and what is refused."""

import numpy as np
import pytest

from circuits.errors import UsageError
from qkan.data.jets.constituents import Constituents, charges, masses


@pytest.mark.slow
def test_momenta_are_those_of_vector(jets: Constituents) -> None:
    import vector

    theirs = vector.array(
        {
            "pt": jets.pt,
            "eta": np.arcsinh(jets.momenta[..., 3] / np.where(jets.there, jets.pt, 1)),
            "phi": jets.phi,
            "mass": jets.mass,
        }
    )
    assert np.allclose(theirs.rapidity[jets.there], jets.y[jets.there], atol=1e-12)
    assert np.allclose(theirs.E[jets.there], jets.momenta[..., 0][jets.there])
    total = theirs.sum(axis=1)
    assert np.allclose(total.pt, jets.jet_pt)
    dy, dphi = jets.relative()
    assert np.allclose((theirs.deltaphi(total[:, None]) - dphi)[jets.there], 0, atol=1e-12)
    assert np.allclose((theirs.rapidity - total.rapidity[:, None] - dy)[jets.there], 0, atol=1e-12)


def test_four_momenta_round_trip(jets: Constituents) -> None:
    back = Constituents.from_momenta(jets.momenta)
    for name in ("pt", "y"):
        assert np.allclose(getattr(back, name), getattr(jets, name), atol=1e-9)
    assert np.allclose(back.mass, jets.mass, atol=1e-5)  # E^2 - p^2 loses half of the digits
    assert np.allclose(np.exp(1j * back.phi)[jets.there], np.exp(1j * jets.phi)[jets.there])
    assert np.array_equal(back.there, jets.there)


def test_shares_sum_to_one_and_padding_has_none(jets: Constituents) -> None:
    assert np.allclose(jets.z.sum(axis=1), 1)
    assert not jets.z[~jets.there].any()
    dy, dphi = jets.relative()
    assert not dy[~jets.there].any()
    assert not dphi[~jets.there].any()


def test_antiparticles_have_the_mass_and_the_opposite_charge() -> None:
    kinds = [11, 13, 211, 321, 2212, 3112]
    assert np.array_equal(masses(kinds), masses([-k for k in kinds]))
    assert np.array_equal(charges(kinds), -charges([-k for k in kinds]))
    assert charges([11, 211, 2212, 3112]).tolist() == [-1, 1, 1, -1]


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ((1, 2, 0), np.nan, "pt is NaN or infinite in 1 places.*constituent 2 of jet 1"),
        ((1, 2, 0), -3.0, "pt is negative"),
        ((1, 2, 0), 0.0, "no transverse momentum"),
        ((3, 0, 3), 9999, "9999"),
        ((3, 0, 3), 21.5, "not an integer"),
        (2, 0.0, "1 jets have no constituents, the first of them jet 2"),
    ],
)
def test_wrong_numbers_are_refused(particles, place, value, message) -> None:  # type: ignore[no-untyped-def]
    particles[place] = value
    with pytest.raises(UsageError, match=message):
        Constituents.of(particles)


def test_wrong_shapes_are_refused(particles: np.ndarray) -> None:
    with pytest.raises(UsageError, match=r"\(jets, constituents, 4\)"):
        Constituents.of(particles[0])
    with pytest.raises(UsageError, match="energy does not exceed"):
        Constituents.from_momenta(np.array([[[1.0, 1.0, 0.0, 5.0]]]))


def test_charges_of_unknown_kinds_are_not_guessed(jets: Constituents) -> None:
    unknown = Constituents.from_momenta(jets.momenta)
    with pytest.raises(UsageError, match="leave out charged_multiplicity"):
        _ = unknown.charged
