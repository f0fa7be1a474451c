"""QKAN: a chain of layers that survives a checkpoint."""

import pennylane as qml
import pytest
import torch
from safetensors.torch import save_file

import circuits
from circuits import CircuitError, UsageError
from qkan.models.qkan import QKAN, QKANConfig


@circuits.circuit(wires=1, weights={"w": (2,)})
def own(inputs, w):
    qml.RY(w[0], wires=0)
    qml.RX(inputs[..., 0], wires=0)
    qml.RY(w[1], wires=0)


def test_layers_differ_and_chain():
    model = QKAN([3, 4, 2], generator=torch.Generator().manual_seed(0))
    x = torch.rand(5, 3)
    assert torch.equal(model(x), model[1](model[0](x)))
    first, second = (layer.edges.weights()[0].flatten() for layer in model)
    assert not set(first.tolist()) & set(second.tolist())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_checkpoint_restores_the_function(tmp_path, dtype):
    config = QKANConfig(
        (2, 3, 1), edge="real(depth=2)", frequencies="per-edge", input_map="standardise"
    )
    model = QKAN(config, dtype=dtype)
    x = torch.rand(20, 2, dtype=dtype)
    model(x)  # moves the running statistics
    model.save(tmp_path / "model.safetensors")
    again = QKAN.load(tmp_path / "model.safetensors", evaluate="fourier")
    assert again.config == config
    torch.testing.assert_close(again.eval()(x), model.eval()(x))


def test_own_circuits_are_checked(tmp_path):
    path = tmp_path / "model.safetensors"
    model = QKAN([2, 1], own)
    model.save(path)
    x = torch.rand(4, 2)
    assert torch.equal(QKAN.load(path, edge=own)(x), model(x))
    with pytest.raises(UsageError, match=r"(?s)unknown edge 'own'.*Pass those of your own"):
        QKAN.load(path)
    with pytest.raises(UsageError, match="another circuit than 'pz"):
        QKAN.load(path, edge="pz")


@circuits.circuit(wires=1)
def frozen(inputs):
    qml.RX(inputs[..., 0], wires=0)


@pytest.mark.parametrize("part", [True, False], ids=["every-part", "no-parameters"])
def test_circuits_without_weights(part, tmp_path):
    settings = {} if part else {"frequencies": "fixed", "base": None}
    model = QKAN([2, 3, 1], frozen, weight=part, bias=part, **settings)
    x = torch.rand(9, 2)
    assert bool(model.num_parameters) == part
    assert "fourier" in model[0].choose(9)
    model.save(tmp_path / "model.safetensors")
    again = QKAN.load(tmp_path / "model.safetensors", edge=frozen)
    torch.testing.assert_close(again(x), model(x))
    torch.testing.assert_close(model.to_classical()(x), model(x))
    with pytest.raises(UsageError, match=r"expected torch\.float32"):
        model(x.double())
    with pytest.raises(CircuitError, match="has no weights"):
        QKAN([2, 1], frozen, evaluate="closed")


def test_it_learns():
    model = QKAN([1, 1], generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    x = torch.linspace(-2, 2, 50, dtype=torch.float64).unsqueeze(1)
    y = torch.sin(2 * x)
    optimizer = torch.optim.LBFGS(
        model.parameters(), max_iter=300, tolerance_change=1e-14, line_search_fn="strong_wolfe"
    )

    def closure():
        optimizer.zero_grad()
        loss = (model(x) - y).square().mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert closure() < 1e-6


def test_mistakes_are_named(tmp_path):
    with pytest.raises(UsageError, match="at least two widths"):
        QKAN([3])
    (tmp_path / "text").write_text("no tensors here, but long enough to look like a header")
    with pytest.raises(UsageError, match="not a whole safetensors file"):
        QKAN.load(tmp_path / "text")
    save_file({"a": torch.ones(1)}, tmp_path / "other")
    with pytest.raises(UsageError, match="a file of another program"):
        QKAN.load(tmp_path / "other")


def test_an_edge_by_its_name_is_a_part_of_the_configuration(tmp_path):
    model = QKAN([2, 3, 1], edge="real(depth=2)")
    assert model.config.edge == "real(depth=2)"
    model.save(tmp_path / "model.safetensors")
    again = QKAN.load(tmp_path / "model.safetensors")
    x = torch.rand(4, 2)
    torch.testing.assert_close(again(x), model(x))
    with pytest.raises(UsageError, match="unknown edge 'rael'"):
        QKAN([2, 3, 1], edge="rael")
