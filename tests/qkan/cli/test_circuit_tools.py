"""``qkan circuits``, ``backends``, ``draw`` and ``export``: names, models and runs in every format."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import qkan
from circuits import (
    EDGES,
    FILTERS,
    edge,
    from_qpy,
    quanvolutional_filter,
    to_qasm2,
    to_qasm3,
    to_qiskit,
)
from qkan.cli import main


@pytest.mark.parametrize(
    ("command", "words"),
    [("circuits", [*FILTERS, *EDGES]), ("backends", ["default.qubit", "lightning.gpu"])],
)
def test_what_there_is_is_listed(command, words, capsys):
    assert main([command]) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in words)


@pytest.mark.slow
def test_a_drawing_is_the_file_that_was_named(tmp_path, capsys):
    for suffix, magic in (("png", b"\x89PNG"), ("pdf", b"%PDF")):
        file = tmp_path / f"demo.{suffix}"
        assert main(["draw", "demo", "--out", str(file)]) == 0
        assert file.read_bytes()[:4] == magic
        assert capsys.readouterr().out == f"{file}\n"
    assert main(["draw", "dmeo"]) == 2
    assert "did you mean 'demo'" in capsys.readouterr().err
    assert main(["draw", "demo", "--out", str(tmp_path / "demo.gif")]) == 2
    assert not (tmp_path / "demo.gif").exists()


@pytest.fixture
def model(tmp_path):
    file = tmp_path / "model.safetensors"
    qkan.QKAN([2, 1], edge="pz(depth=1)", generator=torch.Generator().manual_seed(0)).save(file)
    return file


def export(*words):
    return main(["export", *map(str, words)])


@pytest.mark.parametrize("name", FILTERS)
def test_filters_by_name(name, tmp_path, capsys):
    file = tmp_path / "f.qpy"
    assert export(name, "--format", "qpy", "--out", file) == 0
    assert capsys.readouterr().out == f"{file}\n"
    (circuit,) = from_qpy(file.read_bytes())
    assert circuit.num_parameters == to_qiskit(quanvolutional_filter(name)).num_parameters


@pytest.mark.slow
def test_formats_of_one_circuit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert export("pz(depth=1)") == 0
    assert (tmp_path / "pz(depth=1).qasm").read_text() == to_qasm3(edge("pz(depth=1)"))
    assert export("demo", "--format", "qiskit", "--bound") == 0
    assert "circuit.ry(3.448296944257913, 1)" in (tmp_path / "demo.py").read_text()
    assert export("demo", "--format", "png") == 0
    assert (tmp_path / "demo.png").read_bytes().startswith(b"\x89PNG")
    assert export("demo", "--format", "qasm2", "--inputs", "0,0.5,0.25,1") == 0
    assert "cx q[1],q[3];" in (tmp_path / "demo.qasm").read_text()


def test_a_trained_model(model, tmp_path, capsys):
    folder = tmp_path / "edges"
    assert export(model, "--out", folder) == 0
    assert {file.name for file in folder.iterdir()} == {"0.edge_0_0.qasm", "0.edge_1_0.qasm"}
    assert "input float[64] inputs_1;" in (folder / "0.edge_1_0.qasm").read_text()
    assert "theta" not in (folder / "0.edge_1_0.qasm").read_text()
    packed = tmp_path / "layer.qpy"
    assert export(model, "--packed", "--free", "--format", "qpy", "--out", packed) == 0
    (circuit,) = from_qpy(packed.read_bytes())
    assert circuit.num_qubits == 2
    assert "theta_1_1_1_0" in {p.name for p in circuit.parameters}


def test_a_run_by_its_models_or_its_circuit(model, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.toml").write_text('circuit = "basic-entangler"\n')
    file = tmp_path / "a.qpy"
    assert export(run, "--format", "qpy", "--out", file) == 0
    assert from_qpy(file.read_bytes())[0].name.startswith("basic-entangler")
    (run / "models").mkdir()
    model.rename(run / "models" / "q.safetensors")
    assert export(run, "--format", "qpy", "--out", file) == 0
    assert len(from_qpy(file.read_bytes())) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["dmeo"], "did you mean 'demo'"),
        (["demo", "--format", "pdf"], "unknown format 'pdf'"),
        (["demo", "--format", "qasm2"], "inputs_0, inputs_1, inputs_2, inputs_3 have no value"),
        (["pz", "--format", "qasm2", "--inputs", "0"], "missing: ['theta']"),
        (["demo", "--inputs", "0,1"], "gives no value to inputs_2, inputs_3"),
        *(
            (["demo", "--inputs", odd], "expected inputs as finite numbers")
            for odd in ("a", "nan", "0,1e400,0,0", "")
        ),
        (["pz", "--inputs", "0,1"], "expected 1 inputs, got 2"),
        (["pz", "--seed", "1", "--weights", "w.npz"], "--weights FILE or --seed N, got both"),
        (["pz", "--weights", "w.npz"], "w.npz is not a .npz file of arrays"),
        (["pz(depth={{}})"], "cannot read the options in 'pz(depth={{}})'"),
        (["pz(depth=1000000000)"], "depth of edge 'pz' must be at most 512"),
        (["random(seed=99999999999999999999)"], "seed of filter 'random' must be at most"),
        (["/dev/zero"], "there is no model in /dev/zero"),
        (["."], "there is no model in ."),
    ],
)
def test_what_cannot_be_exported(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert export(*words) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


SOURCES = {"pz(depth=1)": 3, "basic-entangler": 81, "model.safetensors": 6, "run": 6, "circuit": 3}
"""What commands take, and the circuits that fix their series: 3 an edge, 81 the filter."""


@pytest.fixture
def sources(model, tmp_path, monkeypatch):
    """A model's file, a run with it and one that can do nothing, a run that names a circuit."""
    monkeypatch.chdir(tmp_path)
    models = tmp_path / "run" / "models"
    qkan.MLP([2, 1]).save(models / "a.safetensors")
    (models / "q.safetensors").write_bytes(model.read_bytes())
    (tmp_path / "circuit").mkdir()
    (tmp_path / "circuit" / "config.toml").write_text('circuit = "real(depth=1)"\n')


@pytest.mark.slow
@pytest.mark.parametrize("command", ["draw", "export", "cost", "inspect --no-images"])
@pytest.mark.usefixtures("sources")
def test_commands_take_circuits_models_and_runs_alike(command, capsys, tmp_path):
    words = command.split()
    for source, circuits in SOURCES.items():
        assert main([words[0], source, *words[1:]]) == 0
        lines = capsys.readouterr().out.splitlines()
        if words[0] == "cost":
            rows = [line.split() for line in lines if line.strip()]
            assert [row[1] for row in rows if row[0] == "all"] == [str(circuits)]
        else:
            assert all((tmp_path / line).stat().st_size for line in lines)
    assert main([words[0], "run/models/a.safetensors", *words[1:]]) == 2
    assert "no model in run/models/a.safetensors has" in capsys.readouterr().err


def test_weights_are_given_by_file_or_seed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    theta = np.array([[0.1, 0.2], [0.3, 0.4]])
    np.savez("w.npz", theta=theta)
    words = ["pz(depth=1)", "--format", "qasm2", "--inputs", "0.5", "--out", "pz.qasm"]
    assert export(*words, "--weights", "w.npz") == 0
    text = (tmp_path / "pz.qasm").read_text()
    assert text == to_qasm2(edge("pz(depth=1)"), [0.5], {"theta": theta})
    assert export(*words, "--seed", "1") == 0
    assert (tmp_path / "pz.qasm").read_text() != text
    np.savez("w.npz", theta=theta[0])
    assert export(*words, "--weights", "w.npz") == 2


def test_what_readers_of_qasm_do_not_know_is_taken_apart(tmp_path, monkeypatch):
    """As circuits.to_qasm2 and to_qasm3 do: the file is the one that their tests hold to be right."""
    from qiskit import QuantumCircuit

    import qkan.cli.circuit_tools as tools

    circuit = QuantumCircuit(2)
    circuit.cp(0.3, 0, 1)
    assert "cp(" not in tools._content([circuit], "qasm2").decode()
