import numpy as np
import pennylane as qml
import pytest
import torch

from circuits import FILTERS, UsageError, circuit, quanvolutional_filter, series_from_values

HERMITIAN = np.array([[1.0, 0.3 - 0.2j], [0.3 + 0.2j, -0.5]])


def observables(wires):
    """Outputs that tell wires, bases and coefficients apart."""
    last = wires - 1
    return [
        qml.Z(last),
        qml.Y(0),
        qml.Hermitian(HERMITIAN, wires=last),
        qml.X(0) @ qml.Y(last) if wires > 1 else qml.X(0),
        0.3 * qml.X(0) + 0.7 * qml.Z(last),
        qml.prod(*(qml.Z(wire) for wire in range(wires))),
    ]


def observed(name, outputs, **options):
    """A filter's gates with other observables."""
    filt = quanvolutional_filter(name, **options)
    remade = circuit(
        wires=filt.num_wires,
        inputs=filt.num_inputs,
        weights=filt.weight_shapes,
        defaults=filt.defaults,
        observables=outputs,
        name=filt.name,
    )
    return remade(filt.function)


@pytest.mark.parametrize("entanglement", [True, False])
@pytest.mark.parametrize("name", sorted(FILTERS))
def test_every_filter_is_its_series(name, entanglement, direct, series_of):
    rng = np.random.default_rng(sum(name.encode()))
    filt = observed(name, observables(4), entanglement=entanglement)
    weights = filt.random_weights(rng)
    x = rng.uniform(-7, 7, (8, 4))  # seven periods
    np.testing.assert_allclose(
        series_of(filt, weights)(x), direct(filt, x, weights), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("name", ["random", "strongly-entangling", "basic-entangler"])
@pytest.mark.parametrize("wires", [1, 2, 3, 5, 6])
def test_widths(name, wires, direct, batched):
    filt = observed(name, observables(wires), wires=wires, seed=wires)
    rng = np.random.default_rng(wires)
    weights = filt.random_weights(rng)
    series = series_from_values(filt, batched(filt, filt.plan.inputs, weights))
    x = rng.uniform(-7, 7, (5, wires))
    np.testing.assert_allclose(series(x), direct(filt, x, weights), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("name", "nodes"), [("strongly-entangling", 19683), ("random", None)])
def test_nine_wires(name, nodes, direct, batched):
    filt = quanvolutional_filter(name, wires=9, seed=1)
    assert nodes is None or filt.num_nodes == nodes
    chunks = np.array_split(filt.plan.inputs, max(1, filt.num_nodes // 2000))
    values = np.concatenate([batched(filt, chunk) for chunk in chunks])
    x = np.random.default_rng(0).uniform(-4, 4, (5, 9))
    np.testing.assert_allclose(
        series_from_values(filt, values)(x), direct(filt, x), rtol=0, atol=1e-12
    )


def test_nine_wires_without_entanglement_take_three_nodes():
    assert quanvolutional_filter("random", wires=9, entanglement=False).num_nodes == 3


@pytest.fixture(scope="module")
def mixed():
    """Different scales and degrees, and light cones of every size."""

    @circuit(wires=3, inputs=3, weights={"w": (2,)}, observables=observables(3))
    def gates(inputs, w):
        qml.RX(np.pi * inputs[..., 0], wires=0)
        qml.CRY(inputs[..., 1], wires=[0, 1])
        qml.RY(2 * inputs[..., 2] + 0.3, wires=2)
        qml.Rot(w[0], w[1], inputs[..., 2], wires=2)
        qml.RX(3 * inputs[..., 0] * np.pi, wires=0)

    return gates


W = {"w": np.array([0.7, -1.9])}


@pytest.fixture(scope="module")
def nodes(mixed, batched):
    return batched(mixed, mixed.plan.inputs, W)


@pytest.fixture(scope="module")
def series(mixed, nodes):
    return series_from_values(mixed, nodes)


def test_series_is_the_circuit(series, mixed, direct):
    x = np.random.default_rng(5).uniform(-20, 20, (9, 3))
    np.testing.assert_allclose(series(x), direct(mixed, x, W), rtol=0, atol=1e-12)


def test_derivatives_are_parameter_shifts_and_differences(series, mixed, direct):
    x = np.random.default_rng(0).uniform(-4, 4, (2, 3))

    @qml.qnode(qml.device("default.qubit"), diff_method="parameter-shift", interface="torch")
    def node(row):
        mixed.apply(row, **W)
        return [qml.expval(o) for o in mixed.observables]

    for row in x:
        shifts = torch.autograd.functional.jacobian(
            lambda r: torch.stack(node(r)), torch.tensor(row)
        )
        ours = np.stack([series.derivative(row, k) for k in range(3)], -1)
        np.testing.assert_allclose(ours, shifts, rtol=0, atol=1e-10)
    for k in range(3):
        step = 1e-5 * np.eye(3)[k]
        slope = (direct(mixed, x + step, W) - direct(mixed, x - step, W)) / 2e-5
        np.testing.assert_allclose(series.derivative(x, k), slope, rtol=0, atol=1e-7)


def test_torch_and_numpy_agree(mixed, nodes):
    x = np.random.default_rng(1).uniform(-2, 2, (2, 2, 3))
    expected = series_from_values(mixed, nodes)(x)
    values = torch.tensor(nodes, requires_grad=True)
    points = torch.tensor(x, requires_grad=True)
    result = series_from_values(mixed, values)(points)
    assert result.shape == (2, 2, 6)
    np.testing.assert_allclose(result.detach(), expected, rtol=0, atol=1e-14)
    assert torch.autograd.gradcheck(series_from_values(mixed, values.detach()), points)
    (pull,) = torch.autograd.grad(result.sum(), values)  # the values enter linearly
    torch.testing.assert_close((pull * values).sum(), result.sum(), rtol=0, atol=1e-10)


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_float32(library, batched):
    convert = np.asarray if library == "numpy" else torch.tensor
    filt = quanvolutional_filter("strongly-entangling")
    x = np.random.default_rng(2).uniform(0, 1, (100, 4))  # pixels
    nodes = batched(filt, filt.plan.inputs)
    single = series_from_values(filt, convert(nodes.astype(np.float32)))
    values = single(convert(x.astype(np.float32)))
    assert str(values.dtype).endswith("float32")
    exact = series_from_values(filt, nodes)(x)
    assert np.abs(np.asarray(values, dtype=np.float64) - exact).max() < 2e-6


def test_terms_add_up(series, mixed):
    x = np.random.default_rng(3).uniform(-2, 2, (7, 3))
    wave = {"cos": np.cos, "sin": np.sin}
    for output in range(6):
        terms = series.terms(output)
        sizes = [abs(term.coefficient) for term in terms]
        assert sizes == sorted(sizes, reverse=True)
        total = sum(
            t.coefficient
            * np.prod([wave[w](m * mixed.scales[k] * x[:, k]) for k, w, m in t.harmonics], axis=0)
            for t in terms
        )
        np.testing.assert_allclose(total, series(x)[:, output], rtol=0, atol=1e-10)


def test_parseval_over_the_inputs(series, mixed, direct):
    """The mean square over the nodes of a fine grid is the sum of squares of the terms."""
    cone = mixed.cones[0]
    assert len(cone) == 1  # Z of the last wire sees input 2 only
    (k,) = cone
    period = 2 * np.pi / mixed.scales[k]
    x = np.zeros((16, 3))
    x[:, k] = period * np.arange(16) / 16
    power = sum(
        t.coefficient**2 * (0.5 if t.harmonics else 1) for t in series.terms(0, tolerance=0)
    )
    assert power == pytest.approx((direct(mixed, x, W)[:, 0] ** 2).mean(), abs=1e-14)


def test_constant_outputs():
    @circuit(wires=2, inputs=2)
    def constant(inputs):
        qml.RX(0.3, wires=0)

    series = series_from_values(constant, np.array([[0.5, 1.0]]))
    assert series(np.ones((3, 2))).tolist() == [[0.5, 1.0]] * 3
    assert series.derivative(np.ones((3, 2)), 1).tolist() == [[0.0, 0.0]] * 3


def test_mistakes(series, mixed):
    with pytest.raises(UsageError, match=r"takes inputs of shape \(\.\.\., 3\); shape \(4,\)"):
        series(np.zeros(4))
    for k in (3, -1, 0.5):
        with pytest.raises(UsageError, match="is not among the 3"):
            series.derivative(np.zeros(3), k)
    with pytest.raises(UsageError, match="output 6 is not among the 6"):
        series.terms(6)
    with pytest.raises(UsageError, match="expected node values of shape"):
        series_from_values(mixed, np.zeros((3, 6)))
