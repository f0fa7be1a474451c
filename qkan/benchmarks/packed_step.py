"""One training step of a QKAN with shots on Aer: circuits one by one, and side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from circuits import packed
from circuits.backends import Backend
from circuits.backends.aer import AerBackend
from circuits.backends.pubs import Pub
from qkan.benchmarks.harness import Case
from qkan.models.kan import QKAN

__all__ = ["cases"]

_WIDTHS = (2, 5, 1)
_EDGE = "pz(depth=3)"
_BATCH = 1000
_SHOTS = 1000
_QUBITS = 27
"""As many as IBM's Falcon processors had."""


@dataclass(frozen=True)
class _Counting(AerBackend):
    """Aer that writes down how many circuits a device would be asked for."""

    counted: list[int] = field(default_factory=list, compare=False, repr=False)

    def run_pubs(self, pubs: Sequence[Pub], *args: Any, **kwargs: Any) -> Any:
        self.counted.append(sum(-(-len(pub) // self.copies(pub)) for pub in pubs))
        return super().run_pubs(pubs, *args, **kwargs)


def cases() -> list[Case]:
    """Return both ways, named with the circuits that they count; the aim is a 20th of them.

    A step of [2, 5, 1] with edges of 8 weights and 7 nodes is 15 edges x 7 nodes x (1 + 2 x 8) = 1785 circuits,
    whatever the batch.
    """
    alone = _Counting("aer", shots=_SHOTS, seed=0)
    one_by_one, circuits = _step(alone, alone.counted)
    together = packed(alone, qubits=_QUBITS)
    side_by_side, fewer = _step(together, alone.counted)
    label = f"QKAN {list(_WIDTHS)} step, {_SHOTS} shots on aer"
    against = f"{label}, {circuits} circuits one by one"
    ratio = circuits / fewer
    name = f"{label}, {fewer} circuits on {_QUBITS} qubits ({ratio:.0f}x fewer)"
    return [Case(against, one_by_one), Case(name, side_by_side, against=against, target=1.0)]


def _step(backend: Backend, counted: list[int]) -> tuple[Callable[[], object], int]:
    """Return a training step, and how many circuits it asks for."""
    generator = torch.Generator().manual_seed(0)
    model = QKAN(_WIDTHS, _EDGE, backend=backend, generator=generator)
    optimizer = torch.optim.Adam(model.parameters())
    x = torch.rand(_BATCH, _WIDTHS[0], generator=generator)

    def run() -> None:
        optimizer.zero_grad()
        torch.autograd.backward(model(x).square().mean())
        optimizer.step()

    counted.clear()
    run()
    return run, sum(counted)
