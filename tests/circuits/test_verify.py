import numpy as np
import pytest

from circuits.spectrum import find_departure


def departure(values, cones, scales):
    return find_departure(
        lambda x: np.stack(values(*x.T), -1), cones, scales, np.random.default_rng(0)
    )


def test_a_trigonometric_polynomial_does_not_depart():
    def values(x, y):
        return np.cos(2 * x) * np.sin(3 * y) + 0.2, np.sin(x)

    assert departure(values, [{0: 2, 1: 1}, {0: 1}], (1.0, 3.0)) is None
    assert departure(values, [{0: 5, 1: 3}, {0: 5, 1: 3}], (1.0, 3.0)) is None


@pytest.mark.parametrize(
    ("values", "cones", "scales", "where"),
    [
        (lambda x, y: (np.cos(2 * x) + y * 0,), [{0: 1}], (1.0, 1.0), "along input 0"),
        (lambda x, y: (np.cos(x) + np.sin(y),), [{0: 1}], (1.0, 1.0), "along input 1"),
        (lambda x, y: (np.cos(x), np.cos(x)), [{0: 1}, {}], (1.0, 1.0), "observable 1"),
        (lambda x, y: (np.cos(x),), [{0: 1}], (1.1, 1.0), "along input 0"),
        (lambda x, y: (np.cos(x * y),), [{0: 2, 1: 2}], (1.0, 1.0), "along input 0"),
        (lambda x, y: (np.cos(x) + 1e-6 * np.cos(2 * x),), [{0: 1}], (1.0, 1.0), "input 0"),
        (lambda x, y: (x * np.nan,), [{0: 1}], (1.0, 1.0), "along input 0"),
        (lambda x, y: (np.where(np.abs(x) > 20, np.nan, 1.0),), [{0: 1}], (1.0, 1.0), "input 0"),
    ],
)
def test_departures_are_found_and_named(values, cones, scales, where):
    assert where in departure(values, cones, scales)
