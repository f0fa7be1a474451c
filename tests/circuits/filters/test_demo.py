import numpy as np
import pennylane as qml
import pytest

from circuits import quanvolutional_filter
from circuits.filters.demo import DEMO_ANGLES
from circuits.tape import elementary


def rotations(inputs):
    for wire in range(4):
        qml.RY(np.pi * inputs[wire], wires=wire)


def current(inputs, angles):
    rotations(inputs)
    qml.RandomLayers(np.reshape(angles, (1, 4)), wires=range(4), ratio_imprim=0.3, seed=42)


def legacy(inputs, angles):
    """The gates that PennyLane before 0.29 drew, written by hand."""
    rotations(inputs)
    qml.RX(angles[0], wires=0)
    qml.RZ(angles[1], wires=3)
    qml.CNOT(wires=[2, 1])
    qml.CNOT(wires=[3, 0])
    qml.RY(angles[2], wires=0)
    qml.RX(angles[3], wires=0)


def test_angles_are_those_of_the_legacy_generator():
    drawn = np.random.RandomState(0).uniform(high=2 * np.pi, size=4)
    assert drawn.tolist() == list(DEMO_ANGLES)


@pytest.mark.parametrize(("name", "function"), [("demo", current), ("demo-legacy", legacy)])
def test_gates_are_those_of_the_template(name, function):
    filt = quanvolutional_filter(name)
    x, angles = np.linspace(0.1, 0.9, 4), filt.defaults["angles"]
    expected = elementary(qml.tape.make_qscript(function)(x, angles).operations)
    pairs = list(zip(filt.gates(x, angles=angles), expected, strict=True))
    assert all(qml.equal(ours, theirs) for ours, theirs in pairs)


@pytest.mark.parametrize(("name", "function"), [("demo", current), ("demo-legacy", legacy)])
def test_series_is_the_published_circuit(name, function, direct, series_of):
    filt = quanvolutional_filter(name)
    x = np.random.default_rng(0).uniform(-6, 6, (12, 4))
    values = direct(filt, x, function=function)
    np.testing.assert_allclose(series_of(filt)(x), values, rtol=0, atol=1e-12)


def test_closed_form(series_of):
    x = np.random.default_rng(1).uniform(-6, 6, (4, 50))
    z0 = np.cos(np.pi * x[0])
    z1 = np.cos(np.pi * x[1] + DEMO_ANGLES[0])
    z2 = 0.16745669927347184 * np.sin(np.pi * x[2]) + 0.4253798201272212 * np.cos(np.pi * x[2])
    z3 = z1 * np.cos(np.pi * x[3])
    series = series_of(quanvolutional_filter("demo"))
    np.testing.assert_allclose(series(x.T), np.stack([z0, z1, z2, z3], -1), rtol=0, atol=1e-12)


def test_seven_of_324_coefficients(series_of):
    series = series_of(quanvolutional_filter("demo"))
    terms = [series.terms(output) for output in range(4)]
    assert [len(found) for found in terms] == [1, 2, 2, 2]
    assert {t.harmonics for t in terms[3]} == {
        ((1, "cos", 1), (3, "cos", 1)),
        ((1, "sin", 1), (3, "cos", 1)),
    }
    (first,) = terms[0]
    assert first.harmonics == ((0, "cos", 1),)
    assert first.coefficient == pytest.approx(1, abs=1e-14)


def test_black_patch(series_of):
    black = series_of(quanvolutional_filter("demo"))(np.zeros(4))
    expected = [1, -0.9533337806844938, 0.4253798201272211, -0.9533337806844938]
    np.testing.assert_allclose(black, expected, rtol=0, atol=1e-14)


def test_legacy_is_another_filter():
    demo, old = (quanvolutional_filter(name) for name in ("demo", "demo-legacy"))
    assert demo.fingerprint != old.fingerprint
