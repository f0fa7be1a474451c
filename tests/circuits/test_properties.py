"""Random circuits from a grammar: series = direct = an independent simulation, gradients, export, fingerprints."""

from collections import Counter

import numpy as np
import pennylane as qml
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from qiskit.quantum_info import Statevector

from circuits import CircuitError, backend, qiskit_observables, series_from_values, to_qiskit
from circuits.declaration import make_circuit

WIRES, INPUTS, WEIGHTS = 3, 2, 3
ONE = [qml.RX, qml.RY, qml.RZ, qml.PhaseShift, qml.U1]
TWO = [qml.CRX, qml.CRY, qml.CRZ, qml.CPhase, qml.IsingXX, qml.IsingYY, qml.IsingZZ, qml.IsingXY]
RARE = [qml.SingleExcitation, qml.PSWAP, qml.SingleExcitationPlus, qml.SingleExcitationMinus]
SEVERAL = [qml.Rot, qml.U2, qml.U3, qml.CRot]
STILL = [qml.Hadamard, qml.S, qml.T, qml.SX, qml.X, qml.Y, qml.CNOT, qml.CZ, qml.CY, qml.CH]
WIDE = [qml.SWAP, qml.ISWAP, qml.Toffoli, qml.CSWAP, qml.CCZ, qml.QFT, qml.GroverOperator]
COUNTS = (
    dict.fromkeys([*ONE, *TWO, *RARE], 1)
    | {qml.U2: 2}
    | dict.fromkeys([qml.Rot, qml.U3, qml.CRot], 3)
)

ANGLES = st.tuples(
    st.sampled_from(["input", "input", "weight", "both", "number", "bent"]),
    st.integers(0, INPUTS - 1),
    st.integers(0, WEIGHTS - 1),
    st.sampled_from([1.0, -2.0, 0.5, 3.0, np.pi]),
)
WRAPS = st.sampled_from(["plain", "plain", "plain", "adjoint", "controlled", "power"])
GATES = st.tuples(
    st.sampled_from([*ONE, *TWO, *RARE, *SEVERAL, *STILL, *WIDE]),
    st.permutations(range(WIRES)),
    st.lists(ANGLES, min_size=3, max_size=3),
    WRAPS,
)
OUTPUTS = [
    qml.Z(0),
    qml.X(1) @ qml.Y(2),
    1e-3 * qml.Y(2) - 2 * qml.Z(0),
    qml.Projector([0, 1], [2, 0]),
    0.3 * qml.I(1) - 0.1 * qml.Y(1) + 0.6 * qml.Z(1),
]
EXACT = backend("default.qubit")


def angle(spec, x, theta):
    kind, k, j, rate = spec
    if kind == "bent":
        return qml.math.sin(x[..., k]) + 0.3 * theta[j]
    if kind == "number":
        return 0.7 + rate
    found = rate * x[..., k] + 0.3 if kind in ("input", "both") else 0.1
    return found + rate * theta[j] if kind in ("weight", "both") else found


def function_of(gates):
    def function(x, theta):
        qml.Hadamard(0)
        for made, wires, specs, wrap in gates:
            own = wires if made in (qml.QFT, qml.GroverOperator) else wires[: made.num_wires]
            angles = [angle(s, x, theta) for s in specs[: COUNTS.get(made, 0)]]
            if len(angles) > 1:  # PennyLane's CRot and U3 take no tensors beside plain numbers
                angles = [0 * x[..., 0] + a for a in angles]
            gate = made(*angles, wires=list(own))
            if wrap == "adjoint":
                qml.adjoint(gate)
            elif wrap == "controlled" and len(own) < WIRES:
                qml.ctrl(gate, next(w for w in range(WIRES) if w not in own), control_values=[0])
            elif wrap == "power" and made in ONE:
                qml.pow(gate, 2)

    return function


def simulated(function, outputs, row, theta):
    @qml.qnode(qml.device("default.qubit", wires=WIRES))
    def node():
        function(row, theta)
        return [qml.expval(o) for o in outputs]

    return np.array([float(v) for v in node()])


def check(gates, outputs, seed):
    """Compare all ways to evaluate one circuit."""
    function = function_of(gates)
    declared = {"wires": WIRES, "inputs": INPUTS, "weights": {"theta": WEIGHTS}}
    try:
        made = make_circuit(function, observables=outputs, **declared)
    except CircuitError:  # PennyLane gives a batch other gates than a row (a controlled CRot)
        return "refused"
    rng = np.random.default_rng(seed)
    x, theta = rng.uniform(-9, 9, (2, INPUTS)), rng.uniform(-4, 4, WEIGHTS)
    expected = np.stack([simulated(function, outputs, row, theta) for row in x])
    np.testing.assert_allclose(EXACT.run(made, x, {"theta": theta}), expected, rtol=0, atol=1e-10)
    if made.direct_only is None and made.num_nodes <= 2000:
        values = EXACT.run(made, made.plan.inputs, {"theta": theta})
        found = series_from_values(made, values)(x)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)
    again = make_circuit(function_of(list(gates)), observables=outputs, **declared)
    assert again.fingerprint == made.fingerprint
    bound = to_qiskit(made, {"theta": theta}, inputs=x[0])
    exported = [Statevector(bound).expectation_value(o).real for o in qiskit_observables(made)]
    np.testing.assert_allclose(exported, expected[0], rtol=0, atol=1e-8)
    return gradients(made, function, outputs, x[0], theta)


def gradients(made, function, outputs, row, theta):
    """Compare gradients of inputs and weights with steps along a random direction."""
    leaves = [torch.tensor(value, requires_grad=True) for value in (row[None], theta)]
    try:
        values = EXACT.qnode(made)(leaves[0], theta=leaves[1])
    except (
        TypeError,
        IndexError,
    ):  # PennyLane's own limit with tensors (CRot, controlled U2): no value
        return "values agree"
    total = sum(torch.as_tensor(v).sum() for v in values) + 0 * leaves[0].sum()  # no gate may move
    found = torch.autograd.grad(total, leaves, allow_unused=True)
    rng, step = np.random.default_rng(0), 1e-5
    for k, gradient in enumerate(found):
        direction = rng.normal(size=(INPUTS, WEIGHTS)[k])
        ends = []
        for sign in (1, -1):
            moved = [row.copy(), theta.copy()]
            moved[k] = moved[k] + sign * step * direction
            ends.append(simulated(function, outputs, *moved).sum())
        slope = 0.0 if gradient is None else float(gradient.ravel().numpy() @ direction)
        assert slope == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=2e-5, rel=1e-5)
    return "agree"


CIRCUITS = (
    st.lists(GATES, max_size=6),
    st.lists(st.sampled_from(OUTPUTS), min_size=1, max_size=2),
    st.integers(0, 999),
)
QUIET = {"deadline": None, "phases": [Phase.generate], "suppress_health_check": list(HealthCheck)}


@pytest.mark.filterwarnings(
    "ignore:__array_wrap__ must accept"
)  # PennyLane multiplies tensors by arrays
@pytest.mark.parametrize(
    "examples",
    [pytest.param(25, marks=pytest.mark.slow), pytest.param(1200, marks=pytest.mark.nightly)],
)
def test_every_way_to_evaluate_a_circuit_agrees(examples, record_property):
    tried = Counter()

    @settings(max_examples=examples, derandomize=examples < 100, **QUIET)
    @given(*CIRCUITS)
    def each(gates, outputs, seed):
        tried[check(gates, outputs, seed)] += 1

    each()
    record_property("counted", dict(tried))
    assert tried["agree"] > 0.9 * tried.total()  # a refusal is no wrong number, but the exception
