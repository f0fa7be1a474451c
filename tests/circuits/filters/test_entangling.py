import numpy as np
import pennylane as qml
import pytest

from circuits import quanvolutional_filter

CASES = [
    ("strongly-entangling", qml.StronglyEntanglingLayers, (2, 3, 3)),
    ("basic-entangler", qml.BasicEntanglerLayers, (2, 3)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "template", "shape"), CASES)
def test_series_is_the_template(name, template, shape, direct, series_of):
    def written_out(inputs, angles):
        for wire in range(3):
            qml.RY(np.pi * inputs[wire], wires=wire)
        template(angles, wires=range(3))

    filt = quanvolutional_filter(name, wires=3, layers=2, seed=4)
    assert filt.weight_shapes == {"angles": shape}
    x = np.random.default_rng(0).uniform(-5, 5, (8, 3))
    weights = filt.random_weights(np.random.default_rng(1))
    for given in ({}, weights):
        values = direct(filt, x, given, function=written_out)
        np.testing.assert_allclose(series_of(filt, given)(x), values, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("name", "template", "shape"), CASES)
def test_seed_fixes_the_angles(name, template, shape):
    first, again, other = (quanvolutional_filter(name, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.defaults["angles"], again.defaults["angles"])
    assert np.all(first.defaults["angles"] != other.defaults["angles"])
    assert first.defaults["angles"].min() >= 0
    assert first.defaults["angles"].max() < 2 * np.pi
