"""Where copies are put: the best qubits first, none twice, none that is bad."""

from __future__ import annotations

import pytest
from qiskit.circuit import Measure, QuantumCircuit
from qiskit.circuit.library import CXGate, SXGate
from qiskit.transpiler import InstructionProperties, Target

from circuits import UsageError
from circuits.backends.packing import Packing, placements

READOUT = (0.03, 0.01, 0.2, 0.02, 0.01, 0.05)
LINE = {(0, 1): 0.01, (1, 2): 0.02, (2, 3): 0.01, (3, 4): 0.03, (4, 5): 0.01}


def device(readout=READOUT, couplings=LINE, single=None):
    def properties(errors):
        return {qubits: InstructionProperties(error=error) for qubits, error in errors.items()}

    target = Target(num_qubits=len(readout))
    single = single or [1e-3] * len(readout)
    target.add_instruction(SXGate(), properties({(q,): e for q, e in enumerate(single)}))
    target.add_instruction(Measure(), properties({(q,): e for q, e in enumerate(readout)}))
    target.add_instruction(CXGate(), properties(couplings))
    return target


def line(wires, gates=1):
    circuit = QuantumCircuit(wires)
    for wire in range(wires - 1):
        for _ in range(gates):
            circuit.cx(wire, wire + 1)
    return circuit


def test_one_wire_takes_the_good_qubits_best_first():
    assert placements(line(1), device(), Packing()) == ((1,), (4,), (3,), (0,), (5,))
    assert placements(line(1), device(), Packing(qubits=2)) == ((1,), (4,))
    assert placements(line(1), device(), Packing(most_error=0.02)) == ((1,), (4,), (3,))
    assert placements(line(1), device(), Packing(qubits=(2, 5))) == ((5,), (2,))


def test_gate_errors_count_as_often_as_there_are_gates():
    circuit = QuantumCircuit(1)
    target = device((0.01, 0.02), {}, single=[0.004, 0.001])
    circuit.sx(0)
    assert placements(circuit, target, Packing()) == ((0,), (1,))
    for _ in range(4):
        circuit.sx(0)
    assert placements(circuit, target, Packing()) == ((1,), (0,))


def test_two_wires_take_couplings():
    places = placements(line(2), device(), Packing())
    assert [set(place) for place in places] == [{0, 1}, {3, 4}]  # 2 is bad, and 5 is left alone
    everything = placements(line(2), device(), Packing(qubits=(1, 2, 4, 5)))
    assert [set(place) for place in everything] == [{4, 5}, {1, 2}]
    assert [set(place) for place in placements(line(3), device(), Packing())] == [{3, 4, 5}]


@pytest.mark.parametrize("error", [0.5, 1.0])
def test_a_broken_coupling_is_not_used(error):
    broken = device(couplings={**LINE, (0, 1): error})
    for place in placements(line(2), broken, Packing()):
        assert set(place) != {0, 1}
    listed = placements(line(2), broken, Packing(qubits=(0, 1)))
    assert len(listed) == (error < 1)


def test_wires_without_gates_between_them_go_anywhere():
    assert placements(QuantumCircuit(2), device(), Packing()) == ((1, 4), (3, 0))


def test_what_the_device_does_not_connect_has_no_place():
    ring = line(3)
    ring.cx(2, 0)
    assert placements(ring, device(), Packing()) == ()
    assert placements(line(7), device(), Packing()) == ()
    triple = QuantumCircuit(3)
    triple.ccx(0, 1, 2)
    assert placements(triple, device(), Packing()) == ()


def test_qubits_that_are_all_alike():
    assert placements(line(2), None, Packing(qubits=7)) == ((0, 1), (2, 3), (4, 5))
    assert placements(line(2), None, Packing(qubits=(9, 4, 2))) == ((9, 4),)


@pytest.mark.parametrize(
    ("wires", "target", "options", "message"),
    [
        *(
            (3, t, {"qubits": q}, "2 qubits holds no circuit of 3 wires")
            for t in (None, device())
            for q in (2, (1, 2))
        ),
        (
            1,
            device(),
            {"most_error": 0.005},
            r"at most 0\.005: the best has 0\.01; raise most_error",
        ),
        (1, device(), {"qubits": (3, 6)}, "has the qubits 0 to 5"),
        (2, None, {}, "say how many"),
    ],
)
def test_where_no_copy_fits(wires, target, options, message):
    with pytest.raises(UsageError, match=message):
        placements(line(wires), target, Packing(**options))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"qubits": 0}, "integer of at least 1"),
        ({"qubits": True}, "integer of at least 1"),
        ({"qubits": "3"}, "integer of at least 1"),
        ({"qubits": ()}, "integer of at least 0"),
        ({"qubits": (1, 1)}, "twice"),
        ({"qubits": (1, -1)}, "integer of at least 0"),
        ({"most_error": 1.5}, "in \\[0, 1\\]"),
        ({"most_error": float("nan")}, "finite number"),
    ],
)
def test_wrong_packings(options, message):
    with pytest.raises(UsageError, match=message):
        Packing(**options)
