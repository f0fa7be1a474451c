"""Training steps of quantum KANs beside nn.Linear chains of the same widths, and where their time goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import pennylane as qml
import torch
from torch import Tensor, nn

from circuits import circuit
from qkan.benchmarks.harness import Case, Report, measure, training_step
from qkan.layers.quantum_kan import QuantumKANLayer
from qkan.layers.series_sum import series_sum

__all__ = ["run", "saved_for_backward"]

_CASES: tuple[tuple[tuple[int, ...], int, float, float], ...] = (
    ((784, 32, 10), 64, 14, 120),
    ((64, 64), 256, 9, 120),
    ((2, 5, 1), 1000, 6, 10),
)
"""Widths, batch, and the bounds on the ratio with a scale an input and with a scale an edge."""

Step = Callable[[], object]


def run(*, repetitions: int = 21) -> Report:
    """Measure forward, backward and Adam of degree-3 edges with the base term, float32.

    The floor of each step is Adam on as many parameters and the matrix products alone, as a chain of linear layers
    on 2 degree + 1 features an input.

    Args:
        repetitions: Turns of each case.
    """
    cases = [case for setting in _CASES for case in _steps(*setting)]
    cases += [*_parts((784, 32), 64), *_parts((64, 64), 256), *_own_edge()]
    return measure("qkan", cases, repetitions=repetitions)


def saved_for_backward(module: nn.Module, x: Tensor) -> int:
    """Return the bytes that autograd keeps for the backward pass, each storage once, without the parameters."""
    parameters = {p.untyped_storage().data_ptr() for p in module.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = module(x)
    del result
    return sum(kept.values())


def _steps(widths: Sequence[int], batch: int, per_input: float, per_edge: float) -> list[Case]:
    label = f"{list(widths)} batch {batch}"
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(batch, widths[0], generator=generator)

    def chain(**options: Any) -> nn.Sequential:
        options |= {"edge": "pz(depth=3)", "generator": generator}
        return nn.Sequential(*(QuantumKANLayer(a, b, **options) for a, b in pairwise(widths)))

    linear = nn.Sequential(*(nn.Linear(a, b) for a, b in pairwise(widths)))
    against, floor = f"nn.Linear {label}", f"floor {label}"
    quantum = chain()
    megabytes = saved_for_backward(quantum, x) / 2**20
    case = partial(Case, against=against, floor=floor)
    return [
        Case(against, _step(linear, x)),
        Case(floor, _floor(quantum, widths, batch), against=against),
        case(f"QKAN {label} ({megabytes:.1f} MiB saved)", _step(quantum, x), target=per_input),
        case(
            f"QKAN {label}, scale per edge",
            _step(chain(frequencies="per-edge"), x),
            target=per_edge,
        ),
    ]


def _step(module: Any, x: Tensor) -> Step:
    return training_step(module, lambda: module(x).square().mean())


def _adam_alone(module: nn.Module) -> Step:
    """Adam on as many parameters, without anything that makes their gradients."""
    parameters = [nn.Parameter(p.detach().clone()) for p in module.parameters()]
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    return torch.optim.Adam(parameters).step


def _floor(quantum: nn.Module, widths: Sequence[int], batch: int) -> Step:
    """Adam on the same parameters, and the three matrix products of each layer."""
    adam = _adam_alone(quantum)
    shapes = [
        (torch.rand(batch, 7 * a), torch.rand(7 * a, b), torch.rand(batch, b))
        for a, b in pairwise(widths)
    ]

    def run() -> None:
        for features, matrix, upstream in shapes:
            _ = features @ matrix
            _ = features.T @ upstream
            _ = upstream @ matrix.T
        adam()

    return run


def _parts(widths: tuple[int, int], batch: int) -> list[Case]:
    """Where the time of one layer's step goes; ratios are to the whole step."""
    layer = QuantumKANLayer(*widths, "pz(depth=3)")
    x = torch.rand(batch, widths[0])
    label = f"{list(widths)} batch {batch}"
    against = f"one layer's step {label}"
    coefficients = layer.circuit_coefficients().detach().requires_grad_()
    upstream = torch.ones_like(coefficients)

    def total(series: torch.Tensor) -> torch.Tensor:
        y = series_sum(x, layer.frequency, layer.phase, series[1:])
        return layer.plus_base(y + series[0].sum(0), x)

    def make_coefficients() -> None:
        torch.autograd.backward(layer.circuit_coefficients(), upstream)

    def product() -> None:
        torch.autograd.backward(total(coefficients).sum())

    return [
        Case(against, _step(layer, x)),
        Case(f"  coefficients {label}", make_coefficients, against=against),
        Case(f"  features and product {label}", product, against=against),
        Case(f"  optimiser {label}", _adam_alone(layer), against=against),
    ]


def _own_edge() -> list[Case]:
    """A user's own edge by its nodes on default.qubit, beside the closed form of the same circuit."""

    @circuit(wires=1, degree=3, weights={"theta": (4, 2)})
    def own(inputs: Any, theta: Any) -> None:
        for layer in range(4):
            qml.RZ(theta[layer, 0], wires=0)
            qml.RY(theta[layer, 1], wires=0)
            if layer < 3:
                qml.RZ(inputs[..., 0], wires=0)

    x = torch.rand(256, 64)
    closed, nodes = (
        _step(QuantumKANLayer(64, 64, own, evaluate=e), x) for e in ("closed", "fourier")
    )
    name = "own edge, closed form, [64, 64] batch 256"
    return [
        Case(name, closed),
        Case("own edge, nodes by PennyLane, [64, 64] batch 256", nodes, name, target=8),
    ]
