"""Files that are cut, foreign or of another model are told apart, and nothing in them is run."""

import json
import random
import time
from pathlib import Path

import pennylane as qml
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import circuits
from circuits.errors import UsageError
from qkan.layers import QuantumKANLayer
from qkan.models import KAN, MLP, QKAN, QuanvolutionNet, SineKAN, files, load
from qkan.store import write_tensors

FIRST = Path(__file__).parents[2] / "golden" / "models"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "model.safetensors"
    KAN([3, 4, 2], generator=torch.Generator().manual_seed(0)).save(path)
    return path


def rewritten(path, change):
    """Write the file again, by safetensors alone, with other texts or tensors."""
    with safe_open(path, framework="pt") as file:
        texts, tensors = file.metadata(), {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
    change(texts, tensors)
    save_file(tensors, path, metadata=texts)


def test_it_describes_itself(path):
    with safe_open(path, framework="pt") as file:
        facts = json.loads(file.metadata()["facts"])
    assert facts["spec"]["kind"] == "kan"
    assert facts["spec"]["sizes"] == [3, 4, 2]
    assert facts["dtype"] == "float32"


@pytest.mark.parametrize(
    "model",
    [
        lambda: KAN([2, 3, 1], base=None),
        lambda: QKAN([2, 3, 1], base=None),
        lambda: SineKAN([2, 3, 1], base="silu"),
        lambda: QKAN([2, 3, 1], base=None).to_classical(),
    ],
)
def test_a_file_keeps_whether_there_is_a_base(model, tmp_path):
    model, x = model(), torch.rand(4, 2)
    model.save(tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")
    assert again.spec() == model.spec()
    assert torch.equal(again(x), model(x))


@pytest.mark.parametrize("keep", [0, 7, 200, -1])
def test_a_cut_file(path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UsageError, match=r"model.safetensors is not a whole safetensors file"):
        load(path)


def test_a_changed_file(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 4
    path.write_bytes(content)
    with pytest.raises(UsageError, match="checksum"):
        load(path)


def test_changed_facts(path):
    rewritten(path, lambda texts, _: texts.update(facts=texts["facts"].replace("[3, 4", "[3, 5")))
    with pytest.raises(UsageError, match="checksum"):
        load(path)


def test_foreign_files(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        load(tmp_path / "nothing")
    with pytest.raises(UsageError, match="is not a file"):
        load(tmp_path)
    (tmp_path / "notes").write_text("no tensors at all, but a text of some length")
    with pytest.raises(UsageError, match="not a whole safetensors file"):
        load(tmp_path / "notes")
    save_file({"w": torch.ones(2)}, tmp_path / "theirs")
    with pytest.raises(UsageError, match="a file of another program"):
        load(tmp_path / "theirs")


def test_another_model(path):
    with pytest.raises(UsageError, match=r"holds a 'kan', not a 'mlp'; qkan.models.load"):
        MLP.load(path)


def with_layer(index, layer):
    def change(model):
        model[index] = layer

    return change


def parametrized(model):
    torch.nn.utils.parametrizations.weight_norm(model[0], "edge_weight")


def poisoned(model):
    with torch.no_grad():
        model[0].edge_weight[0, 0] = torch.nan


@circuits.circuit(wires=1, weights={"w": (2,)})
def mine(inputs, w):
    qml.RY(w[0], wires=0)
    qml.RX(inputs[..., 0], wires=0)
    qml.RY(w[1], wires=0)


@circuits.circuit(wires=1)
def bare(inputs):
    qml.RX(inputs[..., 0], wires=0)


KAN_OF = {
    "kan": lambda: KAN([2, 3, 1], generator=torch.Generator().manual_seed(0)),
    "qkan": lambda: QKAN([2, 3, 1], mine, generator=torch.Generator().manual_seed(0)),
    "mlp": lambda: MLP([2, 3, 1], dropout=0.1),
    "net": lambda: QuanvolutionNet(image=(1, 4, 4), classes=2),
}
CHANGES = [
    ("kan", lambda m: m[0].refine(10), None),
    ("kan", lambda m: m[0].update_grid(torch.rand(50, 2)), None),
    ("kan", lambda m: m.prune(torch.rand(50, 2), fraction=0.3), None),
    ("kan", lambda m: m[0].prune_edges(torch.tensor([[1, 1, 0], [0, 1, 1]]).bool()), None),
    ("kan", with_layer(1, QuantumKANLayer(3, 1, "pz")), None),
    ("kan", lambda m: m.append(KAN([1, 2])[0]), None),
    ("qkan", lambda m: m.use_backend("default.mixed"), None),
    ("qkan", lambda m: m[0].select_features(torch.tensor([0]), torch.tensor([0, 1, 2])), None),
    ("kan", lambda m: m.double(), None),
    (
        "kan",
        lambda m: m[0].select_features(torch.tensor([0, 1]), torch.tensor([0])),
        "size mismatch",
    ),
    ("kan", lambda m: m[0].double(), r"is torch\.float32, of a model in torch\.float64"),
    ("kan", lambda m: m.half(), "float16"),
    ("kan", lambda m: m.to("meta"), "meta"),
    ("kan", poisoned, "is NaN"),
    ("kan", parametrized, "ParametrizedBSplineKANLayer has no name"),
    ("kan", with_layer(1, torch.nn.Linear(3, 1)), "this one has a Linear"),
    ("kan", lambda m: m.append(torch.nn.Tanh()), "this one has a Tanh"),
    ("kan", lambda m: m[0].add_module("more", torch.nn.Linear(2, 2)), r"more\.weight"),
    ("kan", lambda m: m[0].register_buffer("more", torch.ones(2)), "more"),
    ("qkan", with_layer(1, QuantumKANLayer(3, 1, bare)), "another circuit than 'mine'"),
    ("mlp", with_layer(1, torch.nn.Tanh()), r"1 is Tanh\(\), .* make ReLU"),
    ("mlp", lambda m: m.append(torch.nn.Tanh()), r"Tanh\(\), .*None"),
    ("mlp", lambda m: setattr(m[2], "p", 0.5), r"p=0\.5.* make .*p=0\.1"),
    ("net", lambda m: setattr(m, "head", MLP([16, 3])), None),
    ("net", lambda m: setattr(m, "head", torch.nn.Linear(16, 2)), "Linear"),
]


@pytest.mark.parametrize(("kind", "change", "wrong"), CHANGES)
def test_what_is_written_can_be_loaded(kind, change, wrong, tmp_path):
    model, path = KAN_OF[kind](), tmp_path / "model"
    change(model)
    if wrong:
        with pytest.raises(UsageError, match=f"(?s)is not written, for it could not.*{wrong}"):
            model.save(path)
        assert not path.exists()
        return
    model.save(path)
    again = load(path, **({"edge": mine} if kind == "qkan" else {}))
    x = torch.rand(5, *(model.image if kind == "net" else [model.in_features]), dtype=model.dtype)
    torch.testing.assert_close(again.eval()(x), model.eval()(x))


def test_the_source_of_a_circuit_of_ones_own_is_there_to_be_read(tmp_path):
    KAN_OF["qkan"]().save(tmp_path / "model")
    sources = files.read(tmp_path / "model").facts["sources"]
    assert list(sources) == ["mine"]
    assert "qml.RX(inputs[..., 0], wires=0)" in sources["mine"]
    assert "sources" in files.read(tmp_path / "model").facts


def sealed(path, **facts):
    """Write a file that is whole, of facts that nobody would write."""
    usual = {"spec": KAN([2, 1]).spec(), "dtype": "float32", "circuits": {}}
    write_tensors(path, "hybrid-qkan model 2", usual | facts, KAN([2, 1]).state_dict())


def spec(kind="kan", sizes=(2, 1), layers=("bspline",), **more):
    return {"spec": {"kind": kind, "sizes": list(sizes), "layers": list(layers), **more}}


@pytest.mark.parametrize(
    "facts",
    [
        spec(sizes=[5000, 5000]),
        spec(sizes=[27, 27, 27, 27] * 2000, layers=["bspline"] * 7999),
        spec(layers=["bspline(grid=100000)"]),
        spec(layers=["bspline(degree=3000)"]),
        spec(layers=["pz(depth=100000)"]),
        spec(layers=["entangled(wires=2, depth=4000)"]),
        spec(layers=["bspline(grid=" + "(" * 900 + ")" * 900 + ")"]),
        spec(layers="bspline" * 1000),
        spec(layers=["bspline(domain=(0, 1e999))"]),
        spec(kind="mlp", sizes=[20000, 20000]),
        spec(backend="ibm:test"),
        spec(device="meta"),
        spec(evaluate="direct"),
        {"spec": {"kind": "cnn", "hidden": 2**30}},
        {"spec": {"kind": "cnn", "channels": [27] * 200}},
        {"spec": {"kind": "quanvolution", "filters": ["demo"] * 10**5}},
        {"spec": {"kind": "quanvolution", "filters": ["random(layers=90000)"]}},
        {"spec": {"kind": "quanvolution", "head": {"kind": "kan", "sizes": [784, 10**6]}}},
        {"circuits": {"0": {"name": "pz", "fingerprint": "00"}}},
        {"dtype": "hub"},
        {"dtype": "float16"},
        {"spec": {"kind": "quanvolution", "head": {"kind": "quanvolution"}}},
    ],
)
def test_what_a_file_claims_is_held_against_its_tensors_first(facts, tmp_path, monkeypatch):
    sealed(tmp_path / "model", **facts)
    started = time.process_time()
    with pytest.raises(UsageError):
        load(tmp_path / "model")
    assert time.process_time() - started < 2


ODD = [None, True, -1, 0, 2**70, 0.5, 1e400, "hub", "", "pz", [], [1, None], {}, {"kind": "kan"}]


@pytest.mark.slow
def test_odd_facts_are_our_error_or_the_right_model(tmp_path):
    """Three hundred times something else in place of a part of the facts of a sealed file."""
    path, draw = tmp_path / "model", random.Random(0)
    models = [model() for model in KAN_OF.values()]
    refused = 0
    for attempt in range(300):
        model = models[attempt % len(models)]
        model.save(path)
        file = files.read(path)
        tree, key = draw.choice(list(places(file.facts)))
        tree[key] = draw.choice(ODD)
        write_tensors(path, "hybrid-qkan model 2", file.facts, file.arrays)
        try:
            again = load(path, **({"edge": mine} if model is models[1] else {}))
            assert all(map(torch.equal, again.state_dict().values(), model.state_dict().values()))
        except UsageError:
            refused += 1
    assert 200 < refused < 300


def places(tree):
    """Yield every place in a tree of JSON: the dictionary or list that it is in, and its key."""
    for key, value in list(tree.items() if isinstance(tree, dict) else enumerate(tree)):
        yield tree, key
        if isinstance(value, dict | list):
            yield from places(value)


def test_what_was_there_stays_when_writing_fails(path, monkeypatch):
    content = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("circuits.store.os.fsync", full)
    with pytest.raises(UsageError, match=r"cannot write .*No space left"):
        KAN([3, 2]).save(path)
    assert path.read_bytes() == content
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_folder_that_cannot_be_made(path):
    with pytest.raises(UsageError, match="cannot write"):
        KAN([3, 2]).save(path / "model")


def test_evaluation_and_backend_are_chosen_when_loading(tmp_path):
    model = QKAN([2, 2], edge="real(depth=2)", generator=torch.Generator().manual_seed(0))
    model.save(tmp_path / "model")
    again = load(tmp_path / "model", evaluate="direct", backend="default.qubit")
    x = torch.rand(4, 2)
    assert again[0].evaluate == "direct"
    torch.testing.assert_close(again(x), model(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["kan", "hybrid", "quanvolution"])
def test_files_of_the_first_version_are_written_again_as_todays(name, tmp_path):
    model = load(FIRST / f"{name}.safetensors")
    model.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert again.spec() == model.spec()
    assert all(map(torch.equal, again.state_dict().values(), model.state_dict().values()))


def test_circuits_of_ones_own_in_files_of_the_first_version_cannot_be_checked():
    with pytest.warns(UserWarning, match=r"\['mine'\] are the circuits.*cannot be checked"):
        model = load(FIRST / "own_circuit.safetensors", edge=mine)
    assert model.circuit is mine
    with pytest.raises(UsageError, match="trained with the circuit 'mine'"):
        load(FIRST / "own_circuit.safetensors", edge="pz")
