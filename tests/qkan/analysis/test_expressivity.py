import numpy as np
import pennylane as qml
import pytest

import circuits
from circuits.edges import edge
from circuits.errors import CircuitError, UsageError
from qkan.analysis import coefficient_cloud, random_cloud, reachable_dimension


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
    demo = edge("pz", depth=2)

    @circuits.circuit(wires=2, inputs=2, weights={"theta": (1,)})
    def two(inputs, theta):
        qml.RX(inputs[..., 0], wires=0)
        qml.RY(theta[0], wires=1)
        qml.RX(3 * inputs[..., 1], wires=1)
        qml.RX(3 * inputs[..., 1], wires=1)

    cloud = coefficient_cloud(two, input=1, observable=1, samples=4)
    assert cloud.shape == (4, 3)
    np.testing.assert_allclose(cloud[:, 1], 0, atol=1e-12)  # <Z_1> = cos theta cos 6x
    with pytest.raises(UsageError, match="input=2"):
        coefficient_cloud(two, input=2)
    with pytest.raises(UsageError, match="observable=3"):
        coefficient_cloud(demo, observable=3)


def test_random_series_fill_the_range_of_an_expectation_value():
    cloud = random_cloud(4, samples=200, rng=np.random.default_rng(0))
    highest = np.abs(series(cloud, np.linspace(0, 2 * np.pi, 2000))).max(axis=1)
    assert np.all(highest < 1.02)
    assert np.all(highest > 0.98)
    spread = np.mean(np.abs(cloud) ** 2, axis=0)
    np.testing.assert_allclose(spread, spread.mean(), rtol=0.25)  # no direction is preferred
    with pytest.raises(UsageError, match="at least 1"):
        random_cloud(0)


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


def test_the_dimension_is_no_more_than_the_weights():
    for name in ("px(depth=3)", "reupload(depth=2)", "entangled(wires=2, depth=1)"):
        circuit = edge(name)
        weights = sum(int(np.prod(shape)) for shape in circuit.weight_shapes.values())
        assert 1 <= reachable_dimension(circuit) <= min(weights, 2 * circuit.degrees[0] + 1)


def test_what_has_no_cloud():
    @circuits.circuit(wires=1, weights={"a": (1,)}, direct_only=True)
    def squared(inputs, a):
        qml.RX(inputs[..., 0] ** 2 + a[0], wires=0)

    with pytest.raises(CircuitError, match="no Fourier series"):
        coefficient_cloud(squared)

    @circuits.circuit(wires=1)
    def bare(inputs):
        qml.RX(inputs[..., 0], wires=0)

    with pytest.raises(UsageError, match="nothing to vary"):
        coefficient_cloud(bare)
