"""Circuits of all kinds that users may write: each is right, refused, or direct only, with the reason."""

from functools import partial

import numpy as np
import pennylane as qml
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits import CircuitError, UsageError, circuit, series_from_values
from circuits.declaration import make_circuit

GOOD, DIRECT, REFUSED = {}, {}, {}


def good(degrees, scales=1.0, **declared):
    """The function is a circuit whose series has these degrees and scales."""

    def register(function):
        GOOD[function.__name__] = (function, {"wires": 3} | declared, degrees, scales)
        return function

    return register


def direct_only(reason, **declared):
    """The function is a circuit without a series."""

    def register(function):
        DIRECT[function.__name__] = (function, {"wires": 2, "inputs": 2} | declared, reason)
        return function

    return register


def refused(message, **declared):
    """The function is no circuit, or not the one that is declared."""

    def register(function):
        REFUSED[function.__name__] = (function, {"wires": 2, "inputs": 2} | declared, message)
        return function

    return register


# Ways to read the inputs


@good((1, 1), inputs=2)
def last_axis(inputs):
    qml.RX(inputs[..., 0], wires=0)
    qml.RY(inputs[..., 1], wires=1)


@good((1, 1), inputs=2)
def first_axis(inputs):
    qml.RX(inputs[0], wires=0)
    qml.RY(inputs[1], wires=1)


@good((1, 1, 1), inputs=3)
def three_rows_of_three_features(inputs):
    for wire in range(3):
        qml.RX(inputs[wire], wires=wire)
    qml.CNOT([0, 2])


@good((1,))
def the_bare_input(x):
    qml.RX(x, wires=0)


@good((1, 1, 1), inputs=3)
def a_loop(x):
    for wire, value in enumerate(x):
        qml.RX(value, wires=wire)


@good((1, 1, 0), inputs=3)
def some_of_them(x):
    qml.RX(x[..., 0], wires=0)
    qml.RY(x[..., 1], wires=0)


@good((1, 1), scales=(1.0, 2.0), inputs=2)
def a_matrix_product(x):
    qml.RX(x @ np.array([1.0, -2.0]), wires=0)


@good((1, 1), inputs=2)
def a_sum_over_the_last_axis(x):
    qml.RX(qml.math.sum(x, axis=-1), wires=0)


@good((0,))
def no_input(x):
    qml.RX(0.3, wires=0)


@good((0,))
def no_gates(x):
    pass


@good((1,))
def default_arguments(x, wire=0, *, shift=0.2):
    qml.RX(x[..., 0] + shift, wires=wire)


@good((1,), weights={"theta": ()})
def keyword_arguments(x, **weights):
    qml.RX(x[..., 0], wires=0)
    qml.RZ(weights["theta"], wires=0)
    qml.RX(0.4, wires=0)


@good((1,), weights={"theta": (2,), "phi": 1})
def several_weights(x, *, phi, theta):
    qml.Rot(theta[0], theta[1], phi[0], wires=0)
    qml.RX(x[..., 0] + theta[1] ** 2, wires=0)


@good((1,))
def expectation_values(x):
    qml.RX(x[..., 0], wires=0)
    return qml.expval(qml.Y(0)), qml.expval(qml.X(1) @ qml.Z(0))


# Ways to encode


@good((1, 1, 1), inputs=3)
def angles_on_z(x):
    for wire in range(3):
        qml.Hadamard(wire)
    qml.AngleEmbedding(x, wires=range(3), rotation="Z")
    qml.StronglyEntanglingLayers(np.full((1, 3, 3), 0.4), wires=range(3))


@good((1, 1, 1), inputs=3)
def angles_on_y_inverted(x):
    qml.adjoint(qml.AngleEmbedding(x, wires=range(3), rotation="Y"))


@good((1,) * 6, inputs=6, wires=2)
def a_template_of_inputs(x):
    qml.StronglyEntanglingLayers(qml.math.reshape(x, (*x.shape[:-1], 1, 2, 3)), wires=[0, 1])


@good((3,))
def embedding_that_reuploads(x):
    qml.QAOAEmbedding(features=x, weights=np.array([[0.1], [0.2]]), wires=[0])


@good((2, 1), scales=(0.5, 1.0), inputs=2)
def controlled_rotation(x):
    qml.RX(x[..., 1], wires=0)
    qml.CRX(x[..., 0], wires=[0, 1])


@good((4, 2), scales=0.5, inputs=2)
def controlled_rot(x):
    qml.Hadamard(0)
    qml.CRot(x[..., 0], x[..., 1], x[..., 0], wires=[0, 1])


@good((2,), scales=0.5)
def twice_controlled(x):
    qml.Hadamard(0)
    qml.ctrl(qml.RX(x[..., 0], wires=1), control=[0, 2], control_values=[0, 0])


@good((4,))
def one_gate_three_angles(x):
    qml.Rot(x[..., 0], 2 * x[..., 0], -x[..., 0], wires=0)


@good((8,), scales=0.5, wires=4)
def excitations(x):
    qml.X(0)
    qml.X(1)
    qml.RX(0.3, wires=2)
    qml.DoubleExcitation(x[..., 0], wires=[0, 1, 2, 3])
    qml.SingleExcitation(x[..., 0], wires=[0, 2])
    qml.OrbitalRotation(x[..., 0], wires=[0, 1, 2, 3])


@good((4,), scales=0.5)
def ising_and_words(x):
    qml.X(0)
    qml.RX(0.3, wires=1)
    qml.IsingXY(x[..., 0], wires=[0, 1])
    qml.PauliRot(x[..., 0], "XYZ", wires=[0, 1, 2])


@good((2,))
def phases(x):
    qml.Hadamard(0)
    qml.GlobalPhase(x[..., 0])
    qml.ctrl(qml.GlobalPhase(x[..., 0]), control=0)
    qml.PhaseShift(x[..., 0], wires=0)
    qml.Hadamard(0)


@good((1,), scales=np.sqrt(5))
def hamiltonian_evolution(x):
    qml.RX(0.3, wires=0)
    qml.evolve(qml.X(0) @ qml.Z(1) + 0.5 * qml.Y(1), x[..., 0])


@good((6,), scales=0.5)
def trotter_steps(x):
    qml.RX(0.3, wires=0)
    qml.ApproxTimeEvolution(qml.X(0) + 0.5 * qml.Z(0) @ qml.Y(1), x[..., 0], n=2)


@good((1,), scales=3.0)
def power_of_a_gate(x):
    qml.pow(qml.RX(x[..., 0], wires=0), 3)


@good((2,))
def product_of_gates(x):
    qml.prod(qml.RX(x[..., 0], wires=0), qml.RY(x[..., 0], wires=1), qml.CNOT([0, 1]))


@good((121,), observables=[qml.Z(0), qml.X(0)])
def exponential_encoding(x):
    for k in range(5):
        qml.RX(3**k * x[..., 0], wires=0)
        qml.RY(0.3 + k, wires=0)


@good((1, 1), scales=(np.pi, 1.0), inputs=2)
def rates_pi_and_one(x):
    qml.RX(np.pi * x[..., 0], wires=0)
    qml.RX(x[..., 1], wires=0)


@good((1,), weights={"w": ()})
def shift_by_a_weight(x, w):
    qml.RX(x[..., 0] - np.exp(w), wires=0)


@good((1,))
def markers(x):
    qml.Snapshot("before")
    qml.RX(x[..., 0], wires=0)
    qml.Barrier(wires=[0, 1])
    qml.QFT(wires=[1, 2])


# Declarations


@good((4,), degree=4)
def more_than_enough(x):
    qml.RX(x[..., 0], wires=0)


@good((2,), scales=0.5, degree=2, scale=0.5)
def half_the_scale(x):
    qml.RX(x[..., 0], wires=0)


@good((1,), degree=1, observables=[qml.Z(0)])
def degrees_that_cancel(x):
    qml.RX(x[..., 0], wires=0)
    qml.RZ(x[..., 0], wires=0)  # Z does not see it


@good((1,), degree=1, scale=1)
def periodic_by_hand(x):
    qml.RX(x[..., 0] % (2 * np.pi), wires=0)


@good((1,), scales=2.0, degree=1, scale=2.0)
def declared_matrix(x):
    c, s = np.cos(x[..., 0]), np.sin(x[..., 0])
    qml.QubitUnitary(qml.math.moveaxis(np.array([[c, -s], [s, c]]), (0, 1), (-2, -1)), wires=0)


@good((1, 1), degree=np.array([1, 1]), scale=np.array([1.0, 1.0]))
def arrays_of_facts(x):
    qml.RX(x[..., 0], wires=0)
    qml.RX(x[..., 1], wires=1)


@good((1,), degree=1.0, inputs=np.int64(1))
def numbers_of_numpy(x):
    qml.RX(x[..., 0], wires=0)


def shared(x, theta, repeats):
    for _ in range(repeats):
        qml.RX(x[..., 0] + theta, wires=0)


class Gates:
    """A quantum function may be an object."""

    def __call__(self, x):
        qml.RX(x[..., 0], wires=0)


GOOD["partial"] = (
    partial(shared, repeats=3),
    {"wires": 1, "weights": {"theta": ()}},
    (3,),
    1.0,
)
GOOD["callable"] = (Gates(), {"wires": 1}, (1,), 1.0)
GOOD["lambda"] = (lambda x: qml.RX(x[..., 0], wires=0), {"wires": 1}, (1,), 1.0)
GOOD["transform"] = (
    qml.transforms.merge_rotations(
        lambda x: [qml.RX(x[..., 0], wires=0), qml.RX(x[..., 0], wires=0)]
    ),
    {"wires": 1},
    (1,),
    2.0,
)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(GOOD))
def test_the_series_is_the_circuit(name, direct, series_of):
    function, declared, degrees, scales = GOOD[name]
    made = make_circuit(function, **declared)
    assert made.direct_only is None
    assert made.degrees == degrees
    assert made.scales == pytest.approx(np.broadcast_to(scales, len(degrees)), rel=1e-12)
    rng = np.random.default_rng(0)
    weights = {n: rng.uniform(-7, 7, s) for n, s in made.weight_shapes.items()}
    x = rng.uniform(-20, 20, (5, made.num_inputs))
    series = series_of(made, weights)
    np.testing.assert_allclose(series(x), direct(made, x, weights), rtol=0, atol=1e-12)


# Functions that are no trigonometric polynomials


@direct_only(r"MultiRZ on wires \[0, 1\] does not depend on it linearly")
def products_of_features(x):
    qml.IQPEmbedding(x, wires=[0, 1])


@direct_only("is not the angle of a rotation in AmplitudeEmbedding", inputs=4)
def amplitudes(x):
    qml.AmplitudeEmbedding(x, wires=[0, 1], normalize=True)


@direct_only("is not the angle of a rotation in QubitUnitary")
def matrix(x):
    c, s = np.cos(x[..., 0]), np.sin(x[..., 0])
    qml.QubitUnitary(qml.math.moveaxis(np.array([[c, -s], [s, c]]), (0, 1), (-2, -1)), wires=0)


@direct_only("is not the angle of a rotation in RX")
def complex_angle(x):
    qml.RX(1j * x[..., 0], wires=0)


@direct_only("at a rate set by the weights", weights={"w": ()})
def scaled_by_a_weight(x, w):
    qml.RX(w * x[..., 0], wires=0)


@direct_only("the gates change with the weights", weights={"w": ()})
def branch_on_a_weight(x, w):
    qml.RX(x[..., 0], wires=0)
    if w > np.pi:
        qml.RX(x[..., 0], wires=0)


@direct_only("the gates change with the weights", weights={"w": ()})
def word_set_by_a_weight(x, w):
    qml.PauliRot(x[..., 0], "X" if w > 0 else "Y", wires=0)


@direct_only(r"frequencies of input 0 \(1, 3.14159\) are not multiples of one scale")
def incommensurate(x):
    qml.RX(x[..., 0], wires=0)
    qml.RX(np.pi * x[..., 0], wires=0)


@direct_only("although the gates give degrees", observables=[qml.Z(1)])
def not_unitary(x):
    qml.RX(x[..., 0], wires=0)
    qml.RX(x[..., 1], wires=1)
    qml.QubitUnitary(np.diag([1, 0.5]), wires=0)


NONLINEAR = {
    "square": lambda x: x**2,
    "abs": np.abs,
    "clip": lambda x: np.clip(x, 0, 1),
    "modulo": lambda x: x % 1,
    "floor": np.floor,
    "relu": lambda x: np.maximum(x, 0),
    "where": lambda x: np.where(x > 0, x, -2 * x),
    "tanh": np.tanh,
    "arctan": qml.math.arctan,
    "integer": lambda x: x.astype(int),
    "tiny bend": lambda x: x + 1e-6 * x**2,
}
for label, bend in NONLINEAR.items():
    DIRECT[label] = (
        lambda x, bend=bend: qml.RX(bend(x[..., 0]), wires=0),
        {"wires": 1},
        r"RX on wires \[0\] does not depend on it linearly \(input 0\)",
    )
DIRECT["product of inputs"] = (
    lambda x: qml.RX(x[..., 0] * x[..., 1], wires=0),
    {"wires": 1, "inputs": 2},
    "does not depend on it linearly",
)


@pytest.mark.parametrize("name", sorted(DIRECT))
def test_no_series_with_the_reason(name):
    function, declared, reason = DIRECT[name]
    made = make_circuit(function, **declared)
    assert made.direct_only is not None
    with pytest.raises(CircuitError, match=f"has no Fourier series: .*{reason}.*evaluate='direct'"):
        made.require_series()
    for ask in (lambda: made.num_nodes, lambda: made.plan):
        with pytest.raises(CircuitError):
            ask()


@pytest.mark.parametrize("name", sorted(NONLINEAR.keys() - {"tiny bend"}))
def test_a_series_declared_for_a_bent_angle_is_refused(name):
    function, declared, _ = DIRECT[name]
    outputs = [qml.Z(0), qml.Y(0)]  # Z alone would not tell abs(x) from x
    with pytest.raises(CircuitError, match="is not the Fourier series declared"):
        make_circuit(function, degree=2, scale=1.0, observables=outputs, **declared)


# Declarations that contradict the function


@refused("its series of degree 1 and scale 1 gives .* the gates give degrees", degree=1)
def too_low(x):
    qml.RX(x[..., 0], wires=0)
    qml.RX(x[..., 0], wires=0)


@refused("is not the Fourier series declared", degree=1, scale=2.0)
def wrong_scale(x):
    qml.RX(x[..., 0], wires=0)


@refused("has no series of scale .* Leave the scale out", scale=2.0)
def wrong_scale_alone(x):
    qml.RX(x[..., 0], wires=0)


@refused("is not the Fourier series declared", degree=1)
def declared_product(x):
    qml.RX(x[..., 0] * x[..., 1], wires=0)


@refused("do not branch on its value")
def branch_on_an_input(x):
    if x[..., 0] > 0:
        qml.RX(x[..., 0], wires=0)


@refused("a batch of inputs does not give each row the gates")
def branch_on_all(x):
    qml.ctrl(qml.RX(0.3, wires=1), 0, control_values=[bool(np.all(x[..., 0] > 0))])


@refused("a batch of inputs does not give each row the gates")
def sum_of_everything(x):
    qml.RX(np.sum(x), wires=0)


@refused("its gates are random: called twice alike")
def random_angle(x):
    qml.RX(x[..., 0] + np.random.default_rng().random(), wires=0)


@refused("a batch of inputs does not give each row the gates")
def power_by_an_input(x):
    qml.pow(qml.Z(0), x[..., 0])


@refused("a batch of inputs does not give each row the gates")
def hidden_in_a_generator(x):
    qml.evolve(x[..., 0] * qml.X(0), 1.0)


@refused(r"the function raises IndexError: index 2 .*inputs of shape \(2,\)")
def reads_too_many(x):
    qml.RX(x[..., 2], wires=0)


@refused("the function raises TypeError: sin.*use qml.math")
def torch_only(x):
    qml.RX(torch.sin(x[..., 0]), wires=0)


@refused("the function raises KeyError: 'oops'")
def raises(x):
    raise KeyError("oops")


@refused(r"has wires 0 to 1, but its gates use \[2\]")
def wrong_wire(x):
    qml.RX(x[..., 0], wires=2)


@refused(r"its gates use \['a'\]")
def named_wire(x):
    qml.RX(x[..., 0], wires="a")


@refused(r"takes \(x, theta\); expected the inputs, then by name the declared weights \[\]")
def undeclared_weight(x, theta):
    qml.RX(x[..., 0] + theta, wires=0)


@refused(r"takes \(x\); expected .* \['theta'\]", weights={"theta": 1})
def missing_weight(x):
    qml.RX(x[..., 0], wires=0)


@refused("expected the inputs, then by name", weights={"theta": ()})
def positional_only(x, theta, /):
    qml.RX(x[..., 0] + theta, wires=0)


@refused("expected the inputs", weights={"x": ()})
def weight_called_like_the_inputs(x, **others):
    qml.RX(x[..., 0], wires=0)


@refused("must queue its gates when it is called")
def generator(x):
    yield qml.RX(x[..., 0], wires=0)


@refused("mid-circuit")
def measures(x):
    qml.RX(x[..., 0], wires=0)
    qml.cond(qml.measure(0), qml.X)(wires=1)


@refused("mid-circuit")
def postselects(x):
    qml.RX(x[..., 0], wires=0)
    qml.CNOT([0, 1])
    qml.measure(0, postselect=1)


@refused("only expectation values")
def probabilities(x):
    qml.RX(x[..., 0], wires=0)
    return qml.probs(wires=0)


@refused("only expectation values")
def variance(x):
    qml.RX(x[..., 0], wires=0)
    return qml.var(qml.Z(0))


@refused("depends on the inputs or the weights", weights={"w": ()})
def observable_of_a_weight(x, w):
    qml.RX(x[..., 0], wires=0)
    return qml.expval(w * qml.Z(0))


@refused("depends on the inputs or the weights")
def observable_of_an_input(x):
    qml.RX(x[..., 0], wires=0)
    return qml.expval(x[..., 0] * qml.Z(0))


REFUSED["qnode"] = (
    qml.QNode(lambda x: qml.expval(qml.Z(0)), qml.device("default.qubit", wires=1)),
    {"wires": 1},
    "not a QNode: pass its function, qnode.func",
)
REFUSED["number"] = (5, {"wires": 1}, "needs a quantum function, not a int")
REFUSED["class"] = (qml.RX, {"wires": 1}, "expected the inputs")


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refused_with_the_reason(name):
    function, declared, message = REFUSED[name]
    with pytest.raises(CircuitError, match=f"(?s){message}"):
        make_circuit(function, **declared)


def rotation(x):
    qml.RX(x[..., 0], wires=0)


MISTAKES = [
    ({"wires": 0}, "wires must be an integer of at least 1, got 0"),
    ({"wires": 1.5}, "wires must be an integer"),
    ({"inputs": -1}, "inputs must be an integer of at least 1"),
    ({"inputs": True}, "inputs must be an integer of at least 1"),
    ({"degree": -1}, "degrees must be integers >= 0"),
    ({"degree": 1.5}, "degrees must be integers >= 0"),
    ({"degree": float("nan")}, "degrees must be integers >= 0"),
    ({"degree": "two"}, "degrees must be integers >= 0"),
    ({"degree": [None]}, "degrees must be integers >= 0"),
    ({"degree": []}, "inputs must be an integer of at least 1, got 0"),
    ({"scale": 0.0}, "scales must be positive and finite"),
    ({"scale": -1.0}, "scales must be positive and finite"),
    ({"scale": float("nan")}, "scales must be positive and finite"),
    ({"scale": float("inf")}, "scales must be positive and finite"),
    ({"scale": 1j}, "scales must be positive and finite"),
    ({"scale": "1"}, "scales must be positive and finite"),
    ({"degree": [1, 1], "scale": [1.0]}, r"disagree on the number of inputs: \[1, 2\]"),
    ({"degree": [1, 1], "inputs": 3}, r"disagree on the number of inputs: \[2, 3\]"),
    ({"weights": {"inputs": 2}}, "a weight cannot be called 'inputs'"),
    ({"weights": {"self": 2}}, "a weight cannot be called 'self'"),
    ({"weights": {"shots": 2}}, "a weight cannot be called 'shots'"),
    ({"weights": {"class": 2}}, "a weight cannot be called 'class'"),
    ({"weights": {1: 2}}, "a weight cannot be called 1"),
    ({"weights": [("theta", 2)]}, "weights must map names to shapes"),
    ({"weights": {"theta": 2.5}}, "shape of positive integers, not 2.5"),
    ({"weights": {"theta": (2, 0)}}, "shape of positive integers"),
    ({"weights": {"theta": "ab"}}, "shape of positive integers"),
    ({"observables": []}, "at least one observable"),
    ({"observables": 3}, "must be a PennyLane operator .* 3 arrived"),
    ({"observables": "Z"}, "must be a PennyLane operator"),
    ({"observables": qml.Z}, "must be a PennyLane operator"),
    ({"observables": qml.expval(qml.Z(0))}, "must be a PennyLane operator"),
    ({"observables": qml.T(0)}, "not Hermitian"),
    ({"observables": 1j * qml.Z(0)}, "not Hermitian"),
    ({"observables": qml.Hermitian(np.array([[0, 1], [0, 0]]), 0)}, "not Hermitian"),
    ({"observables": qml.I()}, "acts on no wire"),
    ({"observables": qml.Z(4)}, r"its observables use \[4\]"),
]


@pytest.mark.parametrize(("declared", "message"), MISTAKES)
def test_mistakes_in_declarations(declared, message):
    with pytest.raises(CircuitError, match=message):
        make_circuit(rotation, **{"wires": 1} | declared)


@pytest.mark.parametrize(
    ("defaults", "message"),
    [
        ({"theta": [1.0, 2.0, 3.0]}, r"shape \(2,\); a value of shape \(3,\) arrived"),
        ({"theta": [1.0, np.nan]}, "NaN or infinity"),
        ({"theta": "ab"}, "defaults must map names to numbers"),
        ({"phi": [1.0, 2.0]}, r"unknown: \['phi'\]"),
        ([1.0, 2.0], "defaults must map names to numbers"),
    ],
)
def test_mistakes_in_defaults(defaults, message):
    with pytest.raises(UsageError, match=message):
        make_circuit(
            lambda x, theta: qml.RX(x[..., 0] + theta[0], wires=0),
            wires=1,
            weights={"theta": 2},
            defaults=defaults,
        )


def test_many_wires_need_no_matrix():
    wires = 24
    outputs = [
        qml.prod(*(qml.Z(w) for w in range(wires))),
        qml.Projector([0] * wires, range(wires)),
    ]
    made = make_circuit(rotation, wires=wires, observables=outputs)
    assert made.num_nodes == 3


def test_declared_direct_only_is_not_run():
    made = circuit(wires=2, direct_only=True)(lambda x: qml.RX(x[..., 0] ** 2, wires=0))
    assert made.direct_only == "it was declared direct-only"


def test_noise_of_the_users_own(batched):
    @circuit(wires=2)
    def noisy(x):
        qml.RX(x[..., 0], wires=0)
        qml.DepolarizingChannel(0.1, wires=0)
        qml.CNOT([0, 1])
        qml.RY(x[..., 0], wires=1)

    node = qml.QNode(noisy.qfunc, qml.device("default.mixed", wires=2))
    series = series_from_values(noisy, np.stack(node(noisy.plan.inputs), -1))
    x = np.linspace(-9, 9, 7)[:, None]
    np.testing.assert_allclose(series(x), np.stack(node(x), -1), rtol=0, atol=1e-12)


ONE = [qml.RX, qml.RY, qml.RZ, qml.PhaseShift]
TWO = [qml.CRX, qml.CRZ, qml.IsingXX, qml.IsingXY, qml.SingleExcitation, qml.CPhase, qml.PSWAP]
GATES = st.tuples(
    st.sampled_from([*ONE, *TWO]),
    st.permutations(range(3)),
    st.sampled_from([None, 0, 1]),  # the input, or a constant
    st.sampled_from([1.0, -2.0, 0.5, 3.0]),
    st.booleans(),
)
OUTPUTS = st.sampled_from(
    [
        qml.Z(0),
        qml.X(1) @ qml.Y(2),
        qml.Y(2),
        qml.Z(0) + 0.5 * qml.X(1),
        qml.Projector([0, 1], [2, 0]),
    ]
)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.lists(GATES, max_size=7), st.lists(OUTPUTS, min_size=1, max_size=3))
def test_any_circuit_of_gates_is_its_series(direct, batched, gates, outputs):
    def function(x):
        for gate, wires, k, rate, inverse in gates:
            angle = 0.7 + rate if k is None else rate * x[..., k] + 0.3
            made = gate(angle, wires=wires[: gate.num_wires])
            if inverse:
                qml.adjoint(made)
            qml.CNOT(wires[1:])

    made = make_circuit(function, wires=3, inputs=2, observables=outputs)
    assert made.direct_only is None
    series = series_from_values(made, batched(made, made.plan.inputs))
    x = np.random.default_rng(0).uniform(-15, 15, (2, 2))
    np.testing.assert_allclose(series(x), direct(made, x), rtol=0, atol=1e-12)
