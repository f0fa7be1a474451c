"""The statistics of a series whose nodes were sampled once."""

import numpy as np
import pennylane as qml
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits import (
    FILTERS,
    UsageError,
    backend,
    circuit,
    edge,
    fourier,
    node_weights,
    quanvolutional_filter,
    sampled_variance,
    series_from_values,
)
from circuits.nodes import count_nodes, plan_nodes

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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


CONES = st.lists(
    st.dictionaries(st.integers(0, 4), st.integers(1, 2), max_size=3), min_size=1, max_size=6
)


@settings(max_examples=60, deadline=None)
@given(CONES)
def test_every_observable_is_fixed_by_its_block(cones):
    scales = (1.0, 2.0, np.pi, 0.5, 3.0)
    plan = plan_nodes(cones, scales)
    assert len(plan.inputs) == count_nodes(cones)
    assert sorted(o for block in plan.blocks for o in block.outputs) == list(range(len(cones)))
    for block in plan.blocks:
        for output in block.outputs:  # the block is at least as large as the cone
            assert all(
                k in block.inputs and block.degrees[block.inputs.index(k)] >= degree
                for k, degree in cones[output].items()
            )
        grid = fourier.nodes(block.degrees, [scales[k] for k in block.inputs])
        np.testing.assert_array_equal(plan.inputs[block.rows][:, list(block.inputs)], grid)


@pytest.mark.parametrize(
    ("cones", "nodes"),
    [
        ([{}], 1),
        ([{0: 1}, {1: 1}, {2: 1}, {3: 1}], 3),  # side by side
        ([{0: 1}, {1: 1}, {2: 1}, {1: 1, 3: 1}], 9),  # the demo filter
        ([{0: 1, 1: 1, 2: 1, 3: 1}], 81),
        ([{0: 1, 1: 1}, {1: 1, 2: 1}], 18),  # they share an input: one after the other
        ([{0: 2}, {0: 1}, {}], 5),  # the largest serves all
        ([dict.fromkeys(range(9), 1)], 19683),
    ],
)
def test_node_counts(cones, nodes):
    assert count_nodes(cones) == nodes


def test_a_huge_count_needs_no_nodes():
    assert count_nodes([dict.fromkeys(range(60), 1)]) == 3**60


def test_a_series_of_too_many_nodes_is_refused_before_it_fills_the_memory():
    import pennylane as qml

    import circuits

    @circuits.circuit(wires=16, inputs=16)
    def wide(inputs):
        for wire in range(16):
            qml.RX(inputs[..., wire], wires=wire)
        for wire in range(15):
            qml.CNOT(wires=[wire, wire + 1])

    assert wide.num_nodes == 3**16
    with pytest.raises(circuits.CircuitError, match=r"needs 43,046,721 circuits.*direct"):
        _ = wide.plan


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


@pytest.mark.slow
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
