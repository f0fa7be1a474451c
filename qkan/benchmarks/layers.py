"""Train steps of the KAN layers against an MLP of the same widths.

A step is: forward, loss, backward, and Adam. The floor beside a KAN is the step of its matrix
product alone: as many coefficients, multiplied with the inputs themselves instead of bases. For the
sines, whose frequencies are trained, it is that of the product and of sines of the inputs, with
their derivative.
The notebook's table-spline step stands beside ours, with its Python loop over the units.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from qkan.benchmarks.harness import Case, Report, measure, training_step
from qkan.experiments.notebook_networks import TableSplineLayer
from qkan.layers.bspline import BSplineKANLayer
from qkan.layers.chebyshev import ChebyshevKANLayer
from qkan.layers.fourier import FourierKANLayer
from qkan.layers.rbf import RBFKANLayer
from qkan.layers.sine import SineKANLayer

__all__ = ["layer_cases", "run", "table_cases"]

_SETTINGS = (([784, 64, 10], 64), ([784, 64, 10], 256), ([784, 128, 10], 64), ([2, 5, 1], 1000))
_BSPLINE_TARGETS = (7.0, 11.0, 9.0, 3.0)
_SINE_TARGETS = (8.0, None, None, None)
_GRID, _DEGREE, _SINES = 5, 3, 8
_TABLE_TARGET = 41 / 15  # the notebook's own step takes 41 times the MLP's
_TABLE_WIDTHS, _TABLE_BATCH = [784, 1024, 512, 256, 10], 256


class _ProductLayer(nn.Module):
    """The matrix product of a KAN layer, with repeated inputs in the place of its bases."""

    def __init__(self, in_features: int, out_features: int, num_basis: int) -> None:
        super().__init__()
        self.num_basis = num_basis
        weight = torch.randn(in_features * num_basis, out_features)
        self.weight = nn.Parameter(weight / (in_features * num_basis) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        return x.unsqueeze(-1).expand(-1, -1, self.num_basis).flatten(1) @ self.weight


class _SineProductLayer(_ProductLayer):
    """The same with sines of the inputs, and a gradient that reaches what is inside of them."""

    def forward(self, x: Tensor) -> Tensor:
        angles = x.unsqueeze(-1).expand(-1, -1, self.num_basis).flatten(1)
        if not angles.requires_grad:
            angles.requires_grad_()
        return torch.sin(angles) @ self.weight


def layer_cases(widths: list[int], batch: int) -> list[tuple[str, Callable[[], object]]]:
    """Return the names and train steps at one setting."""
    generator = torch.Generator().manual_seed(0)
    x = 2 * torch.rand(batch, widths[0], generator=generator) - 1
    pairs = list(pairwise(widths))

    def linear(m: int, n: int, depth: int) -> nn.Module:
        layer = nn.Linear(m, n)
        return layer if depth == len(pairs) - 1 else nn.Sequential(layer, nn.SiLU())

    kinds: dict[str, Callable[[int, int, int], nn.Module]] = {
        "MLP": linear,
        "B-spline product alone": lambda m, n, _: _ProductLayer(m, n, _GRID + _DEGREE + 1),
        "B-spline": lambda m, n, _: BSplineKANLayer(m, n, _GRID, _DEGREE),
        "sine product alone": lambda m, n, _: _SineProductLayer(m, n, _SINES),
        "sine": lambda m, n, depth: SineKANLayer(m, n, _SINES, first=depth == 0),
        "Fourier, degree 4": lambda m, n, _: FourierKANLayer(m, n, 4),
        "Chebyshev, degree 4": lambda m, n, _: ChebyshevKANLayer(m, n, 4),
        "RBF, grid 8": lambda m, n, _: RBFKANLayer(m, n, 8),
    }
    chains = {
        name: nn.Sequential(*(make(m, n, depth) for depth, (m, n) in enumerate(pairs)))
        for name, make in kinds.items()
    }
    return [(name, _train_step(model, x, widths[-1])) for name, model in chains.items()]


class _UnitLoopLayer(TableSplineLayer):
    """The table layer as the notebook computes it: unit by unit, each row by its distance."""

    def forward(self, x: Tensor) -> Tensor:
        z = self.affine(x)
        points = torch.linspace(-1, 1, len(self.table))
        units = []
        for z_o, weights in zip(z.unbind(1), self.coefficients, strict=True):
            row = (z_o.unsqueeze(1) - points).abs().argmin(1)
            units.append(self.table[row] @ weights)
        y: Tensor = self.batch_norm(torch.stack(units, dim=1))
        return y


def table_cases() -> list[Case]:
    """Return the notebook's table-spline step, ours, and the MLP's."""
    generator = torch.Generator().manual_seed(0)
    x = 2 * torch.rand(_TABLE_BATCH, _TABLE_WIDTHS[0], generator=generator) - 1

    def step(kind: type[nn.Module]) -> Callable[[], object]:
        model = nn.Sequential(*(kind(m, n) for m, n in pairwise(_TABLE_WIDTHS)))
        return _train_step(model, x, _TABLE_WIDTHS[-1])

    where = f"{_TABLE_WIDTHS} batch {_TABLE_BATCH}"
    return [
        Case(f"MLP {where}", step(nn.Linear)),
        Case(f"table spline, loop over units {where}", step(_UnitLoopLayer), f"MLP {where}"),
        Case(f"table spline {where}", step(TableSplineLayer), f"MLP {where}", target=_TABLE_TARGET),
    ]


def run(repetitions: int = 21) -> Report:
    """Measure every layer at every setting."""
    cases = []
    for setting, (widths, batch) in enumerate(_SETTINGS):
        where = f"{widths} batch {batch}"
        targets = {"B-spline": _BSPLINE_TARGETS[setting], "sine": _SINE_TARGETS[setting]}
        for name, step in layer_cases(widths, batch):
            floor = f"{name} product alone {where}" if name in targets else None
            cases.append(Case(f"{name} {where}", step, f"MLP {where}", floor, targets.get(name)))
    return measure("layers", [*cases, *table_cases()], repetitions=repetitions)


def _train_step(model: nn.Module, x: Tensor, outputs: int) -> Callable[[], object]:
    labels, values = torch.arange(len(x)) % outputs, x.prod(1, keepdim=True)

    def loss() -> Tensor:
        y = model(x)
        if outputs == 1:
            return functional.mse_loss(y, values)
        return functional.cross_entropy(y, labels)

    return training_step(model, loss, rate=1e-4)
