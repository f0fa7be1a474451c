import copy
import inspect
import pickle

import numpy as np
import pennylane as qml
import pytest
import torch

from circuits import FILTERS, UsageError, circuit, quanvolutional_filter, without_entanglement
from circuits.declaration import make_circuit


@circuit(wires=2, inputs=2, weights={"theta": (2,), "phi": ()}, observables=[qml.X(0), qml.Z(1)])
def module_level(x, phi, theta):
    qml.RX(x[..., 0] + phi, wires=0)
    qml.CNOT([0, 1])
    qml.RY(x[..., 1] * np.pi, wires=1)
    qml.RX(theta[0], wires=1)
    qml.RZ(theta[1], wires=1)


def plain(x):
    qml.RX(x[..., 0], wires=0)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
@pytest.mark.parametrize(
    "made",
    [
        *(quanvolutional_filter(name) for name in sorted(FILTERS)),
        quanvolutional_filter("demo", entanglement=False),
        module_level,
        without_entanglement(module_level),
        make_circuit(plain, wires=1),
    ],
    ids=lambda made: made.name,
)
def test_copies_compute_the_same(made, copied):
    print_before = made.fingerprint  # derived values are kept, and not pickled
    other = copied(made)
    assert other.fingerprint == print_before
    assert repr(other) == repr(made)
    assert other.num_nodes == made.num_nodes
    assert all(np.array_equal(other.defaults[n], made.defaults[n]) for n in made.defaults)


def test_a_local_circuit_is_deep_copied():
    @circuit(wires=1)
    def local(x):
        qml.RX(x[..., 0], wires=0)

    assert copy.deepcopy(local).fingerprint == local.fingerprint


def test_facts():
    assert module_level.name == "module_level"
    assert (module_level.num_wires, module_level.num_inputs, module_level.num_observables) == (
        2,
        2,
        2,
    )
    assert module_level.weight_shapes == {"theta": (2,), "phi": ()}
    assert module_level.scales == (1.0, np.pi)
    assert "degrees=(1, 1)" in repr(module_level)


def test_qfunc_is_a_quantum_function_of_named_arguments():
    assert list(inspect.signature(module_level.qfunc).parameters) == ["inputs", "theta", "phi"]
    node = qml.QNode(module_level.qfunc, qml.device("default.qubit"))
    values = node(torch.zeros(5, 2), torch.zeros(2), phi=torch.tensor(0.0))
    assert [tuple(value.shape) for value in values] == [(5,), (5,)]


def test_a_circuit_can_be_a_part_of_another():
    @qml.qnode(qml.device("default.qubit"))
    def node(x):
        module_level(x, theta=np.array([0.1, 0.2]), phi=0.3)
        qml.adjoint(module_level.apply)(x, theta=np.array([0.1, 0.2]), phi=0.3)
        return qml.expval(qml.Z(0)), qml.expval(qml.Z(1))

    np.testing.assert_allclose(node(np.array([0.4, 0.5])), [1, 1], atol=1e-14)


def test_a_decorated_circuit_is_a_value():
    with pytest.raises(AttributeError):
        module_level.name = "other"


def test_defaults_are_copies():
    angles = np.ones(1)
    made = make_circuit(
        lambda x, w: qml.RX(x[..., 0] + w[0], wires=0),
        wires=1,
        weights={"w": 1},
        defaults={"w": angles},
    )
    angles[0] = 7
    assert made.check_weights()["w"].tolist() == [1.0]


def test_weights_are_checked():
    good = {"theta": [1, 2], "phi": 0}
    assert module_level.check_weights(good)["theta"].dtype == np.float64
    for change, message in [
        ({"thteta": [1, 2]}, r"unknown: \['thteta'\]"),
        ({"theta": [1, 2, 3]}, r"has shape \(2,\); a value of shape \(3,\)"),
        ({"phi": np.nan}, "NaN or infinity"),
        ({"phi": "much"}, "weight 'phi'"),
        ({"theta": [[1], [2, 3]]}, "weight 'theta'"),
    ]:
        with pytest.raises(UsageError, match=message):
            module_level.check_weights(good | change)
    with pytest.raises(UsageError, match=r"missing: \['phi', 'theta'\]"):
        module_level.check_weights()


def test_inputs_are_checked():
    assert module_level.check_inputs([[1, 2]]).dtype == np.float64
    for wrong in (1.0, [1.0], [[1.0], [2.0]], np.zeros((2, 3))):
        with pytest.raises(UsageError, match=r"takes inputs of shape \(\.\.\., 2\)"):
            module_level.check_inputs(wrong)
    for wrong in ([np.inf, 0], [np.nan, 0]):
        with pytest.raises(UsageError, match="NaN or infinity"):
            module_level.check_inputs(wrong)
    for wrong in (["a", "b"], [[1, 2], [3]], [1j, 2]):
        with pytest.raises(UsageError, match="inputs of circuit 'module_level'"):
            module_level.check_inputs(wrong)


def test_random_weights_come_from_the_generator():
    first, again = (module_level.random_weights(np.random.default_rng(3)) for _ in range(2))
    assert {n: w.shape for n, w in first.items()} == {"theta": (2,), "phi": ()}
    assert all(np.array_equal(first[n], again[n]) for n in first)
