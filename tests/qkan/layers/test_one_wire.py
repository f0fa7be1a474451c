"""The closed form of one-wire edges: what is shared and left out, and that both ways of running it agree."""

import pennylane as qml
import pytest
import torch

import circuits
from circuits.bloch import bloch_program
from qkan.layers.one_wire import ONE, ClosedForm, Formula

X, Y = ({row: 1.0} for row in (1, 2))


def test_what_differs_by_a_factor_is_one_row():
    formula = Formula(2)
    product = formula.sum_of_products([(2.0, X, Y), (1.0, X, X)])
    again = formula.sum_of_products([(-3.0, X, X), (-6.0, Y, X)])
    (row,) = product
    assert again == {row: -3 * product[row]}
    assert formula.num_terms == 2


def test_what_is_zero_or_linear_is_not_computed():
    formula = Formula(2)
    assert formula.sum_of_products([(1.0, X, Y), (-1.0, Y, X)]) == {}
    assert formula.sum_of_products([(2.0, X, {ONE: 3.0}), (1.0, {}, Y)]) == {1: 6.0}
    assert formula.num_terms == 0


@circuits.circuit(
    wires=1, weights={"w": (3,)}, observables=qml.Hermitian([[0.3, 0.5j], [-0.5j, 1.0]], 0)
)
def odd(inputs, w):
    """Fixed gates, several weights in one angle, a constant, a scale of 2, an observable with a trace."""
    qml.SX(0)
    qml.Rot(w[0], w[1], w[2], wires=0)
    qml.RX(2 * inputs[..., 0] + w[0] - 0.5 * w[1] + 0.3, wires=0)
    qml.T(0)
    qml.RY(w[2], wires=0)
    qml.PhaseShift(-4 * inputs[..., 0], wires=0)
    qml.Hadamard(0)
    qml.RX(0.4, wires=0)


NAMES = ["pz", "pz(depth=6)", "rpz(depth=2)", "real", "px", "reupload", "exponential(depth=2)"]


def made(name):
    circuit = odd if name == "odd" else circuits.edge(name)
    form = ClosedForm(bloch_program(circuit), circuit.degrees[0])
    generator = torch.Generator().manual_seed(0)
    weights = [
        6 * torch.rand(*shape, 20, generator=generator, dtype=torch.float64)
        for shape in circuit.weight_shapes.values()
    ]
    return form, [weight.requires_grad_() for weight in weights]


@pytest.fixture(params=[7, 100], ids=["in chunks", "at once"])
def many(request, monkeypatch):
    """Let the few edges of a test take the path of many."""
    monkeypatch.setattr("qkan.layers.one_wire._FEW", 0)
    monkeypatch.setattr("qkan.layers.one_wire._CHUNK", request.param)


@pytest.mark.parametrize("name", [*NAMES, "odd"])
def test_many_edges_are_like_few(name, many, monkeypatch):
    form, weights = made(name)
    found = form(weights)
    probe = torch.randn(found.shape, generator=torch.Generator().manual_seed(9)).double()
    gradients = torch.autograd.grad(found, weights, probe)
    monkeypatch.setattr("qkan.layers.one_wire._FEW", 100)
    wanted = form(weights)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-13)
    expected = torch.autograd.grad(wanted, weights, probe)
    for one, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", ["pz", "odd"])
def test_written_gradient_is_autograds(name, many):
    form, weights = made(name)
    assert torch.autograd.gradcheck(lambda *w: form(w), weights, fast_mode=True)
    assert torch.autograd.gradgradcheck(lambda *w: form(w), weights, fast_mode=True)
