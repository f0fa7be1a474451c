"""What every model promises: shapes, dtypes, own random numbers, copies, files."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch.func import functional_call

import qkan
from circuits.errors import UsageError
from qkan.models import CNN, KAN, MLP, MODELS, QKAN, SineKAN, load, make

IMAGE = (1, 6, 4)
SETTINGS = {
    "kan": {"sizes": (24, 4, 3, 3), "layers": ("rbf(grid=4)", "pz(depth=2)", "chebyshev")},
    "sinekan": {"sizes": [24, 5, 3], "grid": 3},
    "qkan": {"sizes": (24, 5, 3), "edge": "real(depth=2)", "input_map": "standardise"},
    "mlp": {"sizes": np.array([24, 5, 3]), "activation": "silu", "dropout": 0.2},
    "cnn": {"image": IMAGE, "channels": (2, 3), "hidden": 7, "classes": 3},
    "quanvolution": {
        "image": IMAGE,
        "trainable": True,
        "head": {"kind": "kan", "sizes": [24, 3], "grid": 4, "input_map": "layer"},
    },
}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=SETTINGS)
def name(request):
    return request.param


def images(dtype=torch.float32):
    return torch.rand(5, *IMAGE, generator=seeded(9), dtype=torch.float64).to(dtype)


def test_every_model_is_tried():
    assert SETTINGS.keys() == MODELS.keys()
    assert qkan.KAN is KAN
    assert qkan.models.load is load


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_images_to_outputs(name, dtype):
    model = make(name, generator=seeded(), dtype=dtype, **SETTINGS[name])
    y = model(images(dtype))
    assert y.shape == (5, 3)
    assert y.dtype == model.dtype == dtype
    assert model.num_parameters == sum(p.numel() for p in model.parameters())


def test_weights_come_from_the_generator_alone(name):
    before = torch.get_rng_state()
    one, same, other = (make(name, generator=seeded(s), **SETTINGS[name]) for s in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    x = images()
    a, b, c = (model.eval()(x) for model in (one, same, other))
    assert torch.equal(a, b)
    assert not torch.allclose(a, c)
    assert not torch.equal(*(make(name, **SETTINGS[name]).eval()(x) for _ in range(2)))
    double = make(name, generator=seeded(), dtype=torch.float64, **SETTINGS[name]).eval()
    torch.testing.assert_close(double(x.double()).float(), a, rtol=1e-3, atol=1e-4)


def test_layers_have_weights_of_their_own():
    for cls in (KAN, SineKAN, MLP):
        first, second = (p for p in cls([4, 4, 4], generator=seeded()).parameters() if p.ndim > 1)
        assert not torch.equal(first, second)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_file_brings_the_model_back(name, dtype, tmp_path):
    model = make(name, generator=seeded(), dtype=dtype, **SETTINGS[name])
    x = images(dtype)
    model(x)  # moves running statistics
    path = tmp_path / "new" / "model.safetensors"
    model.save(path)
    before = torch.get_rng_state()
    for again in (load(path), MODELS[name].load(path), load(str(path), device="cpu")):
        assert type(again) is type(model)
        assert again.spec() == model.spec()
        assert again.training
        assert torch.equal(again.eval()(x), model.eval()(x))
        model.train()
    assert torch.equal(torch.get_rng_state(), before)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_copies_and_functional_calls(name):
    model, other = (make(name, generator=seeded(s), **SETTINGS[name]).eval() for s in (0, 1))
    x = images()
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(twin(x), model(x))
    torch.testing.assert_close(functional_call(model, other.state_dict(), (x,)), other(x))


def test_a_description_makes_such_a_model(name):
    model = make(name, generator=seeded(), **SETTINGS[name])
    again = make(model.spec(), generator=seeded())
    assert again.spec() == model.spec()
    assert torch.equal(again.eval()(images()), model.eval()(images()))


def test_gradients_reach_every_parameter(name):
    model = make(name, generator=seeded(), **SETTINGS[name]).eval()
    model(images()).square().sum().backward()
    assert [n for n, p in model.named_parameters() if p.grad is None] == []


def test_images_are_flattened_only_where_that_fits():
    model = MLP([24, 2], generator=seeded())
    x = images()
    assert torch.equal(model(x), model(x.flatten(1)))
    assert model(torch.rand(2, 1, 3, 24)).shape == (2, 1, 3, 2)
    for other in (KAN([25, 2]), MLP([25, 2])):
        with pytest.raises(UsageError, match=r"expected an input of shape \(\.\.\., 25\)"):
            other(x)
    with pytest.raises(UsageError, match=r"MLP: expected torch.float32.*got torch.float64"):
        model(x.double())


@pytest.mark.parametrize(
    ("model", "settings", "message"),
    [
        ("knn", {}, "unknown model 'knn'"),
        ("kan", {}, "the setting 'sizes' is missing"),
        ("kan", {"sizes": [3]}, "at least two widths"),
        ("kan", {"sizes": [3, 0]}, r"sizes\[1\] must be an integer of at least 1"),
        ("kan", {"sizes": 3}, "sizes are at least two widths"),
        ("kan", {"sizes": [3, 2.0]}, r"sizes\[1\] must be an integer"),
        ("kan", {"sizes": [3, 2], "grid": "5"}, "grid must be an integer"),
        ("kan", {"sizes": [3, 2], "base": "slu"}, "unknown base 'slu'; did you mean 'silu'"),
        ("kan", {"sizes": [3, 2], "domain": [1, 1]}, "min < max"),
        ("kan", {"sizes": [3, 2], "degree": -1}, "degree"),
        ("mlp", {"sizes": [3, 2], "dropout": 1.0}, "at least 0 and below 1"),
        ("mlp", {"sizes": [3, 2], "activation": "rleu"}, "did you mean 'relu'"),
        ("mlp", {"sizes": [3, 2], "depth": 2}, "unknown setting 'depth'"),
        ("cnn", {"image": (1, 0, 4)}, r"image\[1\] must be an integer of at least 1"),
        ("cnn", {"image": (1, 2, 2), "padding": 0}, "too small"),
        ("cnn", {"image": (28, 28)}, "image must be 3 values"),
        ("qkan", {"sizes": [3, 2], "edge": "pz(dept=3)"}, "did you mean 'depth'"),
        ("qkan", {"sizes": [3, 2], "edge": "rael"}, "unknown edge 'rael'"),
        ("qkan", {"sizes": [3, 2], "frequencies": "per_input"}, "unknown frequencies 'per_input'"),
        ("kan", {"sizes": [3, True]}, r"sizes\[1\] must be an integer"),
        ("kan", {"sizes": [3, np.nan]}, r"sizes\[1\] must be an integer"),
        ("kan", {"sizes": np.ones((2, 2), int)}, "sizes are at least two widths"),
        ("kan", {"sizes": [3, 2], "grid": np.nan}, "grid must be an integer"),
        ("kan", {"sizes": [3, 2], "edge": "pz"}, "edge= is of layers that are called 'own'"),
        (
            "kan",
            {"sizes": [3, 2], "layers": "own", "edge": 7},
            r"expected a circuits\.Circuit, int",
        ),
        ("mlp", {"sizes": [3, 2], "dropout": True}, "dropout must be a finite number"),
        ("cnn", {"channels": 3}, "channels must be integers, one or more"),
        (5, {}, "a model is a name or settings with a kind, got 5"),
        *(
            (kind, SETTINGS[kind] | {"generator": 0}, "generator must be a torch")
            for kind in SETTINGS
        ),
        *(
            (kind, SETTINGS[kind] | {"dtype": torch.half}, "float32 or torch.float64")
            for kind in SETTINGS
        ),
        ({"sizes": [3, 2]}, {}, "need a kind, one of: kan, sinekan"),
        ({"kind": "kan", "sizes": [3, 2], "gird": 3}, {}, "'gird'; did you mean 'grid'"),
    ],
)
def test_mistakes_are_named(model, settings, message):
    with pytest.raises(UsageError, match=message):
        make(model, **settings)


def test_numbers_of_numpy_and_torch_are_numbers():
    labels = torch.tensor([0, 2, 1])
    for sizes in (
        [2, 3, labels.max() + 1],
        torch.tensor([2, 3, 3]),
        [2, np.int64(3), 3],
        iter((2, 3, 3)),
    ):
        model = KAN(sizes, grid=np.int64(4), domain=np.array([-1, 1]))
        assert model.spec() == KAN([2, 3, 3], grid=4).spec()
    assert MLP([2, 3], dropout=np.float32(0.5)).spec()["dropout"] == 0.5


def test_a_summary_counts_what_is_trained_and_run():
    mixed = KAN([2, 3, 1], ("bspline", "pz(depth=2)"))
    rows = [line.split() for line in qkan.summary(mixed, samples=64).splitlines()]
    assert [row[0] for row in rows] == ["layer", "0", "1", "total"]
    assert rows[2][1:5] == ["QuantumKANLayer", "3", "->", "1"]
    assert int(rows[-1][-1]) == mixed.num_parameters
    for evaluate, circuits in (("closed", 0), ("fourier", 5 * 3), ("direct", 64 * 3)):
        text = qkan.summary(KAN([3, 1], "pz(depth=2)", evaluate=evaluate), samples=64)
        assert text.splitlines()[1].split()[-3:] == [evaluate, "default.qubit", str(circuits)]
    assert " 9\n" in qkan.summary(make("quanvolution"), samples=64)


def test_images_of_another_kind_are_refused():
    for model in (CNN(image=IMAGE), make("quanvolution", image=IMAGE)):
        for images, message in (
            (torch.rand(2, 3, 6, 4), r"\(N, 1, 6, 4\).*image=\(channels, height, width\)"),
            (torch.rand(2, 1, 6, 4, dtype=torch.float64), "the model's dtype, got torch.float64"),
            (np.zeros((2, 1, 6, 4)), r"expects a torch\.Tensor, ndarray"),
        ):
            with pytest.raises(UsageError, match=message):
                model(images)


@pytest.mark.parametrize("kind", [KAN, QKAN, MLP])
def test_widths_are_one_list(kind):
    with pytest.raises(UsageError, match=r"two widths, such as \[784, 32, 10\], got 2"):
        kind(2, 3, 1)


@pytest.mark.parametrize("part", [KAN([2, 3, 1]), KAN([2, 1])[0], QKAN([2, 1]), QKAN([2, 1])[0]])
def test_arrays_are_not_tensors(part):
    with pytest.raises(UsageError, match=r"expects a torch\.Tensor, ndarray arrived"):
        part(np.zeros((4, 2), dtype=np.float32))


def test_the_notebooks_convolutional_network():
    model = CNN()
    kinds = [type(m).__name__ for m in (*model.convolutions, *model.dense)]
    block = ["Conv2d", "ReLU", "MaxPool2d"]
    assert kinds == [*block, *block, "Linear", "ReLU", "Dropout", "Linear"]
    # 28 + 2 - 1 = 29, halved 14; 14 + 2 - 1 = 15, halved 7.
    assert model.num_parameters == 32 * 5 + 64 * (32 * 4 + 1) + 128 * (64 * 49 + 1) + 10 * 129
    with pytest.raises(UsageError, match="expected images of shape"):
        model(torch.zeros(2, 1, 28, 27))
