"""Files that are cut, foreign or of another model are told apart, and nothing in them is run."""

import json
from pathlib import Path

import pennylane as qml
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import circuits
from circuits.errors import UsageError
from qkan.models import KAN, MLP, QKAN, SineKAN, load

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


def test_layers_that_were_changed_one_by_one_are_saved_as_they_are(tmp_path):
    model, x = KAN([2, 3, 1], generator=torch.Generator().manual_seed(0)), torch.rand(4, 2)
    model[0].refine(10)
    model[0].update_grid(x)
    model.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert [layer.grid for layer in again] == [10, 5]
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


def test_weights_that_do_not_fit(tmp_path, monkeypatch):
    model = KAN([3, 2])
    monkeypatch.setattr(model, "spec", KAN([3, 4]).spec)
    model.save(tmp_path / "model")
    with pytest.raises(UsageError, match=r"(?s)do not fit its description.*size mismatch"):
        load(tmp_path / "model")


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


@circuits.circuit(wires=1, weights={"w": (2,)})
def mine(inputs, w):
    qml.RY(w[0], wires=0)
    qml.RX(inputs[..., 0], wires=0)
    qml.RY(w[1], wires=0)


def test_circuits_of_ones_own_in_files_of_the_first_version_cannot_be_checked():
    with pytest.warns(UserWarning, match=r"\['mine'\] are the circuits.*cannot be checked"):
        model = load(FIRST / "own_circuit.safetensors", edge=mine)
    assert model.circuit is mine
    with pytest.raises(UsageError, match="trained with the circuit 'mine'"):
        load(FIRST / "own_circuit.safetensors", edge="pz")
