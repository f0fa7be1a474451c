"""No wrong value without a word: quantum layers in every evaluation, shape, dtype, transform and state."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch.func import functional_call, hessian, jacfwd, jacrev, jvp, vmap

from circuits import UsageError, quanvolutional_filter
from qkan import QuantumKANLayer, QuantumLayer, Quanvolution2d

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script`:FutureWarning")  # torch's own

EVALUATIONS = ("closed", "fourier", "direct")
DEMO = quanvolutional_filter("demo")
STRONG = quanvolutional_filter("strongly-entangling")


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
