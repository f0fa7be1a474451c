"""Inputs that gave a wrong value without a word, or a raw traceback, once; and their siblings."""

import functools
import os

import numpy as np
import pennylane as qml
import pytest
import torch
from qiskit import qasm2, qasm3
from qiskit.quantum_info import Statevector

from circuits import (
    CircuitError,
    UsageError,
    backend,
    circuit,
    draw,
    edge,
    qiskit_observables,
    quanvolutional_filter,
    to_qasm2,
    to_qasm3,
    to_qiskit,
)
from circuits.declaration import make_circuit
from circuits.formats import to_python

EXACT = backend("default.qubit")


def clipped(limit, x):
    qml.RX(np.clip(x[..., 0], -limit, limit), wires=0)


def class_constant(k):
    return type("Limited", (), {"k": k, "__call__": lambda self, x: clipped(self.k, x)})()


def inherited(k):
    class Base:
        def limit(self):
            return k

    class Derived(Base):
        def __call__(self, x):
            clipped(self.limit(), x)

    return Derived()


def through_a_property(k):
    class Limited:
        @property
        def limit(self):
            return k

        def __call__(self, x):
            clipped(self.limit, x)

    return Limited()


def cached(k):
    @functools.lru_cache
    def limit():
        return k

    return lambda x: clipped(limit(), x)


def by_name(k):
    class Limits:
        pass

    Limits.limit = k
    return lambda x: clipped(getattr(Limits, "limit"), x)  # noqa: B009


def from_the_environment(k):
    os.environ["CIRCUITS_TEST_LIMIT"] = str(k)
    return lambda x: clipped(float(os.environ["CIRCUITS_TEST_LIMIT"]), x)


def transformed(k):
    return qml.transforms.merge_rotations(lambda x: clipped(k, x))


@pytest.mark.filterwarnings("ignore:results of circuit")
@pytest.mark.parametrize(
    "make",
    [
        class_constant,
        inherited,
        through_a_property,
        cached,
        by_name,
        from_the_environment,
        transformed,
    ],
)
def test_functions_that_differ_have_prints_that_differ(make):
    one, two = (make_circuit(make(k), wires=1, direct_only=True).fingerprint for k in (1, 2))
    assert one != two


def test_what_cannot_be_covered_is_said():
    made = make_circuit(by_name(1), wires=1, direct_only=True)
    with pytest.warns(
        UserWarning, match="are not kept: its function leans on what 'getattr' gives"
    ):
        assert made.fingerprint != ""


def test_what_changes_after_its_declaration_is_refused_though_it_is_direct():
    shift = [0.5]
    made = make_circuit(lambda x: qml.RX(x[..., 0] + shift[0], wires=0), wires=1, direct_only=True)
    EXACT.run(made, [[0.1]])
    shift[0] = 0.7
    with pytest.raises(CircuitError, match="is not what it was"):
        EXACT.run(made, [[0.1]])


LOST = {
    "float": lambda w: float(w[0]) + w[1],
    "item of a bent one": lambda w: np.sin(w[0].item()) + w[1],
    "detach": lambda w: (w[0].detach() if hasattr(w[0], "detach") else w[0]) + w[1],
    "half": lambda w: qml.math.sin(w[0]) + float(w[0]) + w[1],
}


@pytest.mark.parametrize("name", LOST)
@pytest.mark.parametrize("direct_only", [False, True])
def test_a_weight_that_gets_no_gradient_is_said(name, direct_only):
    with pytest.warns(UserWarning, match=r"turns w\[0\] into plain numbers .* never be trained"):
        make_circuit(
            lambda x, w: qml.RX(x[..., 0] + LOST[name](w), wires=0),
            wires=1,
            weights={"w": 2},
            direct_only=direct_only,
        )


@pytest.mark.parametrize(
    "weight", [[True, False], ["1", "2"], [1j, 2], np.array([1, "a"], dtype=object), [None, 1.0]]
)
def test_only_real_numbers_are_numbers(weight):
    made = make_circuit(
        lambda x, w: qml.RX(x[..., 0] + w[0] + w[1], wires=0), wires=1, weights={"w": 2}
    )
    with pytest.raises(UsageError, match="must be an array of real numbers"):
        EXACT.run(made, [[0.1]], {"w": weight})
    with pytest.raises(UsageError, match="must be an array of real numbers"):
        made.check_weights({"w": weight})
    np.testing.assert_array_equal(
        made.check_weights({"w": np.array([1, 2.5], object)})["w"], [1, 2.5]
    )


@pytest.mark.parametrize("name", ["circuit", "backend", "training", "forward", "x"])
def test_weights_of_any_name(name):
    made = make_circuit(
        lambda inputs, **w: qml.RX(inputs[..., 0] + w[name], wires=0), wires=1, weights={name: ()}
    )
    found = EXACT.run(made, [[0.1]], {name: 0.4})
    np.testing.assert_allclose(found, [[np.cos(0.5)]], rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    "wires",
    [range(2), np.array([0, 1]), [(0, 0), (0, 1)], ("a", "b"), [-1, 0], qml.wires.Wires([0, 1])],
)
def test_wires_of_any_name(wires):
    first, second = list(wires)

    def function(x):
        qml.RX(x[..., 0], wires=[first])
        qml.CNOT([first, second])

    made = make_circuit(function, wires=wires)
    np.testing.assert_allclose(EXACT.run(made, [[0.3]]), np.cos([[0.3, 0.3]]), rtol=0, atol=1e-14)


@pytest.mark.parametrize("row", [3, 17_000, 29_999])
def test_a_long_batch_is_held_at_its_extremes(row):
    made = make_circuit(
        lambda x: qml.RX(
            torch.clamp(x[..., 0], -5, 5) if torch.is_tensor(x) else x[..., 0], wires=0
        ),
        wires=1,
    )
    x = torch.zeros(30_000, 1, dtype=torch.float64)
    made.gates(x)
    x[row] = 6.0
    with pytest.raises(CircuitError, match=rf"at inputs \[6.0\] \(row {row}\) its angle is 5"):
        made.gates(x)


# Export

EXPORTED = {
    "two controls": lambda x: (
        qml.Hadamard(1),
        qml.Hadamard(2),
        qml.ctrl(qml.RY(np.pi * x[..., 0], 0), [1, 2]),
    ),
    "a control of 0": lambda x: (
        qml.Hadamard(1),
        qml.ctrl(qml.Rot(np.pi * x[..., 0], x[..., 0] + 1, 0.3, 0), 1, control_values=[0]),
    ),
    "CRot": lambda x: (qml.Hadamard(1), qml.CRot(np.pi * x[..., 0], 0.2, x[..., 0], [1, 0])),
    "CPhase": lambda x: (
        qml.Hadamard(1),
        qml.Hadamard(0),
        qml.CPhase(np.pi * x[..., 0], [1, 0]),
    ),
    "U3": lambda x: qml.U3(np.pi * x[..., 0], 0.2, x[..., 0] / 3, 0),
    "a controlled Ising gate": lambda x: (
        qml.Hadamard(2),
        qml.ctrl(qml.IsingXX(np.pi * x[..., 0], [0, 1]), 2),
    ),
    "barriers": lambda x: (qml.RX(x[..., 0], 0), qml.Barrier([0, 1]), qml.CNOT([0, 1])),
    "a controlled matrix": lambda x: (
        qml.RX(x[..., 0], 0),
        qml.ctrl(qml.QubitUnitary(np.array([[0, 1], [1j, 0]]), 0), 1, control_values=[0]),
    ),
}


@pytest.mark.parametrize("name", EXPORTED)
def test_what_is_exported_comes_back(name):
    made = make_circuit(
        EXPORTED[name],
        wires=3,
        observables=[qml.Z(0), qml.Y(0), qml.X(1)],
        name="a \"quoted\" 'name' \\",
    )
    expected = EXACT.run(made, [[0.37]])[0]
    script = {}
    exec(to_python(to_qiskit(made)), script)
    again = [script["circuit"], qasm2.loads(to_qasm2(made, [0.37]))]
    pytest.importorskip("qiskit_qasm3_import")
    for each in (*again, qasm3.loads(to_qasm3(made)), to_qiskit(made)):
        bound = each.assign_parameters(dict.fromkeys(each.parameters, 0.37))
        found = [Statevector(bound).expectation_value(o).real for o in qiskit_observables(made)]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


def test_an_expression_in_python():
    made = make_circuit(lambda x: qml.RY(np.arctan(x[..., 0]), 0), wires=1)
    script = {}
    exec(to_python(to_qiskit(made)), script)
    bound = script["circuit"].assign_parameters([0.37])
    assert Statevector(bound).probabilities()[0] == pytest.approx(0.5 + 0.5 / np.hypot(1, 0.37))


def test_what_takes_a_circuit_takes_its_name():
    assert to_qasm3("pz(depth=1)") == to_qasm3(edge("pz(depth=1)"))
    assert to_qasm3("demo") == to_qasm3(quanvolutional_filter("demo"))
    assert draw("pz(depth=3)").axes
    with pytest.raises(UsageError, match="did you mean 'demo'"):
        draw("dmeo")
    for wrong in (torch.nn.Linear(1, 1), 5, None):
        with pytest.raises(
            UsageError, match=r"expected a circuit, or the name of an edge or a filter"
        ):
            to_qiskit(wrong)


def test_what_a_function_cannot_do_with_tensors_is_told():
    @circuit(wires=1)
    def flips(inputs):
        qml.RY(inputs[..., ::-1][..., 0], wires=0)

    with pytest.raises(
        CircuitError, match=r"raises ValueError: step .* given Tensor: use qml.math"
    ):
        flips.gates(torch.zeros(2, 1))
