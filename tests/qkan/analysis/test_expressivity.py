"""Circuits at random weights: closed forms of clouds and of the variances of gradients."""

import numpy as np
import pennylane as qml
import pytest
import torch

import circuits
from circuits.edges import edge
from circuits.errors import CircuitError, UsageError
from qkan.analysis import (
    coefficient_cloud,
    gradient_variance,
    random_cloud,
    reachable_dimension,
)
from qkan.analysis.expressivity import run_batched


def series(cloud, x):
    k = np.arange(cloud.shape[1])
    waves = np.exp(1j * np.outer(x, k)) * np.where(k == 0, 1, 2)
    return (cloud @ waves.T).real


def test_moments_of_the_phase_edge_in_closed_form():
    r"""With one upload, c_1 is half of what the state and the observable have off the z axis: E|c_1|^2 = 3/32.

    The Bloch vector behind RY(b) RZ(a) H|0> has the mean square 3/4 there, the observable 1/2; E c_0^2 = 1/8.
    """
    cloud = coefficient_cloud(edge("pz", depth=1), samples=20_000, rng=np.random.default_rng(0))
    assert np.mean(np.abs(cloud[:, 1]) ** 2) == pytest.approx(3 / 32, rel=0.03)
    assert np.mean(cloud[:, 0].real ** 2) == pytest.approx(1 / 8, rel=0.03)
    assert not cloud[:, 0].imag.any()


@pytest.mark.parametrize(
    "name", ["pz(depth=3)", "exponential(depth=2)", "entangled(wires=2, depth=2)"]
)
def test_clouds_are_series_of_expectation_values(name):
    circuit = edge(name)
    rng = np.random.default_rng(7)
    cloud = coefficient_cloud(circuit, samples=3, rng=np.random.default_rng(7))
    weights = {n: rng.uniform(0, 2 * np.pi, (3, *s)) for n, s in circuit.weight_shapes.items()}
    x = np.linspace(-2, 2, 5)
    run = circuits.backend("default.qubit").run
    for k in range(3):
        direct = run(circuit, x[:, None], {n: w[k] for n, w in weights.items()})[:, 0]
        np.testing.assert_allclose(series(cloud, circuit.scales[0] * x)[k], direct, atol=1e-12)


def test_one_input_of_several():
    @circuits.circuit(wires=2, inputs=2, weights={"theta": (1,)})
    def two(inputs, theta):
        qml.RX(inputs[..., 0], wires=0)
        qml.RY(theta[0], wires=1)
        qml.RX(3 * inputs[..., 1], wires=1)
        qml.RX(3 * inputs[..., 1], wires=1)

    cloud = coefficient_cloud(two, input=1, observable=1, samples=4)
    assert cloud.shape == (4, 3)
    np.testing.assert_allclose(cloud[:, 1], 0, atol=1e-12)  # <Z_1> = cos theta cos 6x
    for options in ({"input": 2}, {"observable": 3}):
        with pytest.raises(UsageError, match="=".join(map(str, *options.items()))):
            coefficient_cloud(two, **options)


def test_random_series_fill_the_range_of_an_expectation_value():
    cloud = random_cloud(4, samples=200, rng=np.random.default_rng(0))
    highest = np.abs(series(cloud, np.linspace(0, 2 * np.pi, 2000))).max(axis=1)
    assert np.all((highest > 0.98) & (highest < 1.02))
    spread = np.mean(np.abs(cloud) ** 2, axis=0)
    np.testing.assert_allclose(spread, spread.mean(), rtol=0.25)  # no direction is preferred
    with pytest.raises(UsageError, match="at least 1"):
        random_cloud(0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "dimension"),
    [
        ("pz(depth=1)", 3),
        ("pz(depth=4)", 9),
        # RY, X and Z alone: uploads and weights add up to one angle, cos(3 x + const).
        ("real(depth=3)", 1),
        # 27 coefficients, but 8 weights of which the first and the last RZ do nothing.
        ("exponential(depth=3)", 7),
    ],
)
def test_how_many_coefficients_are_free(name, dimension):
    assert reachable_dimension(edge(name)) == dimension


@pytest.mark.slow
def test_the_dimension_is_no_more_than_the_weights():
    for name in ("px(depth=3)", "reupload(depth=2)", "entangled(wires=2, depth=1)"):
        circuit = edge(name)
        weights = sum(int(np.prod(shape)) for shape in circuit.weight_shapes.values())
        assert 1 <= reachable_dimension(circuit) <= min(weights, 2 * circuit.degrees[0] + 1)


def product(wires, observable):
    @circuits.circuit(wires=wires, inputs=1, weights={"theta": (wires,)}, observables=observable)
    def ansatz(inputs, theta):
        qml.RZ(inputs[..., 0], wires=0)
        for wire in range(wires):
            qml.RY(theta[wire], wires=wire)

    return ansatz


def test_a_global_observable_is_a_barren_plateau():
    r"""<Z...Z> = prod cos theta_k: the variance of its derivative is 2^-n (Cerezo et al., arXiv:2001.00550)."""
    rng = np.random.default_rng(0)
    for wires in (1, 2, 4):
        observable = qml.prod(*(qml.Z(k) for k in range(wires))) if wires > 1 else qml.Z(0)
        found = gradient_variance(product(wires, observable), samples=4000, rng=rng)
        assert found.by_weight["theta"].shape == (wires,)
        np.testing.assert_allclose(found.by_weight["theta"], 2.0**-wires, rtol=0.1)
        assert found.mean == pytest.approx(2.0**-wires, rel=0.1)


def test_a_local_observable_is_none():
    """<Z_0> = cos theta_0: variance 1/2 at any width, and 0 for weights outside its light cone."""
    found = gradient_variance(product(4, qml.Z(0)), samples=4000, rng=np.random.default_rng(1))
    # Five standard errors of the variance of numbers in [-1, 1].
    assert found.by_weight["theta"][0] == pytest.approx(0.5, abs=5 / np.sqrt(4000))
    assert found.largest == found.by_weight["theta"][0]
    np.testing.assert_allclose(found.by_weight["theta"][1:], 0, atol=1e-30)


def test_a_seed_is_a_generator():
    circuit = edge("pz(depth=2)")
    generator = np.random.default_rng
    for seed in (0, 3):
        for draw in (
            lambda rng: coefficient_cloud(circuit, samples=3, rng=rng),
            lambda rng: random_cloud(2, samples=3, rng=rng),
            lambda rng: gradient_variance(circuit, samples=3, rng=rng).by_weight["theta"],
        ):
            np.testing.assert_array_equal(draw(seed), draw(generator(seed)))


@pytest.mark.parametrize("batched", [True, False])
def test_gradients_are_those_of_one_circuit_after_another(batched):
    def gates(inputs, theta):
        angle = theta[0] * 1.0
        # A function that looks at a value can run for one setting of the weights only.
        if not batched and float(torch.as_tensor(angle).detach()) > 1e9:
            angle = -angle
        qml.RX(angle, wires=0)
        qml.RZ(inputs[..., 0], wires=0)
        qml.RY(theta[1], wires=0)

    circuit = circuits.circuit(wires=1, inputs=1, weights={"theta": (2,)})(gates)
    theta = torch.rand(5, 2, dtype=torch.float64, requires_grad=True)
    x = torch.rand(5, 1, dtype=torch.float64)
    values = run_batched(circuit, x, {"theta": theta})[:, 0]
    (slopes,) = torch.autograd.grad(values.sum(), theta)
    # RX, RZ, RY in turn on |0>, read out along Z.
    (a, b), sine = theta.unbind(1), torch.sin
    exact = torch.cos(b) * torch.cos(a) - sine(b) * sine(a) * sine(x[:, 0])
    torch.testing.assert_close(values, exact, rtol=0, atol=1e-12)
    torch.testing.assert_close(slopes, torch.autograd.grad(exact.sum(), theta)[0])


def test_inputs_can_be_fixed():
    """A gradient at given inputs knows nothing of others."""
    first, again, other = (
        gradient_variance(edge("pz(depth=2)"), inputs=[x], rng=np.random.default_rng(5))
        for x in (0.3, 0.3, 1.3)
    )
    np.testing.assert_array_equal(first.by_weight["theta"], again.by_weight["theta"])
    assert first.mean != other.mean


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 1}, "at least 2, got 1"),
        ({"observable": 1}, "observables 0 to 0, got observable=1"),
        ({"inputs": [[0.0]]}, "one row of inputs"),
        ({"inputs": [np.nan]}, "NaN"),
    ],
)
def test_mistakes(options, message):
    with pytest.raises(UsageError, match=message):
        gradient_variance(edge("pz"), **options)


def test_what_has_no_cloud_and_no_gradient():
    @circuits.circuit(wires=1, weights={"a": (1,)}, direct_only=True)
    def squared(inputs, a):
        qml.RX(inputs[..., 0] ** 2 + a[0], wires=0)

    with pytest.raises(CircuitError, match="no Fourier series"):
        coefficient_cloud(squared)

    @circuits.circuit(wires=1)
    def bare(inputs):
        qml.RX(inputs[..., 0], wires=0)

    for look in (coefficient_cloud, gradient_variance):
        with pytest.raises(UsageError, match="has no weights"):
            look(bare)
