import os
import subprocess
import sys
from functools import partial

import numpy as np
import pennylane as qml
import pytest

from circuits import FILTERS, circuit, quanvolutional_filter
from circuits.declaration import make_circuit

MATRIX = np.array([[1.0, 0.2j], [-0.2j, 0.5]])


def base(inputs, theta):
    qml.RX(inputs[..., 0], wires=0)
    qml.ctrl(qml.RY(theta[0], wires=1), control=0, control_values=[0])
    qml.PauliRot(0.3, "XY", wires=[0, 1])
    qml.QubitUnitary(np.diag([1, 1j]), wires=0)
    qml.RX(theta[1], wires=0)


def rewritten(data, theta):  # other names, other text, the same gates

    first, wire = data[..., 0], 0
    qml.RX(first, wires=wire)
    (
        qml.ctrl(
            qml.RY,
            control=0,
            control_values=[False],
        )(theta[0], wires=1)
    )
    qml.PauliRot(0.1 + 0.2, "XY", wires=[0, 1])
    qml.QubitUnitary(np.array([[1, 0], [0, 1j]]), wires=0)
    qml.RX(theta[wire + 1], wires=0)


def other_gate(inputs, theta):
    qml.RY(inputs[..., 0], wires=0)
    qml.ctrl(qml.RY(theta[0], wires=1), control=0, control_values=[0])
    qml.PauliRot(0.3, "XY", wires=[0, 1])
    qml.QubitUnitary(np.diag([1, 1j]), wires=0)
    qml.RX(theta[1], wires=0)


def changed(angle=0.3, word="XY", control=0, wire=0, phase=1j, theta_of=(0, 1), extra=False):
    def function(inputs, theta):
        qml.RX(inputs[..., 0], wires=0)
        qml.ctrl(qml.RY(theta[theta_of[0]], wires=1), control=0, control_values=[control])
        qml.PauliRot(angle, word, wires=[0, 1])
        qml.QubitUnitary(np.diag([1, phase]), wires=0)
        qml.RX(theta[theta_of[1]], wires=wire)
        if extra:
            qml.Z(1)

    return function


OUTPUTS = [qml.Z(0), qml.Hermitian(MATRIX, wires=1)]


def print_of(function, wires=2, observables=OUTPUTS, **declared):
    made = make_circuit(
        function, wires=wires, weights={"theta": 2}, observables=observables, **declared
    )
    return made.fingerprint


def test_rewriting_changes_nothing():
    expected = print_of(base)
    assert print_of(base) == print_of(rewritten) == print_of(changed()) == expected
    assert print_of(base, name="another", reference="elsewhere") == expected
    assert print_of(base, defaults={"theta": [1, 2]}) == expected  # values are a key of their own


CHANGES = {
    "gate": lambda: print_of(other_gate),
    "angle": lambda: print_of(changed(angle=0.3 + 1e-9)),
    "word": lambda: print_of(changed(word="YX")),
    "control value": lambda: print_of(changed(control=1)),
    "wire": lambda: print_of(changed(wire=1)),
    "matrix": lambda: print_of(changed(phase=-1j)),
    "weight": lambda: print_of(changed(theta_of=(1, 0))),
    "one more gate": lambda: print_of(changed(extra=True)),
    "number of wires": lambda: print_of(base, wires=3),
    "observable": lambda: print_of(base, observables=[qml.X(0), OUTPUTS[1]]),
    "order of observables": lambda: print_of(base, observables=OUTPUTS[::-1]),
    "wire of an observable": lambda: print_of(base, observables=[qml.Z(1), OUTPUTS[1]]),
    "factor of an observable": lambda: print_of(base, observables=[2 * qml.Z(0), OUTPUTS[1]]),
    "matrix of an observable": lambda: print_of(
        base, observables=[qml.Z(0), qml.Hermitian(MATRIX.T, wires=1)]
    ),
    "degree": lambda: print_of(base, degree=2),
    "scale": lambda: print_of(base, degree=2, scale=0.5),
    "direct only": lambda: print_of(base, direct_only=True),
}


@pytest.mark.slow
def test_every_change_shows():
    prints = {name: make() for name, make in CHANGES.items()} | {"base": print_of(base)}
    assert len(set(prints.values())) == len(prints)


def test_observables_are_compared_by_what_they_measure():
    same = [
        [qml.Z(0) @ qml.X(1)],
        [qml.prod(qml.X(1), qml.Z(0))],
        [qml.Hamiltonian([1.0], [qml.Z(0) @ qml.X(1)])],
        [0.5 * (qml.Z(0) @ qml.X(1)) + 0.5 * (qml.X(1) @ qml.Z(0))],
    ]
    assert len({print_of(base, observables=outputs) for outputs in same}) == 1


def test_a_branch_without_a_series_is_in_the_print():
    def branch(limit):
        if limit == 50:
            return lambda x: qml.RX(np.where(x[..., 0] > 50, 1.0, 0.0), wires=0)
        return lambda x: qml.RX(np.where(x[..., 0] > 60, 1.0, 0.0), wires=0)

    prints = {make_circuit(branch(n), wires=1, direct_only=True).fingerprint for n in (50, 60)}
    assert len(prints) == 2


SHIFT = 0.1


def helper(x, shift):
    return np.arctan(x) + shift


def default(x, *, shift=0.1):
    qml.RX(helper(x[..., 0], shift), wires=0)


def of_global(x):
    qml.RX(helper(x[..., 0], SHIFT), wires=0)


class Owner:
    def __init__(self, shift):
        self.shift = np.array([shift])

    def __call__(self, x):
        qml.RX(helper(x[..., 0], self.shift[0]), wires=0)


def in_a_closure(shift):
    def function(x):
        qml.RX(helper(x[..., 0], shift), wires=0)

    return function


def with_helper(shift):
    def inner(x):
        return np.where(x > 50, shift, x)

    return lambda x: qml.RX(inner(x[..., 0]), wires=0)


def _with_default(shift):
    def function(x, *, shift=shift):
        qml.RX(np.arctan(x[..., 0]) * 0 + np.where(x[..., 0] > 1e3, shift, 0.0), wires=0)

    return function


LEANING = {
    "closure": in_a_closure,
    "partial": lambda shift: partial(default, shift=shift),
    "default": _with_default,
    "object": Owner,
    "helper": with_helper,
}


def print_direct(function):
    return make_circuit(function, wires=1, direct_only=True).fingerprint


@pytest.mark.parametrize("kind", LEANING)
def test_what_code_leans_on_is_in_the_print(kind):
    make = LEANING[kind]
    assert print_direct(make(0.1)) == print_direct(make(0.1)) != print_direct(make(0.2))


def test_a_global_that_changes_changes_the_print(monkeypatch):
    made = make_circuit(of_global, wires=1, direct_only=True)
    before = made.fingerprint
    assert made.fingerprint == before
    monkeypatch.setattr(sys.modules[__name__], "SHIFT", 0.2)
    assert made.fingerprint != before


def test_what_has_no_lasting_text_is_said():
    numbers = iter([0.1, 0.2, 0.3])

    def function(x):
        qml.RX(np.arctan(x[..., 0]), wires=0)
        return numbers and None

    made = make_circuit(function, wires=1, direct_only=True)
    with pytest.warns(UserWarning, match="are not kept: its function leans on a .*list_iterator"):
        first = made.fingerprint
    with pytest.warns(UserWarning, match="are not kept"):
        assert made.fingerprint != first


SCRIPT = """
import pennylane as qml, numpy as np
from circuits import FILTERS, circuit, quanvolutional_filter
for name in sorted(FILTERS):
    print(quanvolutional_filter(name).fingerprint)

@circuit(wires=2, direct_only=True, weights={"b": 1, "a": 2})
def odd(x, a, b):
    kind = "RX" if "q" in {"p", "q", "r"} else "RY"
    gate = {"RX": qml.RX, "RY": qml.RY}[kind]
    qml.ctrl(gate(x[..., 0] ** 2 + a[1], wires=1), control=0)
    qml.evolve(qml.X(0) @ qml.Z(1) + 0.5 * qml.Y(1), b[0])

print(odd.fingerprint)
"""


@pytest.mark.slow
def test_the_same_in_every_process():
    def run(seed):
        environment = os.environ | {
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.split()

    first, second = run("1"), run("2")
    assert first == second
    assert first[:-1] == [quanvolutional_filter(name).fingerprint for name in sorted(FILTERS)]


def test_a_circuit_of_a_circuit_is_the_same():
    filt = quanvolutional_filter("demo")
    again = circuit(wires=4, inputs=4, weights=filt.weight_shapes)(filt)
    assert again.fingerprint == filt.fingerprint


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_a_print_is_sha256(name):
    assert len(bytes.fromhex(quanvolutional_filter(name).fingerprint)) == 32
