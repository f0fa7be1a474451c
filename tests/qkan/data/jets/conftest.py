import numpy as np
import pytest

from qkan.data.jets.constituents import Constituents


@pytest.fixture
def particles() -> np.ndarray:
    """Five jets of 2 to 9 particles, padded with zeros: pt, y, phi, pid."""
    rng = np.random.default_rng(5)
    kinds = np.array([211, -211, 22, 130, 2212, -11])
    jets = np.zeros((5, 9, 4))
    for jet, count in enumerate((2, 9, 5, 3, 7)):
        pt = rng.uniform(1, 200, count)
        y, phi = rng.normal(0.3, 0.1, count), rng.normal(3.1, 0.1, count)  # across the seam of phi
        jets[jet, :count] = np.stack([pt, y, phi, rng.choice(kinds, count)], axis=1)
    return jets


@pytest.fixture
def jets(particles: np.ndarray) -> Constituents:
    return Constituents.of(particles)
