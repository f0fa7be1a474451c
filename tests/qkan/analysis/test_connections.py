import numpy as np
import pytest
import torch

from qkan.analysis import connection_strengths, edge_strengths, learned_curves
from qkan.models import CNN, KAN, MLP, SineKAN


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def x(generator):
    return torch.rand(40, 6, generator=generator)


def test_a_dense_connection_moves_its_output_by_weight_times_spread(x, generator):
    model = MLP([6, 5, 3], generator=generator)
    first, second = connection_strengths(model, x)
    moved = (x[:, 2] * model[0].weight[4, 2]).std()
    assert first[2, 4] == pytest.approx(moved.item(), rel=1e-5)
    hidden = torch.relu(model[0](x))
    assert second[1, 2] == pytest.approx(
        (hidden[:, 1] * model[2].weight[2, 1]).std().item(), rel=1e-5
    )


@pytest.mark.parametrize("kind", [KAN, SineKAN])
def test_of_kan_layers_they_are_the_strengths_of_the_edges(kind, x, generator):
    model = kind([6, 4, 2], generator=generator)
    for ours, edges in zip(
        connection_strengths(model, x), edge_strengths(model, x).values(), strict=True
    ):
        np.testing.assert_array_equal(ours, edges)


def test_the_curves_of_a_kan_are_its_strongest_edges(x, generator):
    model = KAN([6, 4, 2], generator=generator)
    curves = learned_curves(model, x, most=4)
    assert len(curves) == 4
    strongest = np.unravel_index(edge_strengths(model, x)["0"].argmax(), (6, 4))
    assert curves[0].name == f"layer 1: {strongest[0]} to {strongest[1]}"
    i, o = (int(k) for k in strongest)
    points = torch.zeros(len(curves[0].x), 6)
    points[:, i] = torch.from_numpy(curves[0].x)
    np.testing.assert_allclose(
        curves[0].y, model[0].edge_functions(points)[:, i, o].detach(), atol=1e-6
    )
    np.testing.assert_allclose(curves[0].data, x[:, i])
    assert curves[0].domain == (-1.0, 1.0)


def test_sines_have_no_grid_to_show(x, generator):
    assert learned_curves(SineKAN([6, 2], generator=generator), x)[0].domain is None


def test_looking_changes_nothing(x, generator):
    model = KAN([6, 5, 3], generator=generator)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    connection_strengths(model, x)
    learned_curves(model, x)
    assert model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not model[0]._forward_pre_hooks


def test_a_network_without_curves_has_none(generator):
    images = torch.rand(3, 1, 28, 28, generator=generator)
    assert learned_curves(CNN(generator=generator), images) == []
