"""The demonstration's filter on 196 patches by PennyLane, Aer and a fake device; a training step packed and not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pennylane as qml
import torch

from circuits import backend, packed, quanvolutional_filter
from circuits.backends import Backend
from circuits.backends.aer import AerBackend
from circuits.backends.estimator import transpiled
from circuits.backends.pubs import Pub, pubs_of
from circuits.qiskit import take_apart
from qkan.benchmarks.harness import Case, Report, measure, training_step
from qkan.models.kan import QKAN

__all__ = ["run"]

_PATCHES = 196
"""Of one image of MNIST."""

_SHOTS = 1024
_WIDTHS = (2, 5, 1)
_EDGE = "pz(depth=3)"
_BATCH = 1000
_STEP_SHOTS = 1000
_QUBITS = 27
"""As many as IBM's Falcon processors had."""


def run(*, repetitions: int = 7) -> Report:
    """Measure one image's patches on several backends, directly and by the nodes of the Fourier series.

    Args:
        repetitions: Turns of each case.
    """
    demo = quanvolutional_filter("demo")
    patches = np.random.default_rng(0).uniform(0, 1, (_PATCHES, demo.num_inputs))
    nodes = demo.plan.inputs
    exact, aer = backend("default.qubit"), AerBackend("aer")
    fake = backend("aer:fake_manila", shots=_SHOTS, seed=1)
    reference = f"default.qubit, {_PATCHES} patches as one broadcast"
    bound = "the same, and a transpilation for Aer"

    def transpile() -> None:
        transpiled.cache_clear()
        transpiled(aer, template)

    def broadcast_and_transpile() -> None:
        exact.run(demo, patches)
        transpile()

    measured = [qml.expval(observable) for observable in demo.observables]
    gates = take_apart(demo.apply(patches[0], **demo.check_weights()))
    ((pub,), _) = pubs_of([qml.tape.QuantumScript(gates, measured)], demo.num_wires)
    template = pub.template
    return measure(
        "backends",
        [
            Case(reference, lambda: exact.run(demo, patches)),
            Case(bound, broadcast_and_transpile, against=reference),
            Case("Aer, exact, one PUB", lambda: aer.run(demo, patches), against=bound, target=2),
            Case(
                f"FakeManila, {_SHOTS} shots, one PUB (target 1500 ms)",
                lambda: fake.run(demo, patches),
                against=reference,
            ),
            Case(
                f"FakeManila, {_SHOTS} shots, its {len(nodes)} nodes (target 400 ms)",
                lambda: fake.run(demo, nodes),
                against=reference,
            ),
            *packed_cases(),
        ],
        repetitions=repetitions,
        memory=False,
    )


@dataclass(frozen=True)
class _Counting(AerBackend):
    """Aer that writes down how many circuits a device would be asked for."""

    counted: list[int] = field(default_factory=list, compare=False, repr=False)

    def run_pubs(self, pubs: Sequence[Pub], *args: Any, **kwargs: Any) -> Any:
        self.counted.append(sum(-(-len(pub) // self.copies(pub)) for pub in pubs))
        return super().run_pubs(pubs, *args, **kwargs)


def packed_cases() -> list[Case]:
    """Return both ways, named with the circuits that they count; the aim is a 20th of them.

    A step of [2, 5, 1] with edges of 8 weights and 7 nodes is 15 edges x 7 nodes x (1 + 2 x 8) = 1785 circuits,
    whatever the batch.
    """
    alone = _Counting("aer", shots=_STEP_SHOTS, seed=0)
    one_by_one, circuits = _step(alone, alone.counted)
    together = packed(alone, qubits=_QUBITS)
    side_by_side, fewer = _step(together, alone.counted)
    label = f"QKAN {list(_WIDTHS)} step, {_STEP_SHOTS} shots on aer"
    against = f"{label}, {circuits} circuits one by one"
    ratio = circuits / fewer
    name = f"{label}, {fewer} circuits on {_QUBITS} qubits ({ratio:.0f}x fewer)"
    return [Case(against, one_by_one), Case(name, side_by_side, against=against, target=1.0)]


def _step(backend: Backend, counted: list[int]) -> tuple[Callable[[], object], int]:
    """Return a training step, and how many circuits it asks for."""
    generator = torch.Generator().manual_seed(0)
    model = QKAN(_WIDTHS, _EDGE, backend=backend, generator=generator)
    x = torch.rand(_BATCH, _WIDTHS[0], generator=generator)
    step = training_step(model, lambda: model(x).square().mean())
    step()  # the first one holds the circuit against the reference, too
    counted.clear()
    step()
    return step, sum(counted)
