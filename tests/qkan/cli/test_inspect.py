import re

import numpy as np
import pytest
import torch

import qkan
from qkan.cli import main


@pytest.fixture
def run(tmp_path):
    """The folder of a run with two models that have edges, one that has none, and inputs."""
    models = tmp_path / "run" / "models"
    generator = torch.Generator().manual_seed(0)
    qkan.QKAN([2, 2, 1], edge="pz(depth=1)", generator=generator).save(
        models / "quantum.safetensors"
    )
    qkan.KAN([2, 1], generator=generator).save(models / "kan.safetensors")
    qkan.MLP([2, 3, 1], generator=generator).save(models / "mlp.safetensors")
    np.save(models / "inputs.npy", np.random.default_rng(0).random((20, 2)))
    return tmp_path / "run"


@pytest.mark.slow
def test_a_run_becomes_one_page_that_needs_nothing_else(run, capsys):
    assert main(["inspect", str(run)]) == 0
    assert capsys.readouterr().out.strip() == str(run / "inspect.html")
    page = (run / "inspect.html").read_text()
    for heading in (
        "quantum: Network",
        "quantum: Spectra",
        "quantum: The circuit pz(depth=1)",
        "kan: Edge functions and formulas",
    ):
        assert f"<h2>{heading}</h2>" in page
    assert "no functions on their edges: mlp" in page
    assert "measured over 20 inputs" in page
    sources = re.findall(r'src="(.{22})', page)
    assert len(sources) >= 8
    assert set(sources) == {"data:image/png;base64,"}
    assert "http" not in re.sub(r'src="[^"]*"', "", page)


@pytest.mark.slow
def test_a_checkpoint_and_inputs_of_ones_own(run, tmp_path, capsys):
    inputs = tmp_path / "x.npy"
    np.save(inputs, np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]))
    file = run / "models" / "kan.safetensors"
    out = tmp_path / "page.html"
    assert main(["inspect", str(file), "--inputs", str(inputs), "--out", str(out)]) == 0
    assert "measured over 3 inputs" in out.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "unknown circuit, file or folder 'nowhere'"),
        (["pz", "--inputs", "mnist"], "--inputs are for models"),
        (["."], "there is no model in ."),
        (["run/models/mlp.safetensors"], "there is nothing to look at"),
        (["run/models/inputs.npy"], "not a whole safetensors file"),
        (["run/models/kan.safetensors", "--inputs", "no.npy"], "expected a .npy file"),
        (["run/models/kan.safetensors", "--inputs", "words.npy"], "expected inputs"),
        (["run/models/kan.safetensors", "--inputs", "nan.npy"], "NaN"),
    ],
)
def test_mistakes(run, arguments, message, capsys, monkeypatch):
    monkeypatch.chdir(run.parent)
    np.save("words.npy", np.array(["a", "b"]))
    np.save("nan.npy", np.full((2, 2), np.nan))
    assert main(["inspect", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not list(run.parent.glob("**/*.html"))
