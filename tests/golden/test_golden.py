"""What the first house computed is what this one computes, and its files are read.

``values.safetensors`` and ``models/`` were written at commit 48b0256 by ``python tests/golden/test_golden.py``: every
case in float64, from fixed seeds. A case may be rewritten when names change; its numbers may not, unless the changelog
says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import circuits
import qkan

HERE = Path(__file__).parent

Case = Callable[[], dict[str, Tensor]]

F64 = torch.float64
KAN_LAYERS: dict[str, Callable[..., nn.Module]] = {
    "bspline": lambda **k: qkan.BSplineKANLayer(3, 2, 5, **k),
    "bspline-batch": lambda **k: qkan.BSplineKANLayer(
        3, 2, 4, degree=2, input_map="batch", bias=True, **k
    ),
    "bspline-periodic": lambda **k: qkan.BSplineKANLayer(
        3, 2, 4, extrapolation="periodic", base=None, **k
    ),
    "sine": lambda **k: qkan.SineKANLayer(3, 2, 4, first=True, **k),
    "sine-inner": lambda **k: qkan.SineKANLayer(3, 2, 4, init="variance", **k),
    "chebyshev": lambda **k: qkan.ChebyshevKANLayer(3, 2, 5, **k),
    "rbf": lambda **k: qkan.RBFKANLayer(3, 2, 6, **k),
    "fourier": lambda **k: qkan.FourierKANLayer(3, 2, 3, **k),
    "scaled-fourier": lambda **k: qkan.FourierKANLayer(
        3, 2, 3, base="silu", frequencies="per-input", input_map="tanh", **k
    ),
    "scaled-fourier-edge": lambda **k: qkan.FourierKANLayer(
        3, 2, 3, base="silu", frequencies="per-edge", **k
    ),
    "quantum-pz": lambda **k: qkan.QuantumKANLayer(3, 2, "pz(depth=3)", **k),
    "quantum-edge": lambda **k: qkan.QuantumKANLayer(
        3, 2, "rpz(depth=2)", frequencies="per-edge", **k
    ),
    "quantum-fixed": lambda **k: qkan.QuantumKANLayer(
        3,
        2,
        "real(depth=2)",
        frequencies="fixed",
        base=None,
        weight=False,
        bias=False,
        input_map="tanh",
        **k,
    ),
    "quantum-two-wires": lambda **k: qkan.QuantumKANLayer(3, 2, "entangled(wires=2, depth=2)", **k),
}
"""Layers of 3 inputs and 2 outputs."""

MODELS: dict[str, Callable[..., nn.Module]] = {
    "kan": lambda **k: qkan.KAN([3, 4, 2], grid=4, **k),
    "sinekan": lambda **k: qkan.SineKAN([3, 4, 2], grid=3, **k),
    "qkan": lambda **k: qkan.QKAN([3, 4, 2], edge="pz(depth=2)", **k),
    "mlp": lambda **k: qkan.MLP([3, 4, 2], **k),
    "cnn": lambda **k: qkan.CNN(
        image=(1, 6, 6), channels=(2, 3), hidden=5, dropout=0.0, classes=2, **k
    ),
    "quanvolution": lambda **k: qkan.QuanvolutionNet(image=(1, 6, 6), classes=2, **k),
}
"""Small models by name; images are 6 x 6."""


def hybrid(**options: object) -> nn.Module:
    """A chain of three kinds of layers."""
    layers = ("bspline(grid=3)", "pz(depth=2, input_map='tanh')", "chebyshev(degree=3)")
    return qkan.KAN([3, 4, 3, 2], layers, **options)


MODELS["hybrid"] = hybrid


def generator() -> torch.Generator:
    """A new generator from one seed."""
    return torch.Generator().manual_seed(20261130)


def inputs(name: str) -> Tensor:
    """Five inputs of a model."""
    images = name in {"cnn", "quanvolution"}
    return torch.rand(5, *((1, 6, 6) if images else (3,)), generator=generator(), dtype=F64)


def function_of(module: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """The state, the outputs and the gradients of a module."""
    module.eval()
    state = {f"state.{key}": value.detach().clone() for key, value in module.state_dict().items()}
    x = x.clone().requires_grad_()
    y = module(x)
    weights = torch.arange(1.0, y.numel() + 1, dtype=F64).view_as(y) / y.numel()
    (gradient,) = torch.autograd.grad((weights * y).sum(), x)
    return {**state, "x": x.detach(), "y": y.detach(), "gradient": gradient}


def _layer(name: str) -> Case:
    def case() -> dict[str, Tensor]:
        return function_of(
            KAN_LAYERS[name](generator=generator(), dtype=F64), 3 * inputs("kan") - 1.5
        )

    return case


def _model(name: str) -> Case:
    return lambda: function_of(MODELS[name](generator=generator(), dtype=F64), inputs(name))


EDGES = (
    "pz(depth=3)",
    "rpz(depth=3)",
    "real(depth=2)",
    "px(depth=3)",
    "reupload(depth=2)",
    "exponential(depth=2)",
    "entangled(wires=2, depth=2)",
)
FILTERS = (
    "demo",
    "demo-legacy",
    "demo/no-entanglement",
    "random(layers=2, seed=5)",
    "strongly-entangling(layers=1)",
    "basic-entangler(layers=2)",
)


def _circuit(circuit: circuits.Circuit) -> Case:
    def case() -> dict[str, Tensor]:
        rng = np.random.default_rng(20261130)
        weights = circuit.random_weights(rng) | dict(circuit.defaults)
        x = rng.uniform(-2, 2, (4, circuit.num_inputs))
        values = circuits.backend("default.qubit").run(circuit, x, weights)
        return {
            "x": torch.tensor(x),
            **{
                f"weight.{name}": torch.tensor(np.asarray(value)) for name, value in weights.items()
            },
            "values": torch.tensor(values),
            "degrees": torch.tensor(circuit.degrees),
            "scales": torch.tensor(circuit.scales, dtype=F64),
            "nodes": torch.tensor(circuit.num_nodes),
        }

    return case


def _cases() -> Iterator[tuple[str, Case]]:
    for name in KAN_LAYERS:
        yield f"layer {name}", _layer(name)
    for name in MODELS:
        yield f"model {name}", _model(name)
    for name in EDGES:
        yield f"edge {name}", _circuit(circuits.edge(name))
    for name in FILTERS:
        yield f"filter {name}", _circuit(circuits.quanvolutional_filter(name))


CASES: dict[str, Case] = dict(_cases())


def freeze() -> None:
    """Write ``values.safetensors`` and ``models/*.safetensors`` beside this file."""
    values = {
        f"{name}|{key}": value.contiguous()
        for name, case in CASES.items()
        for key, value in case().items()
    }
    save_file(values, HERE / "values.safetensors")
    (HERE / "models").mkdir(exist_ok=True)
    for name, make in MODELS.items():
        make(generator=generator(), dtype=F64).save(HERE / "models" / f"{name}.safetensors")


FROZEN = load_file(HERE / "values.safetensors")


def makers() -> dict[str, Callable[..., nn.Module]]:
    """What makes the module of each case that has a state."""
    layers = {f"layer {name}": make for name, make in KAN_LAYERS.items()}
    return layers | {f"model {name}": make for name, make in MODELS.items()}


def frozen(name: str) -> dict[str, torch.Tensor]:
    """The frozen arrays of a case."""
    return {key.split("|")[1]: value for key, value in FROZEN.items() if key.startswith(f"{name}|")}


@pytest.mark.parametrize("name", CASES)
def test_numbers_are_those_of_the_first_house(name: str) -> None:
    expected, found = frozen(name), CASES[name]()
    assert expected
    state = {key: expected.pop(key) for key in list(expected) if key.startswith("state.")}
    if state:  # names and order of weights may change: then the old ones are read all the same
        twin = makers()[name](generator=torch.Generator().manual_seed(1), dtype=F64)
        twin.load_state_dict({key.removeprefix("state."): value for key, value in state.items()})
        expected |= {f"state.{key}": value for key, value in twin.state_dict().items()}
    for key in expected:
        torch.testing.assert_close(
            found[key], expected[key], rtol=0, atol=1e-12, msg=lambda m, k=key: f"{k}: {m}"
        )


@pytest.mark.parametrize("name", MODELS)
def test_files_of_the_first_house_are_read(name: str) -> None:
    model = qkan.models.load(HERE / "models" / f"{name}.safetensors").eval()
    expected = frozen(f"model {name}")
    torch.testing.assert_close(model(expected["x"]), expected["y"], rtol=0, atol=1e-12)


if __name__ == "__main__":
    freeze()
