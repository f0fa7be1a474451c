"""The gate table: what symbols read, what probes read where they cannot pass, and that runs are held against it."""

import math
import warnings

import numpy as np
import pennylane as qml
import pytest
import torch

from circuits import (
    EDGES,
    FILTERS,
    CircuitError,
    UsageError,
    backend,
    circuit,
    edge,
    quanvolutional_filter,
    to_qasm3,
)
from circuits.angles import angle_form
from circuits.declaration import make_circuit
from circuits.symbols import Form

LIBRARY = [*(edge(name) for name in EDGES), *(quanvolutional_filter(name) for name in FILTERS)]
EXACT = backend("default.qubit")


def table_of(function, **declared):
    return make_circuit(function, **{"wires": 2, "direct_only": True} | declared).table


def forms(table):
    return [table.formula(p) for p in table.angles]


@pytest.mark.parametrize("made", LIBRARY, ids=lambda made: made.name)
def test_the_library_is_read_exactly_by_symbols_and_by_probes_alike(made, monkeypatch):
    assert made.table.exact
    monkeypatch.setattr(Form, "__mul__", lambda *_: 1 / 0)
    probed = make_circuit(
        lambda *a, **w: (made.function(*a, **w), float(np.ravel(a[0])[0]))[0],
        wires=made.num_wires,
        inputs=made.num_inputs,
        weights=made.weight_shapes,
        direct_only=True,
    ).table
    assert probed.unread is not None
    for by_symbol, by_probe in zip(made.table.angles, probed.angles, strict=True):
        assert by_probe.form.rates == pytest.approx(by_symbol.form.rates)
        assert by_probe.form.constant == pytest.approx(by_symbol.form.constant)


AFFINE = {
    "sums and products with numbers": (
        lambda x, w: 2 * x[..., 0] - w[0] / 4 + 0.5,
        ["2 x0 + -0.25 w[0] + 0.5"],
    ),
    "a matrix product": (lambda x, w: x @ np.array([1.0, -3.0]), ["1 x0 + -3 x1"]),
    "qml.math": (lambda x, w: qml.math.sum(x, -1) + w[1], ["1 x0 + 1 x1 + 1 w[1]"]),
    "a tiny rate": (lambda x, w: 1e-12 * x[..., 1], ["1e-12 x1"]),
    "of weights alone": (lambda x, w: x[..., 0] - np.exp(w[1]), ["1 x0 + f(w[1])"]),
    "a clip": (lambda x, w: np.clip(x[..., 0], 400, 2000), ["f(x0)"]),
    "an arcsine": (lambda x, w: np.arcsin(1e-14 * x[..., 0]), ["f(x0)"]),
    "a product": (lambda x, w: w[0] * x[..., 1], ["f(x1, w[0])"]),
    "a square": (lambda x, w: x[..., 0] + x[..., 1] ** 2, ["1 x0 + f(x1)"]),
    "a number": (lambda x, w: 0 * x[..., 0] + 0.25, ["0.25"]),
}


@pytest.mark.parametrize("name", AFFINE)
def test_forms(name):
    angle, expected = AFFINE[name]
    table = table_of(lambda x, w: qml.RY(angle(x, w), wires=0), inputs=2, weights={"w": 2})
    assert table.unread is None
    assert forms(table) == expected


def test_where_symbols_cannot_pass_probes_read():
    def function(x, w):
        qml.RX(x[..., 0] + math.pi * float(w[0]) - math.sin(0.5), wires=0)
        qml.RY(qml.math.asarray(x, dtype=float)[..., 0] * 3, wires=0)

    with pytest.warns(UserWarning, match=r"turns w\[0\] into plain numbers .* never be trained"):
        table = make_circuit(function, wires=1, weights={"w": 1}).table
    assert "plain numbers" in table.unread
    assert forms(table) == [f"1 x0 + 3.14159 w[0] + {-math.sin(0.5):.6g}", "3 x0"]


def test_a_number_that_is_only_looked_at_is_no_reason_to_warn():
    def function(x, w):
        if not float(w) < 1e9:
            raise ValueError
        qml.RX(x[..., 0] + w, wires=0)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert make_circuit(function, wires=1, weights={"w": ()}).degrees == (1,)


# What is recorded is held against the table


def rare(x, w):
    """Another function beyond what any probe reaches; symbols are turned away by float()."""
    float(w[0])
    qml.RX(x[..., 0] + w[0], wires=0)
    qml.RY(qml.math.where(w[1] > 50, 0 * w[1], w[1]), wires=0)
    if float(w[0]) > 100:
        qml.X(0)
    qml.RZ(qml.math.clip(x[..., 0], 5e12, 6e12), wires=0)


@pytest.mark.parametrize(
    ("x", "w", "message"),
    [
        (0.5, [101.0, 0.0], r"its gates change .*RZ\[0\]\] to .*PauliX"),
        (
            0.5,
            [1.0, 60.0],
            r"RY on wires \[0\] \(gate 1\).*row 0\) its angle is 0, but .* gives 60",
        ),
        (5.5e12, [1.0, 0.0], r"RZ on wires \[0\] .* its angle is 5.5e\+12, but .* gives 5e\+12"),
    ],
)
@pytest.mark.parametrize("as_tensors", [False, True])
def test_a_departure_is_named_with_its_row(x, w, message, as_tensors):
    made = make_circuit(rare, wires=1, weights={"w": 2})
    inputs, weights = np.array([[x]]), np.array(w)
    EXACT.run(made, [[0.5], [-8.0]], {"w": [1.0, 2.0]})
    if as_tensors:
        inputs, weights = torch.tensor(inputs, requires_grad=True), torch.tensor(weights)
    with pytest.raises(CircuitError, match=message):
        made.apply(inputs, w=weights)


@pytest.mark.parametrize("name", ["pz", "rpz", "entangled"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1.0, 1e4, 1e6])
def test_rounding_is_no_departure(name, dtype, size):
    made = edge(name)
    torch.manual_seed(0)
    x = size * torch.randn(50, 1, dtype=dtype)
    weights = {n: size * torch.randn(*s, 50, dtype=dtype) for n, s in made.weight_shapes.items()}
    assert len(made.gates(x, **weights)) == len(made.table.gates)


@pytest.mark.slow
def test_tracers_are_let_through():
    made = edge("pz(depth=1)")
    theta = torch.zeros(2, 2, dtype=torch.float64)

    def angle(x):
        return made.gates(x, theta=theta)[3].data[0]

    x = torch.ones(3, 1, dtype=torch.float64)
    assert torch.func.vmap(angle)(x).shape == (3,)
    assert torch.func.jacrev(angle)(x).shape == (3, 3, 1)


def test_a_gate_that_a_transform_leaves_out_for_it_turns_by_nothing():
    merged = qml.transforms.merge_rotations(
        lambda x: [qml.RX(x[..., 0], wires=0), qml.RX(x[..., 0], wires=0)]
    )
    made = make_circuit(merged, wires=1)
    assert [len(made.gates(np.array(row))) for row in ([0.3], [0.0])] == [1, 1]


# Bent angles


@pytest.mark.parametrize("where", ["default.qubit", "default.mixed", "aer"])
def test_a_clip_is_never_frozen_at_a_probe(where, direct):
    @circuit(wires=1, weights={"theta": ()}, direct_only=True)
    def clipped(x, theta):
        qml.RY(qml.math.clip(x[..., 0], 4, 20), wires=0)
        qml.RX(qml.math.clip(theta, 4, 9), wires=0)

    x, weights = np.array([[1.0], [6.0], [30.0]]), {"theta": np.array(7.0)}
    form = angle_form(clipped)
    angles = np.stack([np.broadcast_to(a, 3) for a in form.angles(x, weights)], axis=1)
    values = backend(where).run(form.circuit, angles)
    np.testing.assert_allclose(values, direct(clipped, x, weights), rtol=0, atol=1e-12)


# Functions that are defined on a range only


@pytest.mark.parametrize(
    ("encoding", "domain"),
    [(np.arccos, (-1, 1)), (np.sqrt, (0, 4)), (np.log, [0.1, 2.0]), (lambda x: 2 * x, (-1, 1))],
)
def test_a_domain(encoding, domain, direct):
    made = circuit(wires=1, domain=domain)(lambda x: qml.RY(encoding(x[..., 0]), wires=0))
    assert made.direct_only is not None
    x = np.linspace(*domain, 5)[:, None]
    np.testing.assert_allclose(EXACT.run(made, x), direct(made, x), rtol=0, atol=1e-12)
    for outside in ([[domain[0] - 0.1]], torch.tensor([[domain[1] + 0.1]])):
        with pytest.raises(UsageError, match="is defined for inputs from"):
            made.apply(outside)
    with pytest.raises(UsageError, match="is defined for inputs from"):
        EXACT.run(made, [[domain[1] + 1.0]])


def test_a_function_that_gives_nan_asks_for_its_domain():
    with pytest.raises(
        CircuitError, match=r"RY on wires \[0\] gets NaN at inputs .*domain=\(-1, 1\)"
    ):
        circuit(wires=1, direct_only=True)(lambda x: qml.RY(np.arccos(x[..., 0]), wires=0))
    for wrong in (3, (1, -1), (0, np.inf), (0, 1, 2)):
        with pytest.raises(CircuitError, match="a domain is a pair"):
            circuit(wires=1, domain=wrong)(lambda x: qml.RY(x[..., 0], wires=0))
    with pytest.raises(CircuitError, match="leave degree and scale out"):
        circuit(wires=1, domain=(-1, 1), degree=1)(lambda x: qml.RY(x[..., 0], wires=0))


# What a function may do and be called


def test_a_function_that_works_in_place_gets_a_copy():
    @circuit(wires=1, weights={"w": 1}, direct_only=True)
    def in_place(x, w):
        x %= 2 * np.pi
        w += 1
        qml.RX(x[..., 0] + w[0], wires=0)

    x, w = np.array([[7.0], [1.0]]), np.array([0.5])
    EXACT.run(in_place, x, {"w": w})
    in_place.apply(x, w=w)
    leaf = torch.tensor([0.5], requires_grad=True)
    in_place.apply(torch.from_numpy(x), w=leaf)
    assert x.tolist() == [[7.0], [1.0]]
    assert w.tolist() == leaf.tolist() == [0.5]


def test_wires_with_names(direct):
    @circuit(wires=["left", "right"], inputs=2, observables=[qml.Z("right"), qml.X("left")])
    def named(x):
        qml.RX(x[..., 0], wires="left")
        qml.RY(2 * x[..., 1], wires="right")
        qml.CNOT(["left", "right"])

    @circuit(wires=2, inputs=2, observables=[qml.Z(1), qml.X(0)])
    def numbered(x):
        qml.RX(x[..., 0], wires=0)
        qml.RY(2 * x[..., 1], wires=1)
        qml.CNOT([0, 1])

    assert named.fingerprint == numbered.fingerprint
    assert to_qasm3(named) == to_qasm3(numbered)
    x = np.array([[0.3, 0.4]])
    np.testing.assert_array_equal(EXACT.run(named, x), EXACT.run(numbered, x))
    with pytest.raises(CircuitError, match=r"its gates use \['up'\]"):
        circuit(wires=["left"])(lambda x: qml.RX(x[..., 0], wires="up"))
    with pytest.raises(CircuitError, match="named twice"):
        circuit(wires=["left", "left"])(lambda x: None)


@pytest.mark.parametrize("inputs", [np.array([[1 + 0j]]), [[1j]]])
def test_complex_numbers_are_refused(inputs):
    with pytest.raises(UsageError, match="must be an array of real numbers"):
        EXACT.run(edge("pz"), inputs, {"theta": np.zeros((4, 2))})
