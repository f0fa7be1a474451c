"""The edges of any KAN layer: what is looked at is what the model computes, and looking leaves no trace."""

import numpy as np
import pytest
import torch
from torch import nn

import qkan
from circuits.errors import UsageError
from qkan.analysis import (
    attribution,
    connection_strengths,
    edge_curves,
    edge_strengths,
    learned_curves,
)
from qkan.analysis.edges import edge_values, kan_layers, layer_inputs


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def models():
    return {
        "quantum": qkan.QKAN([3, 4, 2], generator=seeded(1)),
        "classical": nn.Sequential(qkan.BSplineKANLayer(3, 4), qkan.ChebyshevKANLayer(4, 2)),
        "normalised": qkan.QuantumKANLayer(3, 2, input_map="standardise"),
        "hybrid": nn.Sequential(
            qkan.SineKANLayer(3, 4), nn.Tanh(), nn.Dropout(0.5), qkan.QuantumKANLayer(4, 2)
        ),
    }


@pytest.mark.parametrize("kind", models())
def test_edges_sum_to_the_layer(kind):
    """What is looked at is what the model computes: the sum over edges, and the bias of the layer."""
    model = models()[kind].double().eval()
    x = torch.rand(7, 3, generator=seeded(2), dtype=torch.float64)
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    layers = kan_layers(model)
    for layer in layers.values():
        layer.register_forward_hook(lambda _, given, result: seen.append((given[0], result)))
    inputs = layer_inputs(model, x)
    for (name, layer), (_, output) in zip(layers.items(), seen, strict=True):
        total = torch.cat(list(edge_values(layer, inputs[name]))).sum(1)
        bias = layer.bias if isinstance(layer, qkan.layers.kan_layer.KANLayer) else None
        torch.testing.assert_close(total if bias is None else total + bias, output)


@pytest.mark.slow
@pytest.mark.parametrize("kind", models())
def test_looking_leaves_no_trace(kind):
    model = models()[kind].train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    edge_curves(model, np.random.default_rng(0).random((9, 3)))
    edge_curves(model)
    learned_curves(model, torch.rand(9, 3))
    connection_strengths(model, torch.rand(9, 3))
    assert not any(module._forward_pre_hooks for module in model.modules())
    assert all(module.training for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_strength_is_the_spread_over_the_data():
    layer = qkan.QuantumKANLayer(2, 3, dtype=torch.float64)
    x = torch.rand(50, 2, dtype=torch.float64)
    with torch.no_grad():
        expected = layer.edge_functions(x).std(0, correction=0).numpy()
    np.testing.assert_allclose(edge_strengths(layer, x)["layer"], expected, atol=1e-12)


def test_a_constant_edge_has_no_strength():
    layer = qkan.QuantumKANLayer(2, 1, base=None)
    with torch.no_grad():
        layer.factor[0] = 0
    strengths = edge_strengths(layer)["layer"]
    assert strengths[0, 0] == 0 < strengths[1, 0]


def test_curves_run_over_the_data():
    layer = qkan.QuantumKANLayer(2, 1)
    x = torch.tensor([[0.0, 5.0], [2.0, 5.0]])
    (curves,) = edge_curves(layer, x)
    ends = {edge[0]: (row[0], row[-1]) for edge, row in zip(curves.edges, curves.x, strict=True)}
    assert ends[0] == (0.0, 2.0)
    assert ends[1] == (4.5, 5.5)  # an input that never changes is shown with its surroundings
    with torch.no_grad():
        grid = torch.from_numpy(curves.x.T[:, np.argsort([i for i, _ in curves.edges])]).float()
        expected = layer.edge_functions(grid)[:, :, 0]
    for (i, _), y in zip(curves.edges, curves.y, strict=True):
        np.testing.assert_allclose(y, expected[:, i], atol=1e-6)


def test_every_node_that_is_shown_is_reached():
    curves = edge_curves(qkan.QKAN([100, 30, 5]), most=9)
    assert [len(layer.edges) for layer in curves] == [9, 9]
    assert {o for _, o in curves[1].edges} == set(range(5))
    assert {i for i, _ in curves[1].edges} == {o for _, o in curves[0].edges}
    assert curves[0].left_out().startswith("9 of 3,000 edges")


def test_attribution_is_shared_out_completely():
    rng = np.random.default_rng(4)
    shares = attribution([rng.random((5, 3)), rng.random((3, 4)), rng.random((4, 2))])
    for share in shares:
        assert share.sum() == pytest.approx(1)
    np.testing.assert_allclose(shares[1].sum(0), shares[2].sum(1))


def test_a_node_without_edges_that_move_it_stops_the_attribution():
    first, _ = attribution([np.array([[1.0, 0.0]]), np.array([[1.0], [1.0]])])
    np.testing.assert_allclose(first, [[0.5, 0.0]])


@pytest.mark.parametrize(
    ("model", "inputs", "message"),
    [
        (nn.Linear(2, 2), None, "no layer with functions on its edges"),
        ("a model", None, "expected a torch module, str arrived"),
        (qkan.QKAN([2, 2]), np.zeros((0, 2)), "expected inputs to look at"),
        (qkan.QKAN([2, 2]), "abc", "as an array or a tensor"),
        (qkan.QKAN([2, 2]), np.ones((3, 2)) * 1j, "complex"),
        (nn.Sequential(qkan.QKAN([2, 3]), qkan.QKAN([2, 1])), None, "no chain"),
    ],
)
def test_mistakes(model, inputs, message):
    with pytest.raises(UsageError, match=message):
        edge_curves(model, inputs)


def test_a_layer_that_takes_no_part():
    class Idle(nn.Module):
        def __init__(self):
            super().__init__()
            self.idle = qkan.QuantumKANLayer(2, 2)

        def forward(self, x):
            return x

    with pytest.raises(UsageError, match="'idle' takes no part"):
        layer_inputs(Idle(), torch.zeros(1, 2))


def test_a_dense_connection_moves_its_output_by_weight_times_spread():
    x, model = torch.rand(40, 6, generator=seeded()), qkan.MLP([6, 5, 3], generator=seeded())
    first, second = connection_strengths(model, x)
    moved = (x[:, 2] * model[0].weight[4, 2]).std()
    assert first[2, 4] == pytest.approx(moved.item(), rel=1e-5)
    hidden = torch.relu(model[0](x))[:, 1] * model[2].weight[2, 1]
    assert second[1, 2] == pytest.approx(hidden.std().item(), rel=1e-5)


@pytest.mark.parametrize("kind", [qkan.KAN, qkan.SineKAN, qkan.QKAN])
def test_the_connections_of_a_kan_are_its_edges_and_its_curves_the_strongest(kind):
    x, model = torch.rand(40, 6, generator=seeded()), kind([6, 4, 2], generator=seeded())
    strengths = edge_strengths(model, x)
    for ours, edges in zip(connection_strengths(model, x), strengths.values(), strict=True):
        np.testing.assert_array_equal(ours, edges)
    curves = learned_curves(model, x, most=4)
    assert len(curves) == 4
    i, o = (int(k) for k in np.unravel_index(strengths["0"].argmax(), (6, 4)))
    assert curves[0].name == f"layer 1: {i} to {o}"
    points = torch.zeros(len(curves[0].x), 6)
    points[:, i] = torch.from_numpy(curves[0].x)
    exact = model[0].edge_functions(points)[:, i, o].detach()
    np.testing.assert_allclose(curves[0].y, exact, atol=1e-6)
    np.testing.assert_allclose(curves[0].data, x[:, i])
    # A spline's grid is worth seeing; waves have none.
    assert curves[0].domain == ((-1.0, 1.0) if kind is qkan.KAN else None)


def test_a_network_without_curves_has_none():
    images = torch.rand(3, 1, 28, 28, generator=seeded())
    assert learned_curves(qkan.CNN(generator=seeded()), images) == []


def test_pruned_edges_are_neither_drawn_nor_counted():
    x, model = torch.rand(40, 4, generator=seeded()), qkan.KAN([4, 3, 2], generator=seeded())
    keep = torch.tensor([[True, False, True], [False] * 3, [True] * 3, [False, False, True]])
    model[0].prune_edges(keep)
    for inputs in (x, None):
        first, second = edge_curves(model, inputs)
        assert set(first.edges) == {(i, o) for i, o in keep.nonzero().tolist()}
        assert (first.left_out(), second.left_out()) == ("all 6 edges", "all 6 edges")
        assert edge_curves(model, inputs, most=4)[0].left_out().startswith("4 of 6 edges")
    assert len(learned_curves(model, x, most=24)) == 12
    model[0].prune_edges(torch.zeros_like(keep))
    assert qkan.plot(model, x).axes[0].texts[0].get_text() == "all 0 edges"


def test_strengths_have_all_digits_wherever_the_values_lie():
    layer = qkan.ChebyshevKANLayer(1, 1, 1, squash="clamp", dtype=torch.float64)
    x = torch.linspace(0, 1, 9, dtype=torch.float64).unsqueeze(1)
    with torch.no_grad():
        layer.coefficients().fill_(1e-6)
    x[0] = 0.9  # the first value is not that of the others
    spread = 1e-6 * x.std(correction=0).item()
    assert edge_strengths(layer, x)["layer"].item() == pytest.approx(spread, rel=1e-12)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_values_that_are_none_are_refused(value):
    x = torch.zeros(4, 3)
    x[1, 2] = value
    for look in (edge_strengths, edge_curves, learned_curves, connection_strengths):
        with pytest.raises(UsageError, match="1 of 12 inputs are NaN"):
            look(qkan.KAN([3, 2]), x)


def test_weights_that_are_nan_are_no_importance():
    model = qkan.KAN([3, 2])
    with torch.no_grad():
        model[0].edge_weight[0, 0] = torch.nan
    with pytest.raises(UsageError, match="are weights NaN"):
        qkan.plot(model)
