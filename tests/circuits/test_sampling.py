"""The statistics of a series whose nodes were sampled once."""

import numpy as np
import pytest

from circuits import (
    backend,
    edge,
    node_weights,
    quanvolutional_filter,
    sampled_variance,
    series_from_values,
)

MADE = edge("pz(depth=2)")
WEIGHTS = {"theta": np.random.default_rng(5).uniform(0, 2 * np.pi, (3, 2))}
SHOTS, RUNS = 50, 3000


@pytest.fixture(scope="module")
def exact():
    return backend("default.qubit").run(MADE, MADE.plan.inputs, WEIGHTS)


@pytest.fixture(scope="module")
def sampled():
    """Values of independent series at some inputs, shape (runs, inputs)."""
    nodes = MADE.plan.inputs
    run = backend("default.qubit", shots=SHOTS, seed=1).run(
        MADE, np.tile(nodes, (RUNS, 1)), WEIGHTS
    )
    x = np.linspace(-3, 3, 8)[:, None]
    return x, np.array([series_from_values(MADE, v)(x)[:, 0] for v in run.reshape(RUNS, -1, 1)])


@pytest.mark.parametrize("made", [MADE, quanvolutional_filter("demo"), edge("entangled(depth=2)")])
def test_weights_and_their_squares_sum_to_one(made):
    x = np.random.default_rng(0).uniform(-3, 3, (20, made.num_inputs))
    for output in range(made.num_observables):
        weights = node_weights(made, x, output)
        np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-12)
        np.testing.assert_allclose((weights**2).sum(-1), 1, atol=1e-12)


def test_weights_make_the_series():
    demo = quanvolutional_filter("demo")
    x = np.random.default_rng(1).uniform(0, 1, (2, 3, 4))
    nodes = backend("default.qubit").run(demo, demo.plan.inputs)
    series = series_from_values(demo, nodes)(x)
    for output in range(4):
        values = node_weights(demo, x, output) @ nodes[:, output]
        np.testing.assert_allclose(values, series[..., output], atol=1e-12)


def test_variance_is_the_weighted_mean_of_the_nodes_and_below_that_of_direct_shots(exact, sampled):
    x, values = sampled
    predicted = sampled_variance(MADE, x, (1 - exact**2) / SHOTS)[:, 0]
    assert (predicted <= 1 / SHOTS).all()
    assert predicted.max() > 1.2 * predicted.min()
    # The relative standard error of a variance from n runs is sqrt(2/n), here 2.6 %.
    np.testing.assert_allclose(values.var(axis=0), predicted, rtol=0.12)


def test_values_at_two_inputs_are_correlated_by_their_common_nodes(exact, sampled):
    x, values = sampled
    weights = node_weights(MADE, x, 0)
    predicted = weights * ((1 - exact[:, 0] ** 2) / SHOTS) @ weights.T
    measured = np.cov(values.T)
    np.testing.assert_allclose(measured, predicted, atol=5 / SHOTS / np.sqrt(RUNS))
    correlation = np.corrcoef(values.T)
    assert abs(correlation - np.eye(len(x))).max() > 0.3
