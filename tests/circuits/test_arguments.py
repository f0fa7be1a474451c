"""What a declaration becomes; its mistakes are in ``test_decorator``."""

import numpy as np
import pennylane as qml
import pytest

from circuits.arguments import (
    check_degrees,
    check_observables,
    check_scales,
    input_count,
    weight_mapping,
)


@pytest.mark.parametrize(
    ("given", "count"),
    [
        ((None, 1, None), 1),
        ((3, 1, 2.0), 3),
        ((None, (1, 1), None), 2),
        ((None, np.array([1, 1, 1]), 0.5), 3),
        ((2, [1, 1], (1.0, 2.0)), 2),
    ],
)
def test_input_count(given, count):
    assert input_count("c", *given) == count


def test_numbers_become_plain():
    assert check_degrees(None, 3, "c") is check_scales(None, 3, "c") is None
    assert check_degrees(2, 3, "c") == (2, 2, 2)
    assert check_degrees((np.int64(1), 2.0), 2, "c") == (1, 2)
    assert [type(s) for s in check_scales((np.float32(0.5), 1), 2, "c")] == [float, float]
    assert weight_mapping({"a": np.int64(2), "b": [3, 1], "c": ()}, "c") == {
        "a": (2,),
        "b": (3, 1),
        "c": (),
    }


@pytest.mark.parametrize(
    "observable",
    [
        qml.Z(0) @ qml.X(1),
        qml.Hamiltonian([0.5, -2.0], [qml.Z(0), qml.X(1) @ qml.Y(2)]),
        qml.Hermitian(np.array([[1, 1j], [-1j, 0]]), wires=0),
        qml.Projector([0, 1], wires=[0, 1]),
        qml.Projector(np.array([1, 1j]) / np.sqrt(2), wires=0),
        qml.SparseHamiltonian(qml.Z(0).sparse_matrix(), wires=0),
        qml.Hadamard(0),
        qml.I(0),
    ],
)
def test_any_hermitian_operator_is_an_observable(observable):
    assert check_observables(observable, "c") == (observable,)
    assert check_observables([observable], "c") == (observable,)
    assert check_observables(iter([observable]), "c") == (observable,)
