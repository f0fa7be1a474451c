"""What is tried before a circuit is used on a device, and what comes of it."""

import numpy as np
import pennylane as qml
import pytest
import torch

from circuits import CircuitError, UsageError, backend, circuit, series_from_values
from circuits.backends import routes
from circuits.backends.base import NotFiniteError
from qkan import QuantumLayer, Quanvolution2d

MANILA = "aer:fake_manila"
X = np.random.default_rng(1).uniform(-3, 3, (4, 4))


@circuit(wires=1)
def damped(inputs):
    qml.RX(inputs[..., 0], wires=0)
    qml.AmplitudeDamping(0.3, wires=0)


@pytest.mark.parametrize("evaluate", ["direct", "fourier"])
@pytest.mark.parametrize("name", ["auto", "default.mixed", "aer"])
def test_channels_of_a_function_are_noise(name, evaluate):
    """A state vector draws one outcome of each channel; exact values are those of the mixture."""
    x = torch.linspace(-3, 3, 7, dtype=torch.float64)[:, None].requires_grad_()
    layer = QuantumLayer(damped, name, evaluate=evaluate)
    assert layer.backend.name == {"auto": "default.mixed"}.get(name, name)
    values = layer(x)
    (slopes,) = torch.autograd.grad(values.sum(), x)
    torch.testing.assert_close(values, 0.3 + 0.7 * x.cos(), atol=1e-12, rtol=0)
    torch.testing.assert_close(slopes, -0.7 * x.detach().sin(), atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", ["default.qubit", "lightning.qubit", "reference.qubit"])
def test_channels_are_refused_where_states_are_pure(name):
    with pytest.raises(CircuitError, match=r"density matrices: use 'default\.mixed' or 'aer'"):
        backend(name).run(damped, [[0.3]])


def test_noise_that_depends_on_inputs_has_no_series():
    @circuit(wires=1)
    def made(inputs):
        qml.RX(inputs[..., 0], wires=0)
        qml.AmplitudeDamping(qml.math.sin(inputs[..., 0]) ** 2, wires=0)

    assert made.direct_only is not None
    for name in ("default.mixed", "aer"):  # PennyLane has no batches of channels
        with pytest.raises(CircuitError, match="not right on"):
            backend(name).run(made, X[:, :1])


def entangled(*pairs, wires=4):
    @circuit(wires=wires, inputs=wires, observables=qml.Z(0))
    def made(inputs):
        for k in range(wires):
            qml.RY(inputs[..., k], wires=k)
        for pair in pairs:
            qml.CNOT(list(pair))

    return made


@pytest.mark.parametrize(
    ("pairs", "nodes"),
    [
        ([(0, 1), (1, 2), (2, 3)], 9),  # a line: nothing is swapped
        ([(0, 1), (1, 2), (1, 3), (2, 3), (1, 2)], 27),  # 9 without swaps; off by 1.2e-2
        ([(0, 1), (0, 2), (0, 3)], None),
        ([(0, 2), (1, 3), (0, 3)], None),
    ],
)
@pytest.mark.slow
def test_series_on_a_device_are_those_of_what_it_runs(pairs, nodes):
    made = entangled(*pairs)
    device = backend(MANILA)
    there = device.adapted(made)
    assert nodes in (None, there.num_nodes)
    values = device.run(there, there.plan.inputs)
    direct = device.run(made, X)
    np.testing.assert_allclose(series_from_values(there, values)(X), direct, rtol=0, atol=1e-12)
    layers = [QuantumLayer(made, device, evaluate=how) for how in ("fourier", "direct")]
    first, second = (layer(torch.from_numpy(X)) for layer in layers)
    torch.testing.assert_close(first, second, rtol=0, atol=1e-12)


class Wrong(qml.devices.DefaultQubit):
    """A device that is wrong at some gates."""

    bad = ("RX",)

    def execute(self, circuits, *args, **kwargs):
        tapes = [circuits] if isinstance(circuits, qml.tape.QuantumScript) else circuits
        found = super().execute(tapes, *args, **kwargs)
        odd = [any(op.name in self.bad for op in tape.operations) for tape in tapes]
        return tuple(np.asarray(f) + 0.01 * wrong for f, wrong in zip(found, odd, strict=True))


class Plugin:
    load = staticmethod(lambda: Wrong)


def test_what_is_wrong_is_run_in_another_way_or_refused(monkeypatch):
    turn = circuit(wires=1)(lambda inputs: qml.RX(inputs[..., 0], wires=0))
    for plugin, bad in ((Plugin(), ("RX",)), (Plugin(), ("RX", "QubitUnitary"))):
        monkeypatch.setitem(qml.plugin_devices, "wrong.qubit", plugin)
        monkeypatch.setattr(Wrong, "bad", bad)
        chosen = backend("wrong.qubit")
        if len(bad) == 1:  # as a matrix
            np.testing.assert_allclose(chosen.run(turn, [[0.3]]), [[np.cos(0.3)]], atol=1e-12)
            continue
        with pytest.raises(CircuitError, match=r"not right on 'wrong.qubit': a value there is 0"):
            chosen.run(turn, [[0.3]])


def test_each_circuit_is_tried_once_for_each_kind_of_call(monkeypatch):
    tried = []
    plain = routes._try
    monkeypatch.setattr(routes, "_try", lambda *args: tried.append(args[2]) or plain(*args))
    chosen, made = backend("lightning.qubit"), entangled((0, 2), (1, 2), wires=3)
    for _ in range(2):
        chosen.run(made, X[:, :3])
        chosen.run(entangled((0, 2), (1, 2), wires=3), X[:1, :3])  # an equal circuit, one row
        QuantumLayer(made, chosen, evaluate="direct")(
            torch.from_numpy(X[:, :3]).requires_grad_()
        ).sum().backward()
    assert [(call.rows, call.inputs) for call in tried] == [(2, False), (1, False), (2, True)]


def test_a_wide_circuit_is_held_gate_by_gate():
    @circuit(wires=14, weights={"t": ()}, observables=qml.Z(3), direct_only=True)
    def wide(inputs, t):
        for wire in range(14):
            qml.RY(inputs[..., 0], wires=wire)
        qml.OrbitalRotation(t, wires=[0, 1, 2, 3])  # its gradient on lightning.qubit 0.45 is zero
        qml.MultiRZ(inputs[..., 0], wires=[2, 3])

    def slope(name):
        layer = QuantumLayer(wide, name, evaluate="direct", weights={"t": 0.4})
        layer(torch.tensor([[0.7], [0.2]], dtype=torch.float64)).sum().backward()
        return next(layer.parameters()).grad

    assert abs(slope("lightning.qubit")) > 0.01
    torch.testing.assert_close(slope("lightning.qubit"), slope("default.qubit"), atol=1e-9, rtol=0)


@pytest.mark.parametrize("name", ["default.qubit", "lightning.qubit", "default.mixed", "aer"])
def test_a_state_of_norm_0_is_refused_with_its_row_or_patch(name):
    @circuit(wires=2, inputs=4, observables=[qml.Z(0), qml.X(1)])
    def amplitudes(inputs):
        qml.AmplitudeEmbedding(inputs, wires=[0, 1], normalize=True)

    rows = np.array([[1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 0.0, 0.0], [2.0, 0.0, 1.0, 0.0]])
    with pytest.raises(NotFiniteError, match=r"inputs \[0.0, 0.0, 0.0, 0.0\] \(row 1\)"):
        backend(name).run(amplitudes, rows)
    with pytest.raises(NotFiniteError, match="norm 0"):
        QuantumLayer(amplitudes, name)(torch.from_numpy(rows))
    image = torch.ones(2, 1, 4, 4, dtype=torch.float64)
    image[1, 0, 2:, :2] = 0
    layer = Quanvolution2d(amplitudes, kernel_size=2, stride=2, backend=name)
    with pytest.raises(UsageError, match="patch at row 2, column 0 of image 1"):
        layer(image)
    assert np.isfinite(backend(name).run(amplitudes, rows[[0, 2]])).all()


@pytest.mark.slow
@pytest.mark.parametrize(("gate", "wires"), [(qml.CRX, 2), (qml.DoubleExcitation, 4)])
def test_shifts_on_a_device_are_those_of_its_own_gates(gate, wires):
    """A DoubleExcitation is eight rotations there, of an eighth of its angle, with noise between them."""

    @circuit(wires=wires, observables=qml.Z(0))
    def made(inputs):
        for k in range(wires):
            qml.RY(0.3 + 0.2 * k, wires=k)
        gate(inputs[..., 0], wires=range(wires))
        for k in range(wires):
            qml.RX(0.3 + 0.2 * k, wires=k)

    device, at, h = backend(MANILA), 0.7, 0.01
    four = device.run(made, [[at + k * h] for k in (1, -1, 2, -2)])[:, 0]
    expected = (8 * (four[0] - four[1]) - (four[2] - four[3])) / (12 * h)
    for evaluate in ("direct", "fourier"):
        x = torch.tensor([[at]], dtype=torch.float64, requires_grad=True)
        QuantumLayer(made, device, evaluate=evaluate)(x).sum().backward()
        assert x.grad.item() == pytest.approx(expected, abs=1e-9)


def test_a_small_observable_is_held_as_closely_as_a_large_one():
    @circuit(wires=4, observables=1e-9 * qml.Z(0), direct_only=True)
    def made(inputs):
        qml.X(0)
        qml.OrbitalRotation(inputs[..., 0], [0, 1, 2, 3])

    slopes = []
    for name in ("lightning.qubit", "default.qubit"):
        x = torch.tensor([[0.3], [0.7]], dtype=torch.float64, requires_grad=True)
        QuantumLayer(made, backend=name, evaluate="direct")(x).sum().backward()
        slopes.append(x.grad / 1e-9)
    assert slopes[1].abs().min() > 0.1
    torch.testing.assert_close(*slopes, rtol=0, atol=1e-9)
