"""Circuits by their angles: the same values, the right recipes, and what has no such form."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pennylane as qml
import pytest

from circuits import CircuitError, backend, circuit, edge, quanvolutional_filter
from circuits.angles import angle_form

EXACT = backend("default.qubit")
CIRCUITS = {
    "demo": lambda: quanvolutional_filter("demo"),
    "layers": lambda: quanvolutional_filter("strongly-entangling"),
    "pz": lambda: edge("pz"),
    "rpz": lambda: edge("rpz(depth=2)"),
    "ladder": lambda: edge("entangled"),
    "several": lambda: several,
}


@circuit(wires=2, weights={"t": 4, "u": ()}, observables=[qml.Z(0), qml.X(1) @ qml.Y(0)])
def several(inputs, t, u):
    """Gates of one, two and three angles; of one frequency and of two; weights that enter several of them."""
    qml.Hadamard(0)
    qml.CRX(t[0], [0, 1])
    qml.RX(inputs[..., 0] + u, 0)
    qml.RX(0.3, 1)
    qml.Rot(t[1], t[2], t[0] * t[3], 1)
    qml.ctrl(qml.RY(qml.math.sin(t[1]), 1), 0)
    qml.adjoint(qml.RX(t[2], 0))
    qml.evolve(qml.X(0) @ qml.Z(1), 2 * t[3])
    qml.IsingXY(t[0], [0, 1])


def angles_at(form, inputs, weights):
    found = form.angles(inputs, weights)
    return np.stack([np.broadcast_to(angle, len(inputs)) for angle in found], axis=1)


@pytest.mark.parametrize("name", CIRCUITS)
def test_angles_give_the_values_of_the_circuit(name):
    made = CIRCUITS[name]()
    rng = np.random.default_rng(0)
    inputs, weights = rng.uniform(-3, 3, (4, made.num_inputs)), made.random_weights(rng)
    form = angle_form(made)
    np.testing.assert_allclose(
        EXACT.run(form.circuit, angles_at(form, inputs, weights)),
        EXACT.run(made, inputs, weights),
        rtol=0,
        atol=1e-13,
    )


@pytest.mark.parametrize("name", ["demo", "several"])
def test_every_recipe_is_the_derivative(name):
    form = angle_form(CIRCUITS[name]())
    point = np.random.default_rng(1).uniform(-3, 3, form.circuit.num_inputs)
    step = 1e-5
    for k, recipe in enumerate(form.recipes):
        rows = np.tile(point, (len(recipe) + 2, 1))
        rows[-2, k] += step
        rows[-1, k] -= step
        for row, (_, multiplier, shift) in zip(rows, recipe, strict=False):
            row[k] = multiplier * row[k] + shift
        values = EXACT.run(form.circuit, rows)
        measured = sum(c * value for (c, _, _), value in zip(recipe, values, strict=False))
        np.testing.assert_allclose(
            measured, (values[-2] - values[-1]) / (2 * step), rtol=0, atol=1e-9
        )


def test_one_angle_for_each_gate_and_none_for_constants():
    form = angle_form(several)
    names = [form.gates[gate].name for gate, _ in form.slots]
    assert names == ["CRX", "RX", "Rot", "Rot", "Rot", "CRY", "Adjoint(RX)", "Evolution", "IsingXY"]
    assert [len(recipe) for recipe in form.recipes] == [4, 2, 2, 2, 2, 4, 2, 2, 4]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda form: pickle.loads(pickle.dumps(form))])
def test_copies_compute_the_same(copied):
    form = angle_form(quanvolutional_filter("demo"))
    assert copied(form).circuit.fingerprint == form.circuit.fingerprint
    assert copied(form).recipes == form.recipes


def matrix(inputs, t):
    qml.QubitUnitary(qml.RX(t, wires=0).matrix(), wires=0)
    qml.RX(inputs[..., 0], wires=0)


def state(inputs, t):
    qml.AmplitudeEmbedding(inputs, wires=0, normalize=True)
    qml.RX(t, wires=0)


def branch(inputs, t):
    qml.RX(inputs[..., 0], wires=0)
    if float(t) > 0:
        qml.RY(t, wires=0)


def constant(inputs, t):
    qml.RX(0.3, wires=0)


@pytest.mark.parametrize(
    ("function", "inputs", "message"),
    [
        (matrix, 1, "QubitUnitary on wires .* not an angle; write it as rotations"),
        (state, 2, "not an angle"),
        (branch, 1, "no fixed gates"),
        (constant, 1, "depends neither on inputs nor on weights"),
    ],
)
def test_more_than_gates_with_angles_is_refused(function, inputs, message):
    made = circuit(wires=1, inputs=inputs, weights={"t": ()}, direct_only=True)(function)
    with pytest.raises(CircuitError, match=message):
        angle_form(made)


def test_a_branch_that_was_not_seen_is_refused_when_it_is():
    @circuit(wires=1, weights={"t": ()}, direct_only=True)
    def rare(inputs, t):
        qml.RX(inputs[..., 0] + t, wires=0)
        if float(t) > 100:
            qml.RY(t, wires=0)

    with pytest.raises(CircuitError, match="its gates change"):
        angle_form(rare).angles(np.zeros(1), {"t": 101.0})
