"""Folding and extrapolation against noise whose effect is known in closed form."""

import numpy as np
import pennylane as qml
import pytest

from circuits import (
    UsageError,
    backend,
    circuit,
    cost,
    folded,
    quanvolutional_filter,
    series_from_values,
    zero_noise,
)

P = 0.02
SHRINK = 1 - 4 * P / 3
"""What one depolarising channel leaves of a Bloch vector, on whichever axis."""

DEPOLARISED = backend("default.mixed", noise=f"depolarizing:{P}")


@circuit(wires=1)
def turns(inputs):
    qml.RY(inputs[..., 0], wires=0)
    qml.RX(0.4, wires=0)
    qml.RZ(1.0, wires=0)


@pytest.mark.parametrize("scale", [1, 3, 5, 9])
def test_every_gate_counts_scale_times(scale):
    x = np.linspace(-2, 2, 5)[:, None]
    ideal = backend("default.qubit").run(turns, x)
    noisy = DEPOLARISED.run(folded(turns, scale), x)
    np.testing.assert_allclose(noisy, ideal * SHRINK ** (3 * scale), atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["default.qubit", "lightning.qubit", "aer"])
def test_ideal_values_and_the_series_stay(name):
    demo = quanvolutional_filter("strongly-entangling")
    three = folded(demo, 3)
    x = np.random.default_rng(0).uniform(0, 1, (4, 4))
    ideal = backend("default.qubit").run(demo, x)
    np.testing.assert_allclose(backend(name).run(three, x), ideal, atol=1e-12)
    assert three.fingerprint != demo.fingerprint
    nodes = backend(name).run(three, three.plan.inputs)
    np.testing.assert_allclose(series_from_values(three, nodes)(x), ideal, atol=1e-12)


def test_extrapolation_has_the_error_of_its_order():
    # Of exp(-c s) the polynomials through 1, 3 and 1, 3, 5 miss 1 by 3/2 c^2 and 5/2 c^3, to leading order.
    x = [[0.3]]
    (ideal,) = backend("default.qubit").run(turns, x)[0]
    c = -3 * np.log(SHRINK)
    linear = zero_noise(DEPOLARISED, turns, x, scales=(1, 3), order=1)[0, 0] / ideal
    square = zero_noise(DEPOLARISED, turns, x, scales=(1, 3, 5), order=2)[0, 0] / ideal
    assert 1 - linear == pytest.approx(1.5 * c**2, rel=0.3)
    assert 1 - square == pytest.approx(2.5 * c**3, rel=0.5)
    assert abs(1 - square) < abs(1 - linear) < 1 - SHRINK**3


@pytest.mark.slow
def test_what_is_folded_is_not_optimised_away_on_a_device():
    @circuit(wires=2, observables=qml.Z(1))
    def pair(inputs):
        qml.RY(inputs[..., 0], wires=0)
        qml.CNOT([0, 1])

    noisy, x = backend("aer:fake_manila"), [[0.4]]
    gates = [cost(folded(pair, scale), noisy, 1).two_qubit_gates for scale in (1, 3, 9)]
    assert gates == [1, 3, 9]
    errors = [abs(noisy.run(folded(pair, scale), x)[0, 0] - np.cos(0.4)) for scale in (1, 9)]
    assert errors[1] > errors[0] + 1e-3  # readout errors, most of both, stay the same


def test_prepared_states_are_prepared_once():
    @circuit(wires=2, observables=[qml.Z(0), qml.X(1)])
    def prepared(inputs):
        qml.BasisState([1, 0], wires=[0, 1])
        qml.RY(inputs[..., 0], wires=1)
        qml.CNOT([1, 0])

    x = [[0.7]]
    ideal = backend("default.qubit").run(prepared, x)
    np.testing.assert_allclose(
        backend("default.qubit").run(folded(prepared, 3), x), ideal, atol=1e-12
    )


def test_shots_of_different_scales_are_independent():
    sampled = backend("default.qubit", shots=100, seed=3)
    alone = [
        sampled.run(folded(turns, scale), [[1.0]], stream=stream)
        for stream, scale in enumerate((1, 3))
    ]
    mean = zero_noise(sampled, turns, [[1.0]], scales=(1, 3), order=0)
    assert alone[0] != alone[1]
    np.testing.assert_allclose(mean, np.mean(alone, axis=0), atol=1e-12)


@pytest.mark.parametrize(
    ("scales", "message"),
    [
        *(
            ((scale, 7), r"odd positive integer|scale must be an integer")
            for scale in (0, 2, -1, 1.5, True)
        ),
        ((3, 3), "needs more than 1 different scales"),
    ],
)
def test_bad_scales(scales, message):
    with pytest.raises(UsageError, match=message):
        zero_noise(DEPOLARISED, turns, [[0.0]], scales=scales, order=1)
