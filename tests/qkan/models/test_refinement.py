"""refine() of whole models: function, configuration and files stay together."""

import pytest
import torch
from torch import nn

from circuits import CircuitError, UsageError
from qkan.layers.qkan import QuantumKANLayer
from qkan.models import KAN, QKAN, HybridKAN, load
from qkan.models.refinement import refine

DOUBLE = {"dtype": torch.float64}


def seeded(kind, *args, **options):
    return kind(*args, generator=torch.Generator().manual_seed(0), **DOUBLE, **options)


def points():
    return torch.rand(9, 3, generator=torch.Generator().manual_seed(1), **DOUBLE)


@pytest.mark.parametrize(
    ("edge", "uploads", "name"),
    [
        ("pz(depth=2)", 2, "pz(depth=4)"),
        ("entangled", 2, "entangled(wires=2, depth=3)"),
        ("reupload(encoding='y')", 1, "reupload(depth=4, encoding='y', rotations='zy')"),
    ],
)
def test_refined_networks_are_saved_as_what_they_are(edge, uploads, name, tmp_path):
    model, x = seeded(QKAN, [3, 4, 2], edge=edge), points()
    before = model(x)
    assert model.refine(uploads) is model
    torch.testing.assert_close(model(x), before, rtol=0, atol=1e-12)
    assert model.config.edge == model.circuit.name == name
    model.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert again[1].circuit.name == name
    assert torch.equal(again(x), model(x))


def test_pruned_networks_grow_and_stay_pruned():
    model, x = seeded(QKAN, [3, 4, 2]), points()
    model.prune(x, fraction=0.5)
    before, masks = model(x), [layer.kept_edges for layer in model]
    model.refine()
    torch.testing.assert_close(model(x), before, rtol=0, atol=1e-12)
    assert all(map(torch.equal, masks, (layer.kept_edges for layer in model)))


def test_hybrids_refine_their_quantum_layers(tmp_path):
    layers = ("pz(depth=1, input_map='tanh', frequencies='per-edge')", "rbf", "rpz")
    model, x = seeded(HybridKAN, [3, 4, 4, 2], layers=layers), points()
    before = model(x)
    model.refine(2)
    torch.testing.assert_close(model(x), before, rtol=0, atol=1e-12)
    assert model.config.layers == (
        "pz(depth=3, input_map='tanh', frequencies='per-edge')",
        "rbf",
        "rpz(depth=5)",
    )
    model.save(tmp_path / "model")
    assert torch.equal(load(tmp_path / "model")(x), model(x))


def test_all_layers_or_none():
    model = nn.Sequential(QuantumKANLayer(2, 2, "pz"), QuantumKANLayer(2, 1, "real"))
    with pytest.raises(CircuitError, match="frequency 3 alone"):
        refine(model)
    assert model[0].circuit.name == "pz(depth=3)"
    with pytest.raises(UsageError, match="no quantum KAN layers to refine"):
        refine(KAN([2, 1]))
