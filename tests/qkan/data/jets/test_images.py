"""Jet images: nothing inside is lost, and the core is one patch."""

import numpy as np
import pytest

from circuits.errors import UsageError
from qkan.data.jets.constituents import Constituents
from qkan.data.jets.images import images


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


def test_far_particles_are_left_out() -> None:
    jet = Constituents.of([[[400.0, 0.0, 0.0, 22], [1.0, 0.9, 0.0, 22]]])
    assert np.count_nonzero(images(jet, 0.4, 18)) == 1


def test_sizes_that_cut_the_core_are_refused(jets: Constituents) -> None:
    for pixels in (0, 17, 20, 28):
        with pytest.raises(UsageError, match="twice an odd number"):
            images(jets, 0.4, pixels)
