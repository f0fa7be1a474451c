"""No wrong value without a word: quantum layers in every evaluation, shape, dtype, transform and state."""

from __future__ import annotations

import copy
import pickle

import pennylane as qml
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call, hessian, jacfwd, jacrev, jvp, vmap

import qkan
from circuits import CircuitError, UsageError, backend, circuit, quanvolutional_filter
from circuits.backends.pennylane import PennyLaneBackend
from qkan import QuantumKANLayer, QuantumLayer, Quanvolution2d
from qkan.store import Store

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script`:FutureWarning")  # torch's own

EVALUATIONS = ("closed", "fourier", "direct")
DEMO = quanvolutional_filter("demo")


def seeded(number=0):
    return torch.Generator().manual_seed(number)


def layer_of(evaluate, i=2, o=3, name="pz(depth=2)", moved=True, **options):
    """A layer with the weights that every other one of its shape has."""
    options = {"dtype": torch.float64, "generator": seeded(), **options}
    made = QuantumKANLayer(i, o, name, evaluate=evaluate, **options)
    if moved and made.frequency is not None:
        with torch.no_grad():
            made.frequency.mul_(1.3)
            made.phase.add_(0.7)
    return made


def points(*shape, dtype=torch.float64, size=3.0):
    return size * (2 * torch.rand(shape, generator=seeded(7), dtype=dtype) - 1)


def all_agree(values, atol=1e-12):
    first, *others = values
    for other in others:
        torch.testing.assert_close(other, first, rtol=0, atol=atol)


# --- float32 far from zero -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [10.0, 1e3, 1e6])
@pytest.mark.parametrize("frequencies", ["fixed", "per-input", "per-edge"])
def test_large_inputs_in_single_precision(frequencies, size):
    options = {
        "name": "pz(depth=5)",
        "frequencies": frequencies,
        "dtype": torch.float32,
        "base": None,
    }
    x = points(5, 2, dtype=torch.float32, size=size)
    layers = [layer_of(evaluate, **options) for evaluate in EVALUATIONS]
    all_agree([layer(x) for layer in layers], 1e-6)
    all_agree([vmap(layers[0])(x), layers[0].edge_functions(x).sum(1), layers[0](x)], 2e-6)
    twin = layers[0].to_classical()
    all_agree([twin(x), copy.deepcopy(twin).double()(x.double()).float()], 2e-6)


@pytest.mark.parametrize("size", [1e3, 1e6])
@pytest.mark.parametrize("name", ["demo", "strongly-entangling"])
def test_large_pixels_in_single_precision(name, size):
    made = quanvolutional_filter(name)
    image = points(2, 1, 20, 20, dtype=torch.float32, size=size)
    kinds = ("fourier", "direct")
    layers = [Quanvolution2d(made, evaluate=e, generator=seeded()) for e in kinds]
    exact = layers[1](image.double()).float()
    for trainable in (False, True):
        all_agree([exact, *(each.requires_grad_(trainable)(image) for each in layers)], 2e-6)


# --- shapes, dtypes and states ---------------------------------------------------------------------------------------

LAYOUTS = {
    "()": lambda x: x[0, 0],
    "(0,)": lambda x: x[0, :0],
    "(3, 0)": lambda x: x[:, :0],
    "(2, 3, 4)": lambda x: x.unsqueeze(0).expand(2, 3, 4, -1),
    "transposed": lambda x: x.transpose(0, 1),
    "strided": lambda x: x.repeat_interleave(2, dim=-1)[..., ::2],
    "expanded": lambda x: x[:1, :1].expand(3, 4, -1),
    "flipped": lambda x: x.flip(0).contiguous().flip(0),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("i", "o"), [(2, 3), (3, 1)])
def test_shapes_and_layouts(layout, i, o):
    x = LAYOUTS[layout](points(3, 4, i))
    values = [layer_of(evaluate, i, o)(x) for evaluate in EVALUATIONS]
    assert values[0].shape == (*x.shape[:-1], o)
    all_agree(values)
    all_agree([values[0], layer_of("closed", i, o)(x.contiguous())])


def autocast(f, x):
    with torch.autocast("cpu", torch.bfloat16):
        return f(x)


TRANSFORMS = {
    "backward": torch.autograd.functional.jacobian,
    "jvp": lambda f, x: jvp(f, (x,), (x.cos(),))[1],
    "jacfwd": lambda f, x: jacfwd(f)(x),
    "jacrev": lambda f, x: jacrev(f)(x),
    "hessian": lambda f, x: hessian(lambda x: f(x).sum())(x),
    "double backward": lambda f, x: torch.autograd.functional.hessian(lambda x: f(x).sum(), x),
    "vmap": lambda f, x: vmap(f)(x),
    "inference": lambda f, x: torch.inference_mode()(f)(x).clone(),
    "no_grad": lambda f, x: torch.no_grad()(f)(x),
    "autocast": autocast,
}


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("frequencies", ["per-input", "per-edge"])
def test_transforms_agree(transform, frequencies):
    x = points(2, 2)
    options = {"frequencies": frequencies, "name": "real(depth=2)"}
    all_agree([TRANSFORMS[transform](layer_of(e, **options), x) for e in EVALUATIONS])


@pytest.mark.parametrize("transform", ["jvp", "jacfwd", "hessian", "double backward"])
def test_transforms_of_the_weights_agree(transform):
    x = points(2, 2)
    theta = next(iter(layer_of("closed").circuits.by_name.values())).detach()

    def call(evaluate):
        layer = layer_of(evaluate)
        return lambda theta: functional_call(layer, {"circuits.theta": theta}, (x,))

    all_agree([TRANSFORMS[transform](call(e), theta) for e in EVALUATIONS], 1e-11)


@pytest.mark.parametrize("evaluate", EVALUATIONS)
@pytest.mark.parametrize("how", ["deepcopy", "pickle", "meta", "meta layer"])
def test_copies_and_states(evaluate, how):
    layer = layer_of(evaluate, input_map="batch")
    x = points(4, 2)
    layer(x)
    layer.eval()
    state = copy.deepcopy(layer.state_dict())
    if how == "meta layer":
        other = QuantumKANLayer(
            2,
            3,
            "pz(depth=2)",
            evaluate=evaluate,
            input_map="batch",
            device="meta",
            dtype=torch.float64,
        )
    elif how == "meta":
        other = copy.deepcopy(layer).to("meta")
    else:
        other = copy.deepcopy(layer) if how == "deepcopy" else pickle.loads(pickle.dumps(layer))
    other = other.to_empty(device="cpu") if "meta" in how else other
    assert str(other.load_state_dict(state)) == "<All keys matched successfully>"
    all_agree([other.eval()(x), layer(x)])


REFUSED = {
    "complex": (lambda x: x.to(torch.complex128), "complex128"),
    "integer": (lambda x: x.long(), "int64"),
    "bool": (lambda x: x > 0, "bool"),
    "half": (lambda x: x.half(), "float16"),
    "bfloat16": (lambda x: x.bfloat16(), "bfloat16"),
    "NaN": (lambda x: x / 0 * 0, "NaN"),
    "infinite": (lambda x: x / 0, "infinite"),
    "list": (lambda x: x.tolist(), "list"),
    "array": (lambda x: x.numpy(), "ndarray"),
    "width": (lambda x: x[:, :1], r"\(3, 1\)"),
}


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("evaluate", EVALUATIONS)
def test_what_is_refused(what, evaluate):
    change, says = REFUSED[what]
    layers = [layer_of(evaluate)]
    if evaluate != "closed":
        layers.append(QuantumLayer(edge_of_two(), evaluate=evaluate))
    for layer in layers:
        with pytest.raises(UsageError, match=says):
            layer(change(points(3, 2)))


def edge_of_two():
    return quanvolutional_filter("basic-entangler", wires=2)


# --- edges of any kind -----------------------------------------------------------------------------------------------


def named(name):
    """A circuit whose weight has this name."""
    space = {"qml": qml}
    exec(  # a parameter's name cannot be chosen otherwise
        f"def f(inputs, {name}):\n qml.RY(inputs[..., 0], 0); qml.RZ({name}[0], 0); qml.RX({name}[1], 0)",
        space,
    )
    return circuit(wires=1, weights={name: (2,)})(space["f"])


@pytest.mark.parametrize(
    "name", ["circuit", "backend", "training", "forward", "by_name", "weights", "dtype"]
)
def test_weights_of_any_name(name):
    made, x = named(name), points(3, 1)
    values = []
    for kind in (
        lambda e: layer_of(e, 1, 2, made),
        lambda e: QuantumLayer(made, evaluate=e, generator=seeded()),
    ):
        for evaluate in ("fourier", "direct"):
            layer = copy.deepcopy(kind(evaluate)).train().eval().double()
            (key,) = [key for key in layer.state_dict() if f".{name}" in key]
            layer.load_state_dict(layer.state_dict())
            doubled = functional_call(layer, {key: 2 * layer.state_dict()[key]}, (x,))
            values.append(torch.cat([layer(x), doubled], dim=-1))
    all_agree(values[:2])
    all_agree(values[2:])


@circuit(wires=["a", "b"], weights={"t": (2,)}, observables=qml.Z("a"))
def lettered(inputs, t):
    qml.RY(inputs[..., 0], wires="a")
    qml.RZ(t[0], wires="b")
    qml.CNOT(["a", "b"])
    qml.RX(t[1], wires="a")


@circuit(wires=1)
def weightless(inputs):
    qml.RY(inputs[..., 0], wires=0)


@circuit(wires=1, weights={"t": 1})
def unseen(inputs, t):
    """The input is uploaded, and changes nothing."""
    qml.RZ(inputs[..., 0], wires=0)
    qml.RX(t[0], wires=0)


@pytest.mark.parametrize("made", [lettered, weightless, unseen, "entangled(wires=3)"], ids=str)
def test_edges_of_any_kind(made):
    x = points(4, 2)
    layers = [layer_of(evaluate, name=made) for evaluate in ("auto", "fourier", "direct")]
    all_agree([layer(x) for layer in layers])
    all_agree([torch.autograd.functional.jacobian(layer, x) for layer in layers])


def test_what_is_no_edge():
    def declared(function, **options):
        return circuit(wires=2, weights={"t": 2}, **options)(function)

    def one_each(inputs, t):
        qml.RY(inputs[..., 0], wires=0)
        qml.RZ(t[0], wires=1)

    def without_input(inputs, t):
        qml.RY(t[0], wires=0)

    def two_inputs(inputs, t):
        qml.RY(inputs[..., 0] + inputs[..., 1] + t[0], wires=0)

    cases = [
        (declared(one_each), "one observable"),
        (declared(without_input, observables=qml.Z(0)), "degree 0"),
        (declared(two_inputs, inputs=2, observables=qml.Z(0)), "one input"),
        (DEMO.function, "function arrived|partial arrived"),
    ]
    for made, says in cases:
        with pytest.raises(UsageError, match=says):
            QuantumKANLayer(2, 3, made)
    with pytest.raises(CircuitError, match="no weights"):
        QuantumKANLayer(2, 3, weightless, evaluate="closed")


@pytest.mark.slow
def test_edges_that_run_a_few_at_a_time(monkeypatch):
    x, made = points(3, 4), []
    for rows in (10**6, 2):
        monkeypatch.setattr(PennyLaneBackend, "chunk_size", lambda *_, rows=rows: rows)
        for evaluate in ("fourier", "direct"):
            layer = layer_of(evaluate, 4, 3)
            y = layer(x)
            made.append(torch.cat([y.flatten(), *(g.flatten() for g in second(y, layer))]))
            with torch.no_grad():
                all_agree([layer(x), y.detach()])
    all_agree(made)


def second(y, layer):
    """First and second derivatives of a layer's weights."""
    theta = layer.circuits.theta
    (slope,) = torch.autograd.grad(y.square().sum(), theta, create_graph=True)
    return slope, *torch.autograd.grad(slope.square().sum(), theta)


# --- a live layer changes ------------------------------------------------------------------------------------------


def test_a_live_model_changes_its_backend():
    model = qkan.QKAN([2, 3, 1], edge="pz(depth=1)", dtype=torch.float64, generator=seeded())
    x = points(5, 2)
    before, parameters = model(x), list(model.parameters())
    for change in (
        lambda: qkan.use_backend(model, "default.mixed"),
        lambda: setattr(model, "evaluate", "direct"),
        lambda: setattr(model, "backend", "default.qubit"),
        lambda: setattr(model[0], "evaluate", "closed"),
    ):
        change()
        all_agree([model(x), before])
        assert all(a is b for a, b in zip(parameters, model.parameters(), strict=True))
    assert (model[0].evaluate, model[1].evaluate) == ("closed", "direct")
    with pytest.raises(UsageError, match="exact simulation"):  # then none changes
        qkan.use_backend(model, backend("default.qubit", shots=10, seed=1))
    assert model[1].backend == model[0].backend == backend("default.qubit")
    model.evaluate = "auto"
    model.backend = backend("default.qubit", shots=10, seed=1)
    assert (model(x) - before).abs().max() > 1e-3
    model.backend = "auto"
    all_agree([model(x), before])
    for wrong, says in (("nonsense", "unknown backend"), (3, "got int")):
        with pytest.raises(UsageError, match=says):
            model.backend = wrong
    with pytest.raises(UsageError, match="did you mean"):
        model.evaluate = "closd"
    with pytest.raises(UsageError, match="no quantum layer"):
        qkan.use_backend(nn.Linear(2, 3), "auto")


def test_noise_comes_and_goes_with_the_spectrum():
    layer = QuantumLayer(DEMO, generator=seeded())
    conv = Quanvolution2d(DEMO, evaluate="fourier")
    image = points(2, 1, 4, 4)
    before = conv(image), layer(points(90, 4))
    for each in (layer, conv):
        each.backend = backend("auto", noise="depolarizing:0.05")
    fresh = Quanvolution2d(DEMO, evaluate="fourier", backend=conv.backend)
    all_agree([conv(image), fresh(image)])
    assert (conv(image) - before[0]).abs().max() > 1e-2
    for each in (layer, conv):
        each.backend = "auto"
    all_agree([conv(image), before[0]])
    all_agree([layer(points(90, 4)), before[1]])


class Doubled(nn.Module):
    def forward(self, x):
        return 2 * x


def test_parametrized_weights_are_seen():
    for layer, name in (
        (QuantumLayer(DEMO, evaluate="fourier", trainable=False), "angles"),
        (layer_of("closed"), "theta"),
    ):
        module = layer.torch_layer if name == "angles" else layer.circuits
        x = points(12, layer.in_features)
        layer(x)
        expected = copy.deepcopy(layer)
        with torch.no_grad():
            next(p for n, p in expected.named_parameters() if n.endswith(name)).mul_(2)
        nn.utils.parametrize.register_parametrization(module, name, Doubled())
        all_agree([layer(x), expected(x)])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")  # the compiler's own
@pytest.mark.parametrize("evaluate", EVALUATIONS)
def test_compiling_goes_around_circuits(evaluate):
    middle = [layer_of(evaluate, 4, 3, dtype=torch.float32)]
    if evaluate != "closed":
        middle += [
            QuantumLayer(DEMO, evaluate=evaluate),
            nn.Sequential(
                nn.Unflatten(1, (1, 2, 2)),
                Quanvolution2d(DEMO, trainable=True, evaluate=evaluate),
                nn.Flatten(),
            ),
        ]
    for layer in middle:
        net = nn.Sequential(nn.Linear(3, 4), layer, nn.LazyLinear(2))
        x = points(5, 3, dtype=torch.float32)
        plain = net(x)
        torch._dynamo.reset()
        found = torch.compile(net, backend="eager")(x)
        all_agree([found, plain], 1e-5)
        pairs = zip(
            *(
                torch.autograd.grad(y.square().sum(), list(net.parameters()), allow_unused=True)
                for y in (found, plain)
            ),
            strict=True,
        )
        for one, other in pairs:
            assert one is None or torch.allclose(one, other, atol=1e-4)


# --- images --------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")  # torch's own
@pytest.mark.parametrize("evaluate", ["fourier", "direct"])
def test_padding_as_of_a_convolution(evaluate):
    image, draw = points(2, 1, 5, 6), seeded(3)
    for mode in ("zeros", "reflect", "replicate", "circular"):
        for kernel, stride, padding, dilation in (
            ((2, 2), 1, "same", 1),
            ((1, 4), (1, 1), "same", (1, 2)),
            ((2, 2), None, "valid", 1),
            ((4, 1), (2, 1), (1, 2), 1),
        ):
            layer = Quanvolution2d(
                DEMO, kernel, stride, padding, dilation, padding_mode=mode, evaluate=evaluate
            )
            conv = nn.Conv2d(
                1,
                4,
                kernel,
                kernel if stride is None else stride,
                padding,
                dilation,
                padding_mode=mode,
                bias=False,
                dtype=torch.float64,
            )
            conv.weight.data = torch.eye(4, dtype=torch.float64).view(4, 1, *kernel)  # the patches
            expected = QuantumLayer(DEMO, evaluate="direct")(conv(image).movedim(1, -1)).movedim(
                -1, 1
            )
            all_agree([layer(image), expected.detach()])
            assert layer(image[:0]).shape == (0, *expected.shape[1:])
            eight = (torch.rand(5, 6, generator=draw) * 255).byte()[None]
            all_agree([layer(eight), layer(eight.float() / 255)], 1e-6)


def test_images_that_do_not_fit():
    for options, says in (
        ({"padding": "sane"}, "did you mean 'same'"),
        ({"padding": "same", "stride": 2}, "stride=1"),
        ({"padding_mode": "mirror"}, "unknown padding mode"),
    ):
        with pytest.raises(UsageError, match=says):
            Quanvolution2d(DEMO, **options)
    with pytest.raises(UsageError, match="more than an image of 2x2"):
        Quanvolution2d(DEMO, padding=2, padding_mode="reflect")(points(1, 1, 2, 2))
    for image, says in ((points(2, 3, 4, 4), "in_channels="), (points(4, 4), "in_channels=")):
        with pytest.raises(UsageError, match=says):
            Quanvolution2d(DEMO)(image)


@circuit(wires=2, inputs=4, direct_only=True)
def by_amplitude(inputs):
    qml.AmplitudeEmbedding(inputs, wires=[0, 1], normalize=True)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # NumPy's own
def test_a_black_patch_is_named():
    image = torch.ones(2, 1, 4, 4)
    image[1, 0, 2:, :2] = 0
    layer = Quanvolution2d(by_amplitude)
    assert layer(image[:1]).isfinite().all()
    for run in (layer, lambda image: qkan.preprocess(layer, image)):
        with pytest.raises(UsageError, match=r"norm|finite|row 2, column 0 of image 1"):
            run(image)


def test_a_store_tells_functions_with_other_closures_apart(tmp_path):
    def made(factor):
        @circuit(wires=1, inputs=1, direct_only=True)
        def turned(inputs):
            qml.RY(factor * inputs[..., 0] ** 2, wires=0)

        return Quanvolution2d(turned, 1)

    store, image = Store(tmp_path), points(1, 1, 3, 3)
    for factor in (1.0, 2.0, 1.0):
        maps, _ = qkan.preprocess(made(factor), image, store=store)
        all_agree([maps, torch.cos(factor * image**2)])


# --- anything ------------------------------------------------------------------------------------------------------


@st.composite
def layers(draw):
    pick = lambda *choices: draw(st.sampled_from(choices))  # noqa: E731
    options = {
        "name": pick(
            "pz(depth=1)",
            "pz(depth=4)",
            "rpz(depth=2)",
            "real(depth=2)",
            "px",
            "reupload",
            "entangled(wires=2)",
            lettered,
            weightless,
        ),
        "frequencies": pick("fixed", "per-input", "per-edge"),
        "base": pick(None, "silu", "tanh", "identity"),
        "weight": draw(st.booleans()),
        "bias": draw(st.booleans()),
        "input_map": pick("none", "tanh", "layer"),
        "dtype": pick(torch.float32, torch.float64),
        "generator": seeded(draw(st.integers(0, 99))),
    }
    return (
        draw(st.integers(1 if options["input_map"] != "layer" else 2, 4)),
        draw(st.integers(1, 4)),
        options,
        pick((), (1,), (3,), (2, 2)),
        draw(st.floats(0, 1)),
    )


@pytest.mark.slow
@settings(max_examples=60, deadline=None, derandomize=True)
@given(layers())
def test_any_layer_agrees_with_itself(case):
    i, o, options, shape, kept = case
    tolerance = 1e-12 if options["dtype"] == torch.float64 else 2e-5
    x = points(*shape, i, dtype=options["dtype"])
    values, slopes = [], []
    for evaluate in ("auto", "fourier", "direct"):
        layer = layer_of(
            evaluate, i, o, **{**options, "generator": options["generator"].manual_seed(5)}
        )
        layer.prune_edges(torch.rand(i, o, generator=seeded(2)) <= kept, torch.ones(o))
        at = x.clone().requires_grad_()
        values.append(layer(at))
        slopes.append(torch.autograd.grad(values[-1].sin().sum(), at)[0])
    values.append(layer.to_classical()(x))
    all_agree(values, tolerance)
    all_agree(slopes, 10 * tolerance)


@pytest.mark.nightly
@settings(max_examples=1000, deadline=None)
@given(layers())
def test_any_layer_agrees_with_itself_at_night(case):
    test_any_layer_agrees_with_itself.hypothesis.inner_test(case)
