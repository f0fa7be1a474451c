"""QuantumKANLayer: three evaluations of one function, and what a torch layer promises."""

import copy
from functools import cache
from itertools import pairwise

import numpy as np
import pennylane as qml
import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode

import circuits
from circuits import CircuitError, UsageError
from circuits.edges import edge
from qkan.benchmarks.qkan import saved_for_backward
from qkan.layers.quantum_kan import QuantumKANLayer
from qkan.layers.testing import KANLayerContract, TracedLayerContract

ONE_WIRE = ["pz", "rpz(depth=2)", "real", "px", "reupload", "exponential(depth=2)"]
SCALES = ["per-input", "per-edge", "fixed"]


@circuits.circuit(wires=2, weights={"w": (2, 2, 3)}, observables=qml.Z(0) @ qml.X(1))
def template_edge(inputs, w):
    qml.RX(2 * inputs[..., 0], wires=0)
    qml.RY(inputs[..., 0], wires=1)
    qml.StronglyEntanglingLayers(w, wires=[0, 1])


@circuits.circuit(wires=2, weights={"w": (2, 2, 3)}, observables=qml.Z(0) @ qml.Z(1))
def slicing_edge(inputs, w):
    for layer in range(2):
        qml.StronglyEntanglingLayers(w[layer : layer + 1], wires=[0, 1])
        qml.RX(inputs[..., 0], wires=0)


@circuits.circuit(
    wires=1, weights={"w": (3,)}, observables=qml.Hermitian([[0.3, 0.5j], [-0.5j, 1.0]], 0)
)
def odd_edge(inputs, w):
    """Fixed gates, several weights in one angle, a constant, a scale of 2, an observable with a trace."""
    qml.SX(0)
    qml.Rot(w[0], w[1], w[2], wires=0)
    qml.RX(2 * inputs[..., 0] + w[0] - 0.5 * w[1] + 0.3, wires=0)
    qml.T(0)
    qml.RY(w[2], wires=0)
    qml.PhaseShift(-4 * inputs[..., 0], wires=0)
    qml.Hadamard(0)
    qml.RX(0.4, wires=0)


OWN = {"template": template_edge, "slicing": slicing_edge, "odd": odd_edge}


@cache
def named(name):
    return OWN[name] if name in OWN else edge(name)


def make(name="pz", sizes=(3, 2), seed=0, shake=0.3, **options):
    """A float64 layer away from its initial scales, equal for equal seeds."""
    options = {"dtype": torch.float64, **options}
    generator = torch.Generator().manual_seed(seed)
    layer = QuantumKANLayer(*sizes, named(name), generator=generator, **options)
    with torch.no_grad():
        for p in layer.parameters():
            p.add_(shake * torch.randn(p.shape, generator=generator, dtype=torch.float64))
    return layer


def points(*shape, seed=5, dtype=torch.float64):
    return 2 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


class Contract(KANLayerContract):
    refuses_nan = True
    test_the_variance_survives_six_layers = None  # angles start anywhere on a turn
    idle = ("circuits.theta",)


class TestClosed(Contract, TracedLayerContract):
    def make(self, **options):
        return QuantumKANLayer(3, 2, named("pz(depth=2)"), **options)


class TestPerEdge(Contract):
    def make(self, **options):
        return QuantumKANLayer(3, 2, named("pz(depth=2)"), frequencies="per-edge", **options)


class TestNodes(Contract):
    def make(self, **options):
        return QuantumKANLayer(3, 2, named("pz(depth=1)"), evaluate="fourier", **options)

    # Its gradients are held against the closed form's below, which takes less time.
    test_gradcheck = None


@pytest.mark.slow
class TestDirect(Contract):
    def make(self, **options):
        return QuantumKANLayer(3, 2, named("pz(depth=1)"), evaluate="direct", **options)

    test_gradcheck = None


def values_and_gradients(layer, x):
    x = x.detach().clone().requires_grad_()
    y = layer(x)
    probe = points(*y.shape, seed=9)
    return [y, *torch.autograd.grad((y * probe).sum(), [x, *layer.parameters()])]


@pytest.mark.parametrize("frequencies", SCALES)
@pytest.mark.parametrize("name", [*ONE_WIRE, "entangled", "entangled(wires=3)", *OWN])
def test_all_evaluations_agree(name, frequencies):
    x = points(9, 3)
    hows = ["direct", "fourier", *(["closed"] if name in [*ONE_WIRE, "odd"] else [])]
    reference, *others = (
        values_and_gradients(make(name, frequencies=frequencies, evaluate=how), x) for how in hows
    )
    assert reference[0].shape == (9, 2)
    for other in others:
        for wanted, found in zip(reference, other, strict=True):
            torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("how", ["closed", "fourier", "direct"])
@pytest.mark.parametrize("sizes", [(3, 2), (2, 5), (1, 4), (4, 1)])
def test_parity_with_qnodes_by_hand(sizes, how):
    layer = make("pz(depth=2)", sizes, evaluate=how)
    theta = next(iter(layer.circuit_weights().values())).detach().numpy()
    x = points(3, sizes[0]).numpy()

    @qml.qnode(qml.device("default.qubit", wires=1))
    def node(t, weights):
        qml.Hadamard(0)
        for a, b in weights[:-1]:
            qml.RZ(a, 0)
            qml.RY(b, 0)
            qml.RZ(t, 0)
        qml.RZ(weights[-1][0], 0)
        qml.RY(weights[-1][1], 0)
        return qml.expval(qml.Z(0))

    a, b, w, c, v = (
        p.detach().numpy()
        for p in (
            layer.frequency,
            layer.phase,
            layer.factor,
            layer.constant,
            layer.base_weight,
        )
    )
    expected = np.zeros((3, sizes[1]))
    for n in range(3):
        for i in range(sizes[0]):
            silu = x[n, i] / (1 + np.exp(-x[n, i]))
            for o in range(sizes[1]):
                phi = node(a[i] * x[n, i] + b[i], theta[:, :, i, o])
                expected[n, o] += w[i, o] * (phi + c[i, o]) + v[i, o] * silu
    with torch.no_grad():
        found = layer(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "name", ["pz", "rpz", "real", "px", "reupload", "exponential(depth=2)", "entangled"]
)
def test_parity_with_qiskit(name):
    qiskit = pytest.importorskip("qiskit")
    from qiskit.primitives import StatevectorEstimator
    from qiskit.quantum_info import SparsePauliOp

    layer = make(
        name, (2, 3), evaluate="fourier", base=None, weight=False, bias=False, frequencies="fixed"
    )
    circuit, x = layer.circuit, points(1, 2)
    readout = SparsePauliOp("I" * (circuit.num_wires - 1) + "Z")
    gates = {"Hadamard": "h", "PauliX": "x", "PauliZ": "z", "CNOT": "cx"}
    expected = np.zeros(3)
    for i in range(2):
        for o in range(3):
            weights = {n: w[..., i, o].detach().numpy() for n, w in layer.circuit_weights().items()}
            made = qiskit.QuantumCircuit(circuit.num_wires)
            for gate in circuit.gates(x[0, i : i + 1].numpy(), **weights):
                method = gates.get(gate.name, gate.name.lower())
                getattr(made, method)(*map(float, gate.data), *gate.wires.tolist())
            expected[o] += StatevectorEstimator().run([(made, readout)]).result()[0].data.evs
    with torch.no_grad():
        found = layer(x)[0].numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def three_layers(how, frequencies):
    sizes = pairwise([2, 3, 2, 1])
    return nn.Sequential(
        *(
            make("pz(depth=2)", s, k, frequencies=frequencies, evaluate=how)
            for k, s in enumerate(sizes)
        )
    )


@pytest.mark.slow
@pytest.mark.parametrize("frequencies", SCALES)
def test_gradcheck_through_three_layers(frequencies):
    net = three_layers("closed", frequencies)
    names, values = zip(*net.named_parameters(), strict=True)
    x = points(3, 2).requires_grad_()

    def call(x, *values):
        return functional_call(net, dict(zip(names, values, strict=True)), (x,))

    assert torch.autograd.gradcheck(call, (x, *values), fast_mode=True)
    wanted = values_and_gradients(net, x)
    for how in ("fourier", "direct"):
        found = values_and_gradients(three_layers(how, frequencies), x)
        for one, other in zip(found, wanted, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize("frequencies", SCALES)
def test_second_derivatives(frequencies):
    layer = make("pz(depth=2)", (2, 2), frequencies=frequencies)
    names, values = zip(*layer.named_parameters(), strict=True)

    def call(x, *values):
        return functional_call(layer, dict(zip(names, values, strict=True)), (x,))

    inputs = (points(2, 2), *(v.detach().clone() for v in values))
    assert torch.autograd.gradgradcheck(
        call, tuple(v.requires_grad_() for v in inputs), fast_mode=True
    )


class Largest(TorchDispatchMode):
    """Watches for the largest tensor that any operation makes."""

    size = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for value in result if isinstance(result, tuple | list) else [result]:
            if isinstance(value, torch.Tensor):
                self.size = max(self.size, value.numel())
        return result


@pytest.mark.parametrize("frequencies", SCALES)
@pytest.mark.parametrize("how", ["closed", "fourier"])
def test_nothing_of_size_batch_times_edges_is_made(how, frequencies):
    layer = make(
        "pz", (40, 30), dtype=torch.float32, shake=0.0, frequencies=frequencies, evaluate=how
    )
    x = points(2000, 40, dtype=torch.float32)
    with Largest() as made:
        layer(x).sum().backward()
    assert 2000 * 40 <= made.size < 2000 * 40 * 30 / 4


def test_little_is_saved_for_backward():
    net = nn.Sequential(QuantumKANLayer(784, 32), QuantumKANLayer(32, 10))
    assert saved_for_backward(net, points(64, 784, dtype=torch.float32)) <= 9 * 2**20


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtypes(dtype):
    for frequencies in SCALES:
        layer = make("odd", dtype=torch.float64, frequencies=frequencies)
        single = copy.deepcopy(layer).to(dtype)
        x = points(5, 3)
        assert single(x.to(dtype)).dtype == dtype
        tolerance = 1e-5 if dtype == torch.float32 else 0
        torch.testing.assert_close(single(x.to(dtype)).double(), layer(x), rtol=0, atol=tolerance)
        back = copy.deepcopy(layer).float().double()  # constants must not have been rounded
        reference = make("odd", evaluate="direct", frequencies=frequencies)
        reference.load_state_dict(back.state_dict())
        torch.testing.assert_close(back(x), reference(x), rtol=0, atol=1e-12)


def test_weights_come_from_the_generator_alone():
    before = torch.get_rng_state()
    generator = torch.Generator().manual_seed(0)
    one, two = (QuantumKANLayer(3, 4, generator=generator) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    angles = torch.cat(
        [next(iter(layer.circuit_weights().values())).flatten() for layer in (one, two)]
    )
    assert len(angles.unique()) == len(angles)
    again = QuantumKANLayer(3, 4, generator=torch.Generator().manual_seed(0))
    assert all(map(torch.equal, one.state_dict().values(), again.state_dict().values()))


def test_every_part_is_trained_and_can_be_switched_off():
    layer = make(dtype=torch.float32)
    layer(points(20, 3, dtype=torch.float32)).square().sum().backward()
    names = {name for name, p in layer.named_parameters() if bool((p.grad != 0).all())}
    assert names == {"frequency", "phase", "factor", "constant", "edge_weight", "circuits.theta"}
    bare = make(frequencies="fixed", weight=False, bias=False, base=None, trainable=False)
    assert [name for name, p in bare.named_parameters() if p.requires_grad] == []
    x = points(4, 3)
    torch.testing.assert_close(bare(x), bare.edge_functions(x).sum(1))


def test_shots_and_noise_go_through_the_nodes():
    from circuits.backends import backend

    sampled = make("pz", backend=backend("default.qubit", shots=400, seed=1))
    assert sampled.choose(100) == "fourier"
    x = points(20, 3)
    spread = (sampled(x) - make("pz")(x)).abs().max()
    assert 1e-3 < spread < 1
    sampled(x).sum().backward()  # parameter shift at the nodes
    assert all(p.grad is not None for p in sampled.parameters())
    with pytest.raises(UsageError, match="shots=400"):
        make(backend=backend("default.qubit", shots=400), evaluate="closed")
    assert make(backend=backend("auto", noise="depolarizing:0.05")).choose(100) == "fourier"


def test_lightning_trains_weights_and_inputs():
    wanted = values_and_gradients(make("pz(depth=1)", (2, 2)), points(4, 2))
    found = values_and_gradients(
        make("pz(depth=1)", (2, 2), backend="lightning.qubit"), points(4, 2)
    )
    for a, b in zip(wanted, found, strict=True):
        torch.testing.assert_close(b, a, rtol=0, atol=1e-12)


def test_auto_says_what_it_took():
    layer = make("entangled")
    assert (layer.choose(4), layer.choose(5)) == ("direct", "fourier")
    assert "5 nodes are no more than the samples" in repr(layer)
    assert make("pz").choose(1) == "closed"
    assert make("pz", backend="lightning.qubit").choose(100) == "fourier"


@circuits.circuit(wires=1, inputs=2, weights={"w": (1,)})
def two_inputs(inputs, w):
    qml.RX(inputs[..., 0] + inputs[..., 1] + w[0], wires=0)


@circuits.circuit(wires=2, weights={"w": (1,)})
def two_outputs(inputs, w):
    qml.RX(inputs[..., 0] + w[0], wires=0)


@circuits.circuit(wires=1, weights={"w": (1,)})
def squared(inputs, w):
    qml.RX(inputs[..., 0] ** 2 + w[0], wires=0)


@circuits.circuit(wires=1, weights={"w": (1,)})
def constant(inputs, w):
    qml.RX(w[0] + 0 * inputs[..., 0], wires=0)


@circuits.circuit(wires=1, weights={"w": (1,)})
def curved(inputs, w):
    qml.RX(inputs[..., 0], wires=0)
    qml.RY(w[0] ** 2, wires=0)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"edge": two_inputs}, CircuitError, "an edge has one input, circuit 'two_inputs' has 2"),
        ({"edge": two_outputs}, CircuitError, r"has 2; choose one"),
        ({"edge": constant}, CircuitError, "degree 0"),
        ({"edge": squared, "evaluate": "fourier"}, CircuitError, "no Fourier series"),
        ({"edge": squared, "evaluate": "closed"}, CircuitError, "no Fourier series"),
        ({"edge": curved, "evaluate": "closed"}, CircuitError, "not linear in the weights"),
        ({"edge": "entangled", "evaluate": "closed"}, CircuitError, "one wire"),
        ({"edge": "pzz"}, UsageError, "did you mean 'pz'"),
        ({"edge": 3}, UsageError, "int arrived"),
        ({"evaluate": "forier"}, UsageError, "did you mean 'fourier'"),
        ({"frequencies": "per-inputs"}, UsageError, "did you mean 'per-input'"),
        ({"base": "silo"}, UsageError, "did you mean 'silu'"),
        ({"input_map": "tan"}, UsageError, "did you mean 'tanh'"),
        ({"in_features": 0}, UsageError, "in_features must be an integer of at least 1"),
        ({"out_features": 2.0}, UsageError, "out_features must be"),
        ({"gird": 5}, UsageError, "gird"),
    ],
)
def test_mistakes_are_named(options, error, message):
    with pytest.raises(error, match=message):
        QuantumKANLayer(**{"in_features": 3, "out_features": 2, **options})


def test_direct_only_edges_run_directly():
    layer = make("pz", (2, 2))
    direct = QuantumKANLayer(2, 2, squared, dtype=torch.float64)
    assert direct.choose(1000) == "direct"
    assert direct(points(3, 2)).shape == layer(points(3, 2)).shape
    with pytest.raises(CircuitError):
        direct.circuit_coefficients()
