"""Snapshots of IBM devices: layout, noise, limits, and what is asked of them wrongly."""

from dataclasses import dataclass

import numpy as np
import pennylane as qml
import pytest
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SparsePauliOp

from circuits import circuit
from circuits.backends import backend
from circuits.backends.aer import AerBackend, misread
from circuits.backends.estimator import transpiled
from circuits.backends.pubs import Template
from circuits.errors import UsageError
from circuits.qiskit import to_qiskit

MANILA = "aer:fake_manila"


@pytest.mark.slow
def test_exact_values_are_the_limit_of_many_shots(turned, point):
    limit = backend(MANILA).run(turned, *point)
    shots, repeats = 10_000, 2
    runs = [backend(MANILA, shots=shots, seed=k).run(turned, *point) for k in range(repeats)]
    # 1.5 bounds an observable's standard deviation; 2e-3 is for the gates that turn X and Y into Z.
    np.testing.assert_allclose(
        np.mean(runs, axis=0), limit, atol=4 * 1.5 / np.sqrt(shots * repeats) + 2e-3
    )
    assert abs(limit - backend("default.qubit").run(turned, *point)).max() > 0.03


def test_readout_is_a_map_of_pauli_operators():
    # <ZZ> of two bits misread independently, by hand, over all outcomes.
    errors = {0: (0.1, 0.2), 2: (0.05, 0.3)}
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(4)).reshape(2, 2)
    flips = {q: np.array([[1 - zero, zero], [one, 1 - one]]) for q, (zero, one) in errors.items()}
    sign = np.array([1, -1])
    expected = np.einsum("ab,ac,bd,c,d->", p, flips[0], flips[2], sign, sign)
    state = np.zeros((2, 2, 2))
    state[:, 0, :] = p.T  # Qiskit's first index is the last qubit
    seen = misread(SparsePauliOp.from_sparse_list([("ZZ", [0, 2], 1.0)], 3), errors).to_matrix()
    assert np.diag(seen).real @ state.ravel() == pytest.approx(expected, abs=1e-14)


def test_a_layout_that_is_asked_for_is_kept(turned):
    template = Template(to_qiskit(turned), layout=(3, 4))
    layout = transpiled(backend(MANILA), template).layout
    assert layout.final_index_layout() == [3, 4]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("aer:fake_manilla", {}, "did you mean 'fake_manila'"),
        ("aer:", {}, "unknown fake device"),
        ("aer:DEVICE", {}, "fake_algiers, "),
        (MANILA, {"shots": 10**6}, "at most 100000 shots"),
        (MANILA, {"noise": "bit-flip:0.1"}, "has the noise of its device"),
    ],
)
def test_what_cannot_be_made(name, options, message):
    with pytest.raises(UsageError, match=message):
        backend(name, **options)


@dataclass(frozen=True)
class Islands(AerBackend):
    """Two pairs of qubits without a connection."""

    @property
    def target(self):
        return GenericBackendV2(4, coupling_map=[[0, 1], [1, 0], [2, 3], [3, 2]], seed=1)


@pytest.mark.parametrize(
    ("chosen", "wires", "message"),
    [
        (backend(MANILA), 6, "6 wires does not fit 'aer:fake_manila', which has 5 qubits"),
        (Islands("aer"), 3, "cannot be laid out on 'aer'"),
    ],
)
def test_circuits_that_do_not_fit(chosen, wires, message):
    @circuit(wires=wires)
    def chain(inputs):
        qml.RY(inputs[..., 0], wires=0)
        for k in range(wires - 1):
            qml.CNOT([k, k + 1])

    with pytest.raises(UsageError, match=message):
        chosen.run(chain, [[0.1]])
