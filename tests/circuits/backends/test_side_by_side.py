"""Copies side by side give what each gives alone, in as many circuits as promised."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pennylane as qml
import pytest
import torch
from torch.autograd import grad

from circuits import UsageError, backend, circuit, edge
from circuits.angles import angle_form
from circuits.backends.aer import AerBackend
from circuits.backends.estimator import packed, placed, transpiled
from circuits.backends.pubs import Pub, Template, pubs_of
from circuits.costs import cost
from qkan import QKAN

AER = backend("aer")


@dataclass(frozen=True)
class Whole(AerBackend):
    """Simulates all copies in one circuit, as a device would run them."""

    @property
    def simulated_wires(self):
        return None


@circuit(wires=3, weights={"t": 3}, observables=[qml.Z(0), qml.X(1) @ qml.Y(0), qml.Z(2)])
def three(inputs, t):
    qml.RY(inputs[..., 0], 0)
    qml.CNOT([0, 1])
    qml.Rot(t[0], t[1], t[2], 1)
    qml.CNOT([1, 2])


def rows_of(form, count, seed=0):
    return np.random.default_rng(seed).uniform(-3, 3, (count, form.circuit.num_inputs))


def pub_of(form, rows):
    gates = form.circuit.gates(rows[0])
    tape = qml.tape.QuantumScript(gates, [qml.expval(o) for o in form.circuit.observables])
    (pub,), _ = pubs_of([tape], form.circuit.num_wires)
    return Pub(pub.template, pub.observables, rows)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [AerBackend, Whole])
@pytest.mark.parametrize(("name", "qubits"), [("pz", 7), ("three", 10), ("entangled", 7)])
def test_packed_values_are_those_of_circuits_alone(kind, name, qubits):
    form = angle_form(three if name == "three" else edge(name))
    together = packed(kind("aer"), qubits=qubits)
    copies = qubits // form.circuit.num_wires
    for count in (1, copies - 1, copies, copies + 1, 3 * copies + 1):
        rows = rows_of(form, count)
        expected = backend("default.qubit").run(form.circuit, rows)
        found = together.run(form.circuit, rows)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_as_many_circuits_as_promised(monkeypatch):
    bound = []
    plain = Whole.estimate

    def counted(self, pubs, *args):
        bound.extend((len(values), circuit.num_qubits) for circuit, _, values in pubs)
        return plain(self, pubs, *args)

    form = angle_form(edge("pz(depth=1)"))
    together = packed(Whole("aer", shots=10, seed=0), qubits=6)
    together.run(form.circuit, rows_of(form, 20))  # the circuit is held against the reference once
    monkeypatch.setattr(Whole, "estimate", counted)
    together.run(form.circuit, rows_of(form, 20))
    assert bound == [(4, 6)]
    monkeypatch.undo()
    alone, found = (cost(form.circuit, where, 20) for where in (Whole("aer", shots=10), together))
    assert (alone.circuits, alone.copies, alone.total_shots) == (20, 1, 200)
    assert (found.circuits, found.copies, found.total_shots) == (4, 6, 40)
    assert alone.depth == found.depth
    found = cost(angle_form(three).circuit, together, 20)
    assert (found.circuits, found.copies, found.bases) == (10, 2, 2)  # Z and XY do not go together


@pytest.mark.slow
def test_sampled_copies_have_the_right_distribution_and_are_independent():
    """Of n runs of S shots, <Z> has variance (1 - z^2) / S, and two copies have no covariance."""
    shots, runs = 50, 600
    form = angle_form(edge("pz(depth=1)"))
    pair = rows_of(form, 2)
    exact = backend("default.qubit").run(form.circuit, pair)[:, 0]
    sampler = packed(Whole("aer", shots=shots, seed=3), qubits=2)
    values = sampler.run(form.circuit, np.tile(pair, (runs, 1))).reshape(runs, 2)
    variance = (1 - exact**2) / shots
    assert (np.abs(values.mean(0) - exact) < 4.5 * np.sqrt(variance / runs)).all()
    np.testing.assert_allclose(values.var(0), variance, rtol=5 * np.sqrt(2 / runs))
    correlation = np.corrcoef(values.T)[0, 1]
    assert abs(correlation) < 4.5 / np.sqrt(runs)


@pytest.mark.slow
def test_on_a_device_each_copy_has_the_noise_of_its_own_qubits():
    fake = backend("aer:fake_manila")
    together = packed(fake)
    form = angle_form(edge("entangled(wires=2, depth=1)"))
    pub = pub_of(form, rows_of(form, 2))
    places = placed(together, pub.template)
    assert len(places) == 2
    (found,) = together.run_pubs([pub])
    for row, place in enumerate(places):
        there = Template(pub.template.circuit, place)
        layout = transpiled(fake, there).layout
        assert tuple(layout.final_index_layout()) == place
        (alone,) = fake.run_pubs([Pub(there, pub.observables, pub.values[[row]])])
        np.testing.assert_allclose(found[[row]], alone, rtol=0, atol=1e-9)
    exact = backend("default.qubit").run(form.circuit, pub.values)
    assert np.abs(found - exact).max() > 1e-3


def test_where_swaps_would_be_needed_circuits_run_alone(caplog):
    @circuit(wires=3, weights={"t": ()})
    def ring(inputs, t):
        qml.RY(inputs[..., 0] + t, 0)
        for wires in ([0, 1], [1, 2], [2, 0]):
            qml.CNOT(wires)

    form = angle_form(ring)
    found = packed(backend("aer:fake_manila")).run(form.circuit, [[0.3], [0.4]])
    expected = backend("aer:fake_manila").run(form.circuit, [[0.3], [0.4]])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    assert "runs alone, with swaps" in caplog.text


@pytest.mark.slow
def test_a_network_trains_packed_as_alone():
    x = torch.randn((4, 2), generator=torch.Generator().manual_seed(0))

    def gradients(device):
        model = QKAN(
            [2, 3, 1], "pz(depth=1)", backend=device, generator=torch.Generator().manual_seed(1)
        )
        return grad(model(x).square().sum(), list(model.parameters()))

    for found, expected in zip(gradients(packed(AER, qubits=5)), gradients(AER), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_packing_changes_the_key():
    together = packed(AER, qubits=5)
    assert len({str(each.key) for each in (AER, together, packed(AER, qubits=6))}) == 3
    assert replace(together, packing=None) == AER
    assert packed(AER, qubits=np.int64(5)) == together
    assert packed(AER, qubits=np.array([0, 3])) == packed(AER, qubits=[0, 3])


@pytest.mark.parametrize(
    ("name", "message"),
    [("default.qubit", "no device with qubits to share"), ("aer", "say how many")],
)
def test_only_devices_are_packed(name, message):
    with pytest.raises(UsageError, match=message):
        packed(backend(name))
